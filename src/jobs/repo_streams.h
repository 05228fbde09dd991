// The engine's streams over the repository: what a dump writes to and a restore reads from.
#pragma once

#include <memory>
#include <string>

#include "galera/stream.h"
#include "storage/repo/repo.h"

namespace gb::jobs {

// One instance's tables into the backup that `writer` writes. Thread safety: as DumpSink.
class RepoSink final : public galera::DumpSink {
 public:
  RepoSink(storage::BackupWriter& writer, std::string instance)
      : writer_(writer), instance_(std::move(instance)) {}
  Result<std::unique_ptr<galera::TableSink>> table(
      const std::string& schema, const std::string& table,
      const std::vector<std::string>& columns) override;

 private:
  storage::BackupWriter& writer_;
  std::string instance_;
};

// One instance's tables out of a backup. Thread safety: as DumpSource.
class RepoSource final : public galera::DumpSource {
 public:
  RepoSource(std::shared_ptr<const storage::BackupReader> reader, std::string instance)
      : reader_(std::move(reader)), instance_(std::move(instance)) {}
  Result<std::unique_ptr<galera::TableSource>> table(const std::string& schema,
                                                     const std::string& table) override;

 private:
  std::shared_ptr<const storage::BackupReader> reader_;
  std::string instance_;
};

}  // namespace gb::jobs
