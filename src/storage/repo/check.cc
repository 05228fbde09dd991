// The check of a whole repository: what is listed, what the manifests name, and whether they agree.
#include <algorithm>
#include <map>
#include <set>

#include "storage/log/check_log.h"
#include "storage/repo/backup_reader.h"
#include "storage/repo/inventory.h"
#include "storage/repo/pack_format.h"
#include "storage/repo/pack_source.h"

namespace gb::storage {
namespace repo {
namespace {

constexpr std::uint64_t kReadAtOnce = 8U << 20;
constexpr std::size_t kNamed = 20;  // tables that a finding names

// A pack that a manifest names, and what is wrong with it.
struct Judged {
  Sha256 id{};             // as the first manifest that names it says
  std::string wrong;       // of the whole pack; empty: readable
  std::string wrong_blob;  // of one of `bad`
  std::set<std::uint32_t> bad;
  std::set<std::uint32_t> unfolded;  // deltas that were looked at
  std::set<std::string> hurt;        // the tables that need what is damaged

  [[nodiscard]] bool damages(std::uint32_t ordinal) const {
    return !wrong.empty() || bad.contains(ordinal);
  }
};

std::string name_of(const BackupName& backup) {
  return backup.ns + "/" + backup.uid;
}

Status check_cancelled() {
  return fail(Code::kCancelled, "the check was called off");
}

class Check {
 public:
  Check(BlobStore& store, const CheckOptions& options, std::stop_token stop)
      : store_(store), options_(options), stop_(std::move(stop)) {}

  Result<std::vector<Finding>> run() {
    GB_TRY_ASSIGN(inventory_, take_inventory(store_, "data/"));
    const std::set<BackupName> listed = inventory_.manifests;
    for (const BackupName& backup : listed) GB_TRY(read_pins(backup));
    for (auto& [place, judged] : packs_) GB_TRY(judge(place, judged));
    for (const BackupName& backup : readable_) GB_TRY(walk(backup));
    report_packs();
    GB_TRY(report_orphans());
    return std::move(findings_);
  }

 private:
  void damage(std::string key, std::string message) {
    findings_.push_back({true, std::move(key), std::move(message)});
  }
  void harmless(std::string key, std::string message) {
    findings_.push_back({false, std::move(key), std::move(message)});
  }

  // The backup, or null when it was deleted meanwhile or its manifest is damaged (which is reported
  // at the first look only).
  Result<std::shared_ptr<const StoredBackup>> open(const BackupName& backup, bool first_look) {
    auto opened = StoredBackup::open(store_, backup.ns, backup.uid, std::nullopt);
    if (opened) return opened;
    if (opened.error().code == Code::kNotFound) {
      // Freed since the listing: what others need of it is not left over from anything.
      inventory_.manifests.erase(backup);
      return nullptr;
    }
    if (opened.error().code != Code::kCorruption) return opened;
    unreadable_ = true;
    if (first_look)
      damage(manifest_key(backup.ns, backup.uid),
             "backup " + name_of(backup) + " cannot be restored: " + opened.error().text());
    return nullptr;
  }

  Status read_pins(const BackupName& backup) {
    if (stop_.stop_requested()) return check_cancelled();
    GB_TRY_ASSIGN(const auto opened, open(backup, true));
    if (opened == nullptr) return {};
    readable_.push_back(backup);
    for (const auto& [id, digest] : opened->stored().pins) {
      const PackPlace place{{backup.ns, opened->stored().backups[id.backup]}, id.number};
      const auto [it, added] = packs_.try_emplace(place);
      if (added)
        it->second.id = digest;
      else if (it->second.id != digest)
        damage(manifest_key(backup.ns, backup.uid),
               "backup " + name_of(backup) + " names another content for " + key_of(place) +
                   " than an earlier backup does");
    }
    return {};
  }

  [[nodiscard]] std::string key_of(const PackPlace& place) const {
    const auto it = inventory_.packs.find(place);
    if (it != inventory_.packs.end()) return it->second.key;
    return pack_key({place.backup.ns, place.backup.uid, place.number, 0});
  }

