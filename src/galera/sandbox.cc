#include "galera/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

namespace gb::galera {
namespace {

// What came after the header that we are compiled with, by Landlock's version.
constexpr std::uint64_t kRefer = 1ULL << 13;     // 2: to move from folder to folder
constexpr std::uint64_t kTruncate = 1ULL << 14;  // 3
constexpr std::uint64_t kTcp = 3;                // 4: to bind and to connect

// As the kernel has it today; to an older one, what it does not know is 0.
struct Attributes {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
};

constexpr std::uint64_t kWrites = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                  LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                  LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                  LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                  LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

Attributes rules_of(long version) {
  Attributes out;
  out.files = kWrites | (version >= 2 ? kRefer : 0) | (version >= 3 ? kTruncate : 0);
  out.network = version >= 4 ? kTcp : 0;
  return out;
}

// An errno, or 0.
int allow(int rules, const char* path, std::uint64_t access) {
  landlock_path_beneath_attr beneath{};
  beneath.allowed_access = access;
  beneath.parent_fd = ::open(path, O_PATH | O_CLOEXEC);
  if (beneath.parent_fd < 0) return errno;
  const long added =
      ::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0U);
  const int reason = added == 0 ? 0 : errno;
  ::close(beneath.parent_fd);
  return reason;
}

}  // namespace

Result<Sandbox> Sandbox::make(const std::string& folder) {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0U,
                                 static_cast<unsigned>(LANDLOCK_CREATE_RULESET_VERSION));
  if (version < 1) return Sandbox(-1, std::string("no Landlock: ") + std::strerror(errno));
  const Attributes attributes = rules_of(version);
  const auto rules = static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, &attributes,
                attributes.network == 0 ? sizeof attributes.files : sizeof attributes, 0U));
  if (rules < 0)
    return fail(Code::kExhausted, std::string("no rules of Landlock: ") + std::strerror(errno));
  Sandbox out(rules, {});
  int reason = allow(rules, folder.c_str(), attributes.files);
  // Scripts send there what nobody is to see.
  if (reason == 0) reason = allow(rules, "/dev/null", LANDLOCK_ACCESS_FS_WRITE_FILE);
  if (reason != 0)
    return fail(Code::kInvalid, "no sandbox for " + folder + ": " + std::strerror(reason));
  return out;
}

Sandbox::Sandbox(Sandbox&& other) noexcept
    : rules_(std::exchange(other.rules_, -1)), lacking_(std::move(other.lacking_)) {}

Sandbox& Sandbox::operator=(Sandbox&& other) noexcept {
  std::swap(rules_, other.rules_);
  std::swap(lacking_, other.lacking_);
  return *this;
}

Sandbox::~Sandbox() {
  if (rules_ >= 0) ::close(rules_);
}

int Sandbox::enter() const noexcept {
  if (rules_ < 0) return 0;
  // What is set-user-ID would leave it again.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  return ::syscall(SYS_landlock_restrict_self, rules_, 0U) == 0 ? 0 : errno;
}

}  // namespace gb::galera
