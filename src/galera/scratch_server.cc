#include "galera/scratch_server.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "base/wait.h"
#include "galera/accounts.h"
#include "galera/child_process.h"
#include "galera/connection.h"
#include "galera/definitions.h"
#include "galera/introspect.h"
#include "galera/programs.h"
#include "galera/snapshot.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "gb-scratch-";
constexpr std::string_view kLock = "lock";
// Where packages put what is no command for users, beside the PATH.
constexpr std::array<const char*, 4> kFolders{"/usr/sbin", "/usr/libexec", "/usr/local/sbin",
                                              "/usr/bin"};
constexpr std::size_t kLogShown = 600;  // bytes of a server's log that a message may show
// By which accounts log in that are not built into every server.
constexpr std::array<const char*, 4> kLoginPlugins{"auth_ed25519", "auth_gssapi", "auth_pam",
                                                   "auth_parsec"};

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

bool is_program(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

std::vector<fs::path> search_path() {
  std::vector<fs::path> folders;
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(path == nullptr ? "" : path, ':'))
    if (!folder.empty()) folders.emplace_back(folder);
  folders.insert(folders.end(), kFolders.begin(), kFolders.end());
  return folders;
}

std::optional<fs::path> find_program(const std::vector<fs::path>& folders,
                                     std::initializer_list<const char*> names) {
  for (const char* name : names)
    for (const fs::path& folder : folders)
      if (is_program(folder / name)) return folder / name;
  return std::nullopt;
}

Error not_installed(const std::string& what) {
  return Error{Code::kNotFound,
               what + " was not found on the PATH nor in /usr/sbin, /usr/libexec, /usr/local/sbin",
               "install MariaDB's server package (mariadb-server); it need not run: a private "
               "server is started, without any network, and removed again",
               {},
               nullptr};
}

// What a program prints, the little that it is.
Result<std::string> output_of(const std::vector<std::string>& argv, const std::stop_token& stop) {
  const Descriptor memory(::memfd_create("galera-backup", MFD_CLOEXEC));
  if (memory.get() < 0) return fail(Code::kExhausted, "no memory for a program's output");
  GB_TRY_ASSIGN(ChildProcess child,
                ChildProcess::start(argv, "/proc/self/fd/" + std::to_string(memory.get()), 0));
  GB_TRY_ASSIGN(const int code, child.wait(std::chrono::seconds(30), stop));
  std::string text(4096, '\0');
  const ssize_t got = ::pread(memory.get(), text.data(), text.size(), 0);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  if (code != 0)
    return fail(Code::kInvalid,
                argv.front() + " ended with code " + std::to_string(code) + ": " + text);
  return text;
}

std::string end_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) return {};
  const std::streamoff size = in.tellg();
  const std::streamoff from = std::max<std::streamoff>(0, size - std::streamoff{kLogShown});
  std::string text(static_cast<std::size_t>(size - from), '\0');
  in.seekg(from);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, in.gcount())));
  return std::string(trim(text));
}

