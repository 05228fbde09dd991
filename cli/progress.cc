#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "api/text.h"
#include "api/types.h"
#include "base/text.h"
#include "cli/output.h"

namespace gb::cli {
namespace {

using std::chrono::seconds;

constexpr seconds kLineEvery{10};
constexpr std::size_t kNoWidth = 80;

struct Figures {
  std::string phase;
  std::uint64_t percent = 0;
  std::optional<std::uint64_t> rows;  // of work that counts none: no value
  std::uint64_t bytes = 0;
  std::uint64_t bytes_per_second = 0;
};

Figures figures_of(const api::Json& object) {
  const api::Json& progress = api::at_path(object, "status.progress");
  Figures f;
  f.phase = api::phase_of(object);
  if (f.phase.empty()) f.phase = "Pending";
  f.percent = std::min<std::uint64_t>(100, api::number_member(progress, "percent"));
  if (!progress.is_object() || progress.contains("rows"))
    f.rows = api::number_member(progress, "rows");
  f.bytes = api::number_member(progress, "bytes");
  f.bytes_per_second = api::number_member(progress, "bytesPerSecond");
  return f;
}

std::string counts(const Figures& f) {
  std::string text = f.rows ? std::to_string(*f.rows) + " rows, " : "";
  text += to_quantity(f.bytes);
  if (f.bytes_per_second > 0) text += ", " + to_quantity(f.bytes_per_second) + "/s";
  return text;
}

std::string padded_percent(std::uint64_t percent) {
  std::string text = std::to_string(percent) + "%";
  return std::string(4 - std::min<std::size_t>(4, text.size()), ' ') + text;
}

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kNoWidth;
  return size.ws_col;
}

}  // namespace

std::string progress_bar(const api::Json& object, seconds elapsed, std::size_t width) {
  constexpr std::size_t kBar = 30;
  const Figures f = figures_of(object);
  std::string phase = f.phase;
  phase.resize(std::max<std::size_t>(phase.size(), 12), ' ');
  std::string bar(f.percent * kBar / 100, '#');
  bar.resize(kBar, '.');
  std::string text = phase + " [" + bar + "] " + padded_percent(f.percent) + "  " + counts(f) +
                     ", " + human_duration(elapsed);
  // Before there is much to go by, a guess would only jump about.
  if (f.percent >= 5 && f.percent < 100 && elapsed >= seconds(3)) {
    const auto rest =
        elapsed * static_cast<std::int64_t>(100 - f.percent) / static_cast<std::int64_t>(f.percent);
    text += ", about " + human_duration(rest) + " to go";
  }
  if (text.size() > width) text.resize(width);
  return text;
}

std::string progress_line(const api::Json& object) {
  const Figures f = figures_of(object);
  return f.phase + ": " + std::to_string(f.percent) + "%, " + counts(f);
}

Progress::Progress() : Progress(system_clock()) {}

Progress::Progress(const Clock& clock)
    : clock_(clock), terminal_(::isatty(STDERR_FILENO) == 1), begun_(clock.steady_now()) {}

Progress::~Progress() {
  clear();
}

void Progress::clear() {
  if (drawn_) std::fprintf(stderr, "\r\033[K");
  drawn_ = false;
}

void Progress::show(const api::Json& object) {
  const SteadyTime now = clock_.steady_now();
  if (terminal_) {
    const auto elapsed = std::chrono::duration_cast<seconds>(now - begun_);
    // One column less than there are: some terminals wrap after the last one.
    const std::string bar = progress_bar(object, elapsed, terminal_width() - 1);
    std::fprintf(stderr, "\r\033[K%s", bar.c_str());
    drawn_ = true;
    return;
  }
  const std::string phase = api::phase_of(object);
  if (last_ && phase == last_phase_ && now - *last_ < kLineEvery) return;
  std::fprintf(stderr, "%s\n", progress_line(object).c_str());
  last_phase_ = phase;
  last_ = now;
}

void Progress::note(const std::string& text) {
  clear();
  std::fprintf(stderr, "%s\n", printable(text).c_str());
}

}  // namespace gb::cli
