#include "jobs/read_back.h"

#include <utility>

#include "jobs/repo_streams.h"

namespace gb::jobs {

Result<std::shared_ptr<const storage::BackupReader>> read_back(
    const Environment& environment, const Store& store, const std::string& ns,
    const std::string& uid, const storage::Sha256& digest, const api::BackupSpec& spec,
    std::stop_token stop) {
  GB_TRY_ASSIGN(auto reader, storage::BackupReader::open(*store.blobs, ns, uid, digest));
  GB_TRY(reader->verify_structure(stop));
  const unsigned threads = environment.threads_within_memory(spec.threads, kBackupThreadBytes);
  for (const auto& content : reader->manifest().content.instances) {
    GB_TRY_ASSIGN(const galera::InstanceModel model, galera::from_json(content.content));
    RepoSource source(reader, content.name);
    GB_TRY_ASSIGN(const auto tables,
                  environment.engine->compare_stored(model, source, threads, stop));
    for (const galera::TableComparison& table : tables)
      if (!table.equal())
        return fail(Code::kCorruption,
                    "table " + table.schema + "." + table.table +
                        ": its rows as stored have another digest than those that the server sent");
  }
  return reader;
}

}  // namespace gb::jobs
