#include "base/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>

namespace gb::metrics {
namespace {

std::string read_all(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::optional<double> cpu_seconds() {
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) != 0) return std::nullopt;
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// /proc/self/statm: the size of the address space, then what of it is resident, in pages.
std::optional<double> memory_bytes(int field) {
  std::istringstream statm(read_all("/proc/self/statm"));
  double pages = 0;
  for (int i = 0; i <= field; ++i)
    if (!(statm >> pages)) return std::nullopt;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

std::optional<double> open_fds() {
  std::error_code error;
  const std::filesystem::directory_iterator all("/proc/self/fd", error);
  if (error) return std::nullopt;
  return static_cast<double>(std::distance(begin(all), end(all)) - 1);  // but that of the look
}

std::optional<double> max_fds() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return static_cast<double>(limit.rlim_cur);
}

// The 22nd field of /proc/self/stat counts ticks since the machine began, which /proc/stat tells.
std::optional<double> start_seconds() {
  const std::string stat = read_all("/proc/self/stat");
  const std::size_t name_end = stat.rfind(')');  // the name may hold spaces
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number)
    if (!(fields >> field)) return std::nullopt;
  std::ifstream machine("/proc/stat");
  for (std::string line; std::getline(machine, line);)
    if (line.starts_with("btime "))
      return std::stod(line.substr(6)) +
             std::stod(field) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return std::nullopt;
}

}  // namespace

std::vector<Gauges> process_metrics() {
  std::vector<Gauges> all;
  const auto tell = [&](const char* name, const char* help, std::optional<double> value) {
    all.push_back({name, help, {}});
    if (value) all.back().series.push_back({{}, *value});
  };
  tell("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
       cpu_seconds());
  all.back().counter = true;
  tell("process_open_fds", "Number of open file descriptors.", open_fds());
  tell("process_max_fds", "Maximum number of open file descriptors.", max_fds());
  tell("process_virtual_memory_bytes", "Virtual memory size in bytes.", memory_bytes(0));
  tell("process_resident_memory_bytes", "Resident memory size in bytes.", memory_bytes(1));
  tell("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
       start_seconds());
  return all;
}

}  // namespace gb::metrics