// A folder of ours: as long as it is used, its lock is held.
class Folder {
 public:
  static Result<Folder> make(const std::string& place) {
    std::string name = (fs::path(place) / (std::string(kPrefix) + "XXXXXX")).string();
    if (::mkdtemp(name.data()) == nullptr)
      return fail(errno == ENOSPC ? Code::kNoSpace : Code::kInvalid,
                  "no folder can be made in " + place + ": " + std::strerror(errno),
                  "name a folder on a disk with room enough");
    Folder folder(name);
    folder.lock_ =
        Descriptor(::open((folder.path_ / kLock).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (folder.lock_.get() < 0 || ::flock(folder.lock_.get(), LOCK_EX | LOCK_NB) != 0)
      return fail(Code::kInvalid, name + " cannot be locked: " + std::strerror(errno));
    return folder;
  }
  Folder(Folder&& other) noexcept
      : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}
  Folder& operator=(Folder&&) = delete;
  ~Folder() {
    if (path_.empty()) return;
    std::error_code failed;
    fs::remove_all(path_, failed);
    if (failed)
      log::warn("a scratch folder could not be removed",
                {{"folder", path_.string()}, {"error", failed.message()}});
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  explicit Folder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
  Descriptor lock_;
};

fs::path folder_of(const std::string& place, std::error_code& error) {
  return fs::absolute(place.empty() ? fs::temp_directory_path(error) : fs::path(place), error);
}

// What processes that were killed left: nobody holds its lock.
void sweep(const fs::path& place) {
  std::error_code ignored;
  for (fs::directory_iterator it(place, ignored), end; !ignored && it != end;
       it.increment(ignored)) {
    if (!it->path().filename().string().starts_with(kPrefix)) continue;
    struct stat about{};
    if (::lstat(it->path().c_str(), &about) != 0 || !S_ISDIR(about.st_mode) ||
        about.st_uid != ::geteuid())
      continue;
    const Descriptor lock(::open((it->path() / kLock).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) continue;
    std::error_code failed;
    fs::remove_all(it->path(), failed);
  }
}

// What comes back of them: a view that was broken when it was backed up is not made again.
std::vector<Schema> without_broken_views(std::vector<Schema> schemas) {
  for (Schema& schema : schemas)
    std::erase_if(schema.programs, [](const Program& program) {
      return program.kind == Program::Kind::kView && program.view_columns.empty();
    });
  return schemas;
}

// All tables lie in the server's own folder.
Status forget_directories(std::vector<Schema>& schemas) {
  for (Schema& schema : schemas)
    for (Table& table : schema.tables) {
      GB_TRY_ASSIGN(table.create_sql, without_directories(table.create_sql));
    }
  return {};
}

// Once: it is the same for every server that this process starts.
void warn_of_no_sandbox(const std::string& reason) {
  static std::once_flag once;
  std::call_once(once, [&] {
    log::warn("scratch servers are not kept to their folders: switch Landlock on in this kernel",
              {{"reason", reason}});
  });
}

class Scratch final : public ScratchServer {
 public:
  Scratch(Folder folder, Sandbox sandbox)
      : folder_(std::move(folder)), sandbox_(std::move(sandbox)) {}

  Status prepare(const ServerPrograms& programs, const ScratchOptions& options,
                 const std::stop_token& stop) {
    std::error_code error;
    for (const char* name : {"data", "tmp", "files"})
      if (!fs::create_directory(at(name), error))
        return fail(Code::kInvalid, at(name).string() + " cannot be made: " + error.message());
    const std::string log = at("install.log").string();
    std::vector<std::string> argv = {programs.install,
                                     "--no-defaults",
                                     "--datadir=" + at("data").string(),
                                     "--tmpdir=" + at("tmp").string(),
                                     "--auth-root-authentication-method=normal",
                                     "--skip-test-db",
                                     "--skip-name-resolve",
                                     page_size(options)};
    add_user(argv);
    GB_TRY_ASSIGN(ChildProcess install, ChildProcess::start(argv, log, options.nice, &sandbox_));
    auto code = install.wait(options.patience, stop);
    if (!code) return wrap(programs.install, std::move(code).error());
    if (*code != 0)
      return fail(
          free_bytes() == 0 ? Code::kNoSpace : Code::kUnavailable,
          programs.install + " ended with code " + std::to_string(*code) + ": " + end_of(log),
          "look whether MariaDB's server is installed completely, and whether " +
              folder_.path().parent_path().string() + " has room");
    return {};
  }

  Status run(const ServerPrograms& programs, const ScratchOptions& options,
             const std::stop_token& stop) {
    std::vector<std::string> argv = {
        programs.server, "--no-defaults", "--datadir=" + at("data").string(),
        "--tmpdir=" + at("tmp").string(), "--socket=" + socket(),
        "--pid-file=" + at("pid").string(),
        // What it is fed may neither read nor write files of the machine.
        "--secure-file-priv=" + at("files").string(), "--local-infile=OFF", "--skip-networking",
        // DATA DIRECTORY and INDEX DIRECTORY mean nothing: its tables lie in its own folder.
        "--skip-symbolic-links", "--skip-name-resolve", "--skip-log-bin", "--event-scheduler=OFF",
        "--performance-schema=OFF",
        "--innodb-buffer-pool-size=" + std::to_string(options.buffer_pool), page_size(options),
        // Nothing of it is to survive.
        "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=OFF",
        // Tables that an older or laxer server took are taken here, too.
        "--innodb-strict-mode=OFF", "--max-allowed-packet=1073741824"};
    add_user(argv);
    GB_TRY_ASSIGN(child_, ChildProcess::start(argv, log_file(), options.nice, &sandbox_));
    const auto deadline = std::chrono::steady_clock::now() + options.patience;
    constexpr std::chrono::milliseconds kLookEvery{50};
    const Endpoint self = endpoint("scratch");
    while (true) {
      if (!sleep_for(stop, kLookEvery)) return fail(Code::kCancelled, "interrupted");
      if (const auto code = child_->ended())
        return fail(Code::kUnavailable, "the scratch server ended with code " +
                                            std::to_string(*code) + ": " + end_of(log_file()));
      if (::access(socket().c_str(), F_OK) == 0 &&
          Connection::open(self, self.nodes.front(), {}, stop))
        return {};
      if (std::chrono::steady_clock::now() > deadline)
        return fail(Code::kUnavailable, "the scratch server did not come up within " +
                                            std::to_string(options.patience.count()) +
                                            " s: " + end_of(log_file()));
    }
  }

  [[nodiscard]] Endpoint endpoint(const std::string& instance) const override {
    Endpoint out;
    out.name = instance;
    out.scratch = true;
    Address address;
    address.host = "localhost";
    address.name = kScratchNode;
    address.socket = socket();
    out.nodes.push_back(std::move(address));
    return out;
  }

  Status make_ready(const InstanceModel& model, std::stop_token stop) const override {
    const Endpoint self = endpoint("scratch");
    GB_TRY_ASSIGN(Connection connection,
                  Connection::open(self, self.nodes.front(), {}, std::move(stop)));
    if (!model.accounts.empty())
      for (const char* plugin : kLoginPlugins)
        // Where it is not installed, an account that needs it says so.
        (void)connection.exec("INSTALL SONAME " + quote_text(plugin));
    GB_TRY_ASSIGN(std::set<std::string> there, existing_accounts(connection));
    for (const Account& account : model.accounts) there.insert(plain_account_name(account));
    for (const Schema& schema : model.schemas)
      for (const Program& program : schema.programs) {
        if (program.definer.empty() || has_definer(there, program.definer)) continue;
        const Definer definer = read_definer(program.definer);
        there.insert(definer.plain);
        GB_TRY(connection.exec(definer.role ? "CREATE ROLE " + definer.quoted
                                            : "CREATE USER " + definer.quoted + " ACCOUNT LOCK"));
        // A view on a view is made only where its definer may read that one.
        GB_TRY(connection.exec("GRANT ALL PRIVILEGES ON *.* TO " + definer.quoted));
      }
    return {};
  }

  Result<std::string> compare_definitions(const InstanceModel& model,
                                          std::stop_token stop) const override {
    const Endpoint self = endpoint("scratch");
    GB_TRY_ASSIGN(Connection connection,
                  open_dump_connection(self, self.nodes.front(), std::move(stop)));
    std::vector<std::string> names;
    for (const Schema& schema : model.schemas) names.push_back(schema.name);
    GB_TRY_ASSIGN(Definitions live, read_definitions(connection, names, {}));
    for (Schema& schema : live.schemas) {
      GB_TRY_ASSIGN(schema.programs, read_programs(connection, schema.name));
    }
    std::vector<Schema> wanted = without_broken_views(model.schemas);
    GB_TRY(forget_event_states(wanted));
    GB_TRY(forget_event_states(live.schemas));
    GB_TRY(forget_directories(wanted));
    return definitions_changed(wanted, live.schemas);
  }

  [[nodiscard]] std::uint64_t free_bytes() const override {
    std::error_code error;
    const fs::space_info space = fs::space(folder_.path(), error);
    return error ? 0 : space.available;
  }

  [[nodiscard]] Error explain(Error error) const override {
    const std::scoped_lock lock(mutex_);
    if (!child_ || error.code != Code::kUnavailable) return error;
    // The connection breaks a moment before the process is gone.
    for (int i = 0; i < 50 && !child_->ended(); ++i)
      (void)sleep_for({}, std::chrono::milliseconds(20));
    if (const auto code = child_->ended())
      error.message += "; the scratch server ended with code " + std::to_string(*code) +
                       ", and its log with: " + end_of(log_file());
    return error;
  }

  [[nodiscard]] std::string socket() const { return at("socket").string(); }

 private:
  [[nodiscard]] fs::path at(const char* name) const { return folder_.path() / name; }
  [[nodiscard]] std::string log_file() const { return at("log").string(); }
  static std::string page_size(const ScratchOptions& options) {
    return "--innodb-page-size=" + std::to_string(options.page_size);
  }
  // A server refuses to run as root unless told to.
  static void add_user(std::vector<std::string>& argv) {
    if (::geteuid() == 0) argv.emplace_back("--user=root");
  }

  Folder folder_;
  Sandbox sandbox_;  // of the folder
  mutable std::mutex mutex_;
  mutable std::optional<ChildProcess> child_;  // after the folder: it ends first
};

}  // namespace

Result<ServerPrograms> find_server_programs(const std::string& server, std::stop_token stop) {
  ServerPrograms out;
  std::vector<fs::path> folders = search_path();
  if (server.empty()) {
    const auto found = find_program(folders, {"mariadbd", "mysqld"});
    if (!found) return fail(not_installed("mariadbd"));
    out.server = found->string();
  } else {
    if (!is_program(server))
      return fail(Code::kNotFound, server + " is not a program", "name the path of a mariadbd");
    out.server = fs::absolute(server).string();
    // The one that came with it comes first.
    const fs::path own = fs::path(out.server).parent_path();
    folders.insert(folders.begin(),
                   {own, own.parent_path() / "bin", own.parent_path() / "scripts"});
  }
  const auto install = find_program(folders, {"mariadb-install-db", "mysql_install_db"});
  if (!install) return fail(not_installed("mariadb-install-db"));
  out.install = install->string();
  GB_TRY_ASSIGN(const std::string said,
                output_of({out.server, "--no-defaults", "--version"}, stop));
  const std::size_t at = said.find("Ver ");
  if (at == std::string::npos || said.find("MariaDB") == std::string::npos)
    return fail(Code::kNotFound, out.server + " is no MariaDB server: it says " + said,
                "name the path of a mariadbd");
  const std::string_view rest = std::string_view(said).substr(at + 4);
  out.version = std::string(trim(rest.substr(0, rest.find(' '))));
  return out;
}

void sweep_scratch_place(const std::string& place) {
  std::error_code error;
  const fs::path folder = folder_of(place, error);
  if (!error) sweep(folder);
}

Result<std::unique_ptr<ScratchServer>> ScratchServer::start(const ServerPrograms& programs,
                                                            const ScratchOptions& options,
                                                            std::stop_token stop) {
  std::error_code error;
  const fs::path place = folder_of(options.place, error);
  if (error || !fs::is_directory(place, error))
    return fail(Code::kInvalid, "there is no folder " + place.string() + " for a scratch server",
                "make it, on a disk with room enough, or name another");
  sweep(place);
  GB_TRY_ASSIGN(Folder folder, Folder::make(place.string()));
  GB_TRY_ASSIGN(Sandbox sandbox, Sandbox::make(folder.path().string()));
  if (!sandbox.lacking().empty()) warn_of_no_sandbox(sandbox.lacking());
  auto scratch = std::make_unique<Scratch>(std::move(folder), std::move(sandbox));
  if (scratch->socket().size() >= sizeof(sockaddr_un::sun_path))
    return fail(Code::kInvalid, "the path " + scratch->socket() + " is too long for a Unix socket",
                "name a folder with a shorter path");
  GB_TRY(scratch->prepare(programs, options, stop));
  GB_TRY(scratch->run(programs, options, stop));
  return scratch;
}

}  // namespace gb::galera