  Status judge(const PackPlace& place, Judged& judged) {
    if (stop_.stop_requested()) return check_cancelled();
    if (!inventory_.packs.contains(place)) {
      // A listing beside a writer may miss what came during it: only a second look is sure.
      GB_TRY_ASSIGN(auto again,
                    take_inventory(store_, backup_prefix(place.backup.ns, place.backup.uid)));
      if (auto found = again.packs.extract(place); !found.empty())
        inventory_.packs.insert(std::move(found));
    }
    const auto file = inventory_.packs.find(place);
    if (file == inventory_.packs.end()) {
      judged.wrong = "the pack is missing";
      return {};
    }
    auto pack = load_pack(store_, file->second.key, file->second.size);
    if (!pack && pack.error().code != Code::kCorruption) return fail(std::move(pack).error());
    if (!pack)
      judged.wrong = pack.error().cause ? pack.error().cause->message : pack.error().message;
    else if (pack->footer.id != judged.id)
      judged.wrong = "the pack is not the one that the manifest names";
    else if (options_.read_data)
      return read_pack(*pack, judged);
    return {};
  }

  Status read_pack(const Pack& pack, Judged& judged) {
    const auto& blobs = pack.footer.blobs;
    for (std::size_t first = 0; first < blobs.size();) {
      if (stop_.stop_requested()) return check_cancelled();
      const std::uint64_t begin = blobs[first].offset;
      std::size_t last = first + 1;
      std::uint64_t length = blobs[first].length;
      while (last < blobs.size() && length + blobs[last].length <= kReadAtOnce)
        length += blobs[last++].length;
      GB_TRY_ASSIGN(const std::string bytes, store_.get_range(pack.key, begin, length));
      for (; first < last; ++first) {
        if (blobs[first].length == 0) continue;  // dropped by compaction
        std::string plain;
        // A pack that was cut after its listing gives less than was asked for.
        const auto stored = std::string_view(bytes).substr(
            std::min<std::uint64_t>(blobs[first].offset - begin, bytes.size()),
            blobs[first].length);
        // A delta is unfolded where a backup is seen that needs it, and knows what it is against.
        const auto opened =
            blobs[first].codec == Codec::kZstdDelta
                ? check_stored(blobs[first], as_bytes(stored))
                : open_blob(decompressor_, blobs[first], as_bytes(stored), {}, plain);
        if (opened) continue;
        judged.bad.insert(static_cast<std::uint32_t>(first));
        judged.wrong_blob = "blob " + std::to_string(first) + ": " + opened.error().message;
      }
    }
    return {};
  }

  // Unfolds what is a delta, once however many backups refer to it. What is wrong with its base is
  // told of the base.
  Status unfold(const PackSource& packs, const Ref& ref, Judged& judged) {
    const auto blob = packs.find(ref, BlobKind::kColumn);
    if (!blob || blob->codec != Codec::kZstdDelta || !judged.unfolded.insert(ref.ordinal).second)
      return {};
    const auto read = packs.read(ref, BlobKind::kColumn);
    if (read) return {};
    if (read.error().code != Code::kCorruption) return fail(read.error());
    if (const auto base = packs.base_of(ref); base && *base) {
      const auto against = packs.find(**base, BlobKind::kColumn);
      const bool chained = against && against->codec == Codec::kZstdDelta;
      if (!chained && !packs.read(**base, BlobKind::kColumn)) return {};
    }
    judged.bad.insert(ref.ordinal);
    judged.wrong_blob = "blob " + std::to_string(ref.ordinal) + ": " + read.error().text();
    return {};
  }

