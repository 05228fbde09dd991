#include "galera/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/wait.h"

namespace gb::galera {
namespace {

// In the child, where only what is safe in a signal handler may be called: the other threads of our
// process stood anywhere when it was split off.
[[noreturn]] void become(char* const* argv, int input, int output, int failure, int nice,
                         const Sandbox* sandbox, pid_t parent) {
  (void)::setpgid(0, 0);
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before it could be asked for
  (void)::setpriority(PRIO_PROCESS, 0, nice);
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP}) (void)::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  int reason = sandbox == nullptr ? 0 : sandbox->enter();
  if (reason == 0 && ::dup2(input, STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0 &&
      ::dup2(output, STDERR_FILENO) >= 0)
    ::execv(argv[0], argv);
  if (reason == 0) reason = errno;
  (void)!::write(failure, &reason, sizeof reason);
  ::_exit(127);
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const std::vector<std::string>& argv,
                                         const std::string& output, int nice,
                                         const Sandbox* sandbox) {
  std::vector<std::string> words = argv;
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  int failure[2] = {-1, -1};  // closed by a successful exec
  const bool ready = in >= 0 && out >= 0 && ::pipe2(failure, O_CLOEXEC) == 0;
  const int not_ready = errno;
  const pid_t parent = ::getpid();
  const pid_t pid = ready ? ::fork() : -1;
  const int not_split = errno;
  if (pid == 0) become(pointers.data(), in, out, failure[1], nice, sandbox, parent);
  for (const int fd : {in, out, failure[1]})
    if (fd >= 0) ::close(fd);
  int reason = 0;
  ssize_t told = 0;
  if (pid > 0)
    while ((told = ::read(failure[0], &reason, sizeof reason)) < 0 && errno == EINTR) {
    }
  if (failure[0] >= 0) ::close(failure[0]);
  if (!ready)
    return fail(Code::kInvalid, output + " cannot be written: " + std::strerror(not_ready));
  if (pid < 0)
    return fail(Code::kUnavailable,
                std::string("the system makes no process: ") + std::strerror(not_split));
  ChildProcess child(pid);
  if (told > 0)
    return fail(Code::kInvalid, argv.front() + " cannot be started: " + std::strerror(reason));
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), code_(other.code_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(code_, other.code_);
  return *this;
}

ChildProcess::~ChildProcess() {
  kill();
}

std::optional<int> ChildProcess::ended() {
  if (code_ || pid_ < 0) return code_;
  // Left unreaped until kill(): as long as it is there, no other process gets its number.
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
      info.si_pid == pid_)
    code_ = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  return code_;
}

Result<int> ChildProcess::wait(std::chrono::milliseconds patience, const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kLookEvery{20};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (true) {
    if (const auto code = ended()) return *code;
    if (std::chrono::steady_clock::now() >= deadline)
      return fail(Code::kUnavailable, "it did not end in time");
    if (!sleep_for(stop, kLookEvery)) return fail(Code::kCancelled, "interrupted");
  }
}

void ChildProcess::kill() {
  if (pid_ < 0) return;
  (void)::kill(-pid_, SIGKILL);  // its group: what it started must not stay behind
  (void)::kill(pid_, SIGKILL);   // it may not have made its group yet
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

}  // namespace gb::galera
