// kubectl galera local export: a backup as plain SQL in a file that is whole or not there.
#include "galera/export.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "api/types.h"
#include "base/text.h"
#include "cli/local.h"
#include "cli/local_session.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "jobs/environment.h"
#include "jobs/repo_streams.h"
#include "storage/repo/repo.h"

namespace gb::cli {
namespace {

tl::unexpected<Error> file_error(const std::string& what, const std::string& file) {
  const int number = errno;
  return fail(number == ENOSPC || number == EDQUOT ? Code::kNoSpace : Code::kInvalid,
              what + " " + file + ": " + std::generic_category().message(number));
}

// Standard output, or a file that gets its name when all of it is on the disk.
class SqlFile {
 public:
  explicit SqlFile(std::string name) : name_(std::move(name)) {}
  ~SqlFile() {
    if (file_ == nullptr || name_ == "-") return;
    std::fclose(file_);
    ::unlink(partial().c_str());
  }
  SqlFile(const SqlFile&) = delete;
  SqlFile& operator=(const SqlFile&) = delete;

  Status open() {
    if (name_ == "-") {
      file_ = stdout;
      return {};
    }
    if (::access(name_.c_str(), F_OK) == 0) return taken();
    // All of the databases is in it: for nobody else's eyes.
    const int fd = ::open(partial().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return file_error("cannot make", partial());
    file_ = ::fdopen(fd, "w");
    if (file_ == nullptr) return file_error("cannot open", partial());
    return {};
  }

  Status write(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size())
      return file_error("cannot write", name_ == "-" ? "standard output" : partial());
    return {};
  }

  Status finish() {
    if (std::fflush(file_) != 0 || (name_ != "-" && ::fsync(::fileno(file_)) != 0))
      return file_error("cannot write", name_ == "-" ? "standard output" : partial());
    if (name_ == "-") return {};
    // A link, unlike a rename, replaces nothing.
    if (::link(partial().c_str(), name_.c_str()) != 0)
      return errno == EEXIST ? taken() : Status(file_error("cannot make", name_));
    return {};
  }

 private:
  [[nodiscard]] std::string partial() const { return name_ + ".partial"; }
  [[nodiscard]] Status taken() const {
    return fail(Code::kAlreadyExists, name_ + " is there already",
                "name another file with --output, or remove it");
  }

  const std::string name_;
  std::FILE* file_ = nullptr;
};

Result<galera::ExportReport> export_backup(const LocalExport& command) {
  Session session;
  GB_TRY(require_repository(command.store));
  GB_TRY(session.open(command.store, true));
  GB_TRY_ASSIGN(const OpenBackup backup,
                open_backup(session, command.store, command.ns, command.backup, command.instance,
                            "to export"));
  jobs::RepoSource source(backup.reader, backup.instance);

  SqlFile file(command.output);
  GB_TRY(file.open());
  galera::ExportOptions options;
  options.databases = command.databases;
  options.grants = command.grants;
  options.title = "Backup " + backup.object->key().ns + "/" + backup.object->key().name +
                  ", instance " + backup.instance;
  GB_TRY_ASSIGN(galera::ExportReport report,
                galera::export_sql(
                    backup.model, options, source,
                    [&](std::string_view text) { return file.write(text); }, interrupt_token()));
  GB_TRY(file.finish());
  return report;
}

}  // namespace

int run(const LocalExport& command) {
  const auto report = export_backup(command);
  if (!report) return failed(report.error());
  for (const std::string& note : report->notes)
    std::fprintf(stderr, "note: %s\n", printable(note).c_str());
  std::fprintf(stderr, "%s: %llu tables, %llu rows\n",
               command.output == "-" ? "exported" : command.output.c_str(),
               static_cast<unsigned long long>(report->tables),
               static_cast<unsigned long long>(report->rows));
  return kDone;
}

}  // namespace gb::cli