  // Compares a backup's tree with the packs, and notes which tables need what is damaged.
  Status walk(const BackupName& backup) {
    GB_TRY_ASSIGN(const auto opened, open(backup, false));
    if (opened == nullptr) return {};
    for (std::size_t i = 0; i < opened->manifest().tables.size(); ++i) {
      const TableId& id = opened->manifest().tables[i].id;
      const std::string table =
          "backup " + name_of(backup) + " table " + id.schema + "." + id.table;
      bool explained = false;
      const auto& backups = opened->stored().backups;
      const auto visit = [&](const Ref& ref, BlobKind kind) -> Status {
        const std::string uid =
            ref.pack.backup < backups.size() ? backups[ref.pack.backup] : std::string();
        const PackPlace place{{backup.ns, uid}, ref.pack.number};
        const auto pack = packs_.find(place);
        if (pack != packs_.end() && kind == BlobKind::kColumn && options_.read_data &&
            !pack->second.damages(ref.ordinal))
          GB_TRY(unfold(opened->packs(), ref, pack->second));
        if (pack != packs_.end() && pack->second.damages(ref.ordinal)) {
          pack->second.hurt.insert(table);
          explained = true;
          return {};
        }
        GB_TRY(opened->packs().find(ref, kind));
        return {};
      };
      auto walked = opened->walk(i, stop_, visit);
      if (walked) continue;
      if (walked.error().code != Code::kCorruption) return walked;
      if (!explained)
        damage(manifest_key(backup.ns, backup.uid),
               table + " cannot be restored: " + walked.error().text());
    }
    return {};
  }

  void report_packs() {
    for (const auto& [place, judged] : packs_) {
      if (judged.wrong.empty() && judged.bad.empty()) continue;
      std::string message = judged.wrong.empty() ? judged.wrong_blob : judged.wrong;
      if (judged.wrong.empty() && judged.bad.size() > 1)
        message.insert(0, std::to_string(judged.bad.size()) + " blobs are damaged, the last is ");
      if (judged.hurt.empty()) {
        // The pin alone: a table needs nothing of it.
        (judged.wrong.empty() ? harmless(key_of(place), message + "; no backup needs it")
                              : damage(key_of(place), message + ", a backup's manifest names it"));
        continue;
      }
      std::vector<std::string> tables(judged.hurt.begin(), judged.hurt.end());
      if (tables.size() > kNamed) {
        const std::size_t more = tables.size() - kNamed;
        tables.resize(kNamed);
        tables.push_back(std::to_string(more) + " more");
      }
      message += "; not restorable: " + join(tables, ", ");
      damage(key_of(place), message);
    }
  }

  Status report_orphans() {
    const auto ended = [this](const BackupName& backup) {
      return std::ranges::find(options_.ended, backup) != options_.ended.end();
    };
    const bool may_remove = options_.repair && !unreadable_;
    for (const auto& [place, file] : inventory_.packs) {
      if (packs_.contains(place)) continue;
      const bool completed = inventory_.manifests.contains(place.backup);
      std::string message =
          completed ? "no backup needs this pack: a leftover of an attempt before backup " +
                          name_of(place.backup) + " completed"
                    : "a pack of backup " + name_of(place.backup) +
                          ", which has no manifest: its dump is running or never completed";
      if (may_remove && (completed || ended(place.backup))) {
        GB_TRY(store_.remove(file.key));
        message += "; removed";
      } else if (options_.repair) {
        message += unreadable_ ? "; kept, since a manifest that cannot be read may need it"
                               : "; kept, since its dump may be running";
      }
      harmless(file.key, std::move(message));
    }
    for (const std::string& key : inventory_.strangers)
      harmless(key, "this is not part of a repository; it is left alone");
    return {};
  }

  BlobStore& store_;
  const CheckOptions& options_;
  const std::stop_token stop_;
  Inventory inventory_;
  std::vector<BackupName> readable_;
  bool unreadable_ = false;            // a manifest could not be read: nobody knows what it needs
  std::map<PackPlace, Judged> packs_;  // those that manifests name
  Decompressor decompressor_;
  std::vector<Finding> findings_;
};

}  // namespace
}  // namespace repo

Result<std::vector<Finding>> check_repository(BlobStore& store, const CheckOptions& options,
                                              std::stop_token stop) {
  GB_TRY_ASSIGN(auto findings, check_log(store, stop));
  GB_TRY_ASSIGN(auto data, repo::Check(store, options, std::move(stop)).run());
  findings.insert(findings.end(), std::make_move_iterator(data.begin()),
                  std::make_move_iterator(data.end()));
  return findings;
}

}  // namespace gb::storage
