// What verification: Checksum shows of a backup: every byte reads back as it was written, and the
// rows of every table as they are stored have the digest of those that the server sent.
#pragma once

#include <memory>
#include <stop_token>

#include "api/types.h"
#include "base/error.h"
#include "jobs/environment.h"
#include "storage/repo/repo.h"

namespace gb::jobs {

// What a thread that dumps or reads back takes at most, one row of unusual size left aside:
// test/bench/run shows it.
inline constexpr std::uint64_t kBackupThreadBytes = std::uint64_t{24} << 20;

// The backup `uid` of namespace `ns`, read back. Corruption names what is not as it was; no other
// error says anything of the backup. Thread safety: from any thread.
Result<std::shared_ptr<const storage::BackupReader>> read_back(
    const Environment& environment, const Store& store, const std::string& ns,
    const std::string& uid, const storage::Sha256& digest, const api::BackupSpec& spec,
    std::stop_token stop);

}  // namespace gb::jobs
