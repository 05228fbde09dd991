#include "kube/exec_credential.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "api/text.h"
#include "base/text.h"

namespace gb::kube {
namespace {

using api::Json;

// A person may have to look for a key or a telephone.
constexpr std::chrono::seconds kPluginPatience{120};

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) ends_ = {-1, -1};
  }
  ~Pipe() {
    close_write();
    if (ends_[0] >= 0) ::close(ends_[0]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_write() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  [[nodiscard]] int read_end() const { return ends_[0]; }
  [[nodiscard]] int write_end() const { return ends_[1]; }

 private:
  std::array<int, 2> ends_{};
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> environment_of(const ExecPlugin& plugin, bool interactive) {
  std::vector<std::string> variables;
  for (char** one = environ; *one != nullptr; ++one)
    if (!std::string_view(*one).starts_with("KUBERNETES_EXEC_INFO=")) variables.emplace_back(*one);
  for (const auto& [name, value] : plugin.environment) {
    std::erase_if(variables, [&](const std::string& v) { return v.starts_with(name + "="); });
    variables.push_back(name + "=" + value);
  }
  Json info = {{"kind", "ExecCredential"},
               {"apiVersion", plugin.api_version},
               {"spec", {{"interactive", interactive}}}};
  if (!plugin.cluster_json.empty()) info["spec"]["cluster"] = Json::parse(plugin.cluster_json);
  variables.push_back("KUBERNETES_EXEC_INFO=" + info.dump());
  return variables;
}

// Everything that the program writes until it closes its output; Unauthenticated when that lasts.
Status read_all(int fd, std::string& text, const std::stop_token& stop) {
  const auto deadline = std::chrono::steady_clock::now() + kPluginPatience;
  std::array<char, 4096> buffer{};
  while (true) {
    if (stop.stop_requested()) return fail(Code::kCancelled, "interrupted");
    if (std::chrono::steady_clock::now() > deadline)
      return fail(Code::kUnauthenticated, "it did not end within two minutes");
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, 200) <= 0) continue;
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got == 0) return {};
    if (got < 0 && errno != EINTR) return fail(Code::kUnauthenticated, "its output cannot be read");
    if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Result<std::string> run(const ExecPlugin& plugin, const std::stop_token& stop) {
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  const bool interactive = plugin.may_ask && terminal;
  if (plugin.must_ask && !terminal)
    return fail(Code::kUnauthenticated, "it needs a terminal, and there is none");
  Pipe pipe;
  std::vector<std::string> words = plugin.arguments;
  words.insert(words.begin(), plugin.command);
  std::vector<std::string> variables = environment_of(plugin, interactive);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, pipe.write_end(), STDOUT_FILENO);
  if (!interactive)
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  // Our signals are blocked for a thread of ours; the program is to have its own.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  // One that asks nobody gets a group of its own, so that it can be ended with all that it started;
  // one that asks must stay in ours, or the terminal would not let it read.
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(
      &attributes,
      static_cast<short>(POSIX_SPAWN_SETSIGMASK | (interactive ? 0 : POSIX_SPAWN_SETPGROUP)));
  pid_t pid = 0;
  const int failed = ::posix_spawnp(&pid, plugin.command.c_str(), &files, &attributes,
                                    pointers(words).data(), pointers(variables).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  pipe.close_write();
  if (failed != 0)
    return fail(Code::kUnauthenticated, std::string("it cannot be started: ") + strerror(failed));
  std::string output;
  const Status read = read_all(pipe.read_end(), output, stop);
  if (!read) ::kill(interactive ? pid : -pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  GB_TRY(read);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return fail(Code::kUnauthenticated,
                WIFEXITED(status) ? "it ended with exit code " + std::to_string(WEXITSTATUS(status))
                                  : "it was ended by signal " + std::to_string(WTERMSIG(status)));
  return output;
}

Result<Credential> parse(const std::string& output, const std::string& api_version) {
  const Json answer = Json::parse(output, nullptr, /*allow_exceptions=*/false);
  if (api::text_member(answer, "kind") != "ExecCredential")
    return fail(Code::kUnauthenticated, "what it wrote is no ExecCredential");
  if (api::text_member(answer, "apiVersion") != api_version)
    return fail(Code::kUnauthenticated, "it answered in apiVersion \"" +
                                            api::text_member(answer, "apiVersion") +
                                            "\", not in \"" + api_version + "\"");
  const Json& status = api::member(answer, "status");
  Credential credential;
  credential.token = api::text_member(status, "token");
  credential.certificate_pem = api::text_member(status, "clientCertificateData");
  credential.key_pem = api::text_member(status, "clientKeyData");
  if (credential.token.empty() && credential.certificate_pem.empty())
    return fail(Code::kUnauthenticated, "it gave neither a token nor a certificate");
  if (credential.certificate_pem.empty() != credential.key_pem.empty())
    return fail(Code::kUnauthenticated, "it gave a certificate without its key, or a key alone");
  if (const std::string at = api::text_member(status, "expirationTimestamp"); !at.empty()) {
    const auto time = from_rfc3339(at);
    if (!time) return fail(Code::kUnauthenticated, "its expirationTimestamp is not a time");
    credential.expires = *time;
  }
  return credential;
}

}  // namespace

Result<Credential> ExecCredentials::get(std::stop_token stop) {
  const std::lock_guard lock(mutex_);
  if (last_ && (!last_->expires || clock_.now() < *last_->expires)) return *last_;
  auto said = run(plugin_, stop);
  auto credential =
      said ? parse(*said, plugin_.api_version) : Result<Credential>(tl::unexpected(said.error()));
  if (!credential) {
    Error error = std::move(credential).error();
    error.hint = plugin_.install_hint;
    return wrap("the credential plugin \"" + plugin_.command + "\" gave no credential",
                std::move(error));
  }
  last_ = *credential;
  return *credential;
}

void ExecCredentials::drop() {
  const std::lock_guard lock(mutex_);
  last_.reset();
}

}  // namespace gb::kube
