#include "storage/repo/manifest.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "storage/repo/codec.h"
#include "storage/repo/wire.h"

namespace gb::storage::repo {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kMagic = "GBMANIF1";
constexpr std::string_view kEndMagic = "GBMANEND";
constexpr std::size_t kHeader = 20;
constexpr std::size_t kTrailer = 32 + 8;
constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kManifestUnsealed = 0;
// Bounds on what the text may unfold to: a table has its columns as values, and lists lie in lists.
constexpr std::size_t kMaxValues = 4'000'000;
constexpr int kMaxDepth = 5;

tl::unexpected<Error> damaged_manifest(std::string what) {
  return fail(Code::kCorruption, "the manifest " + std::move(what), "restore from another backup");
}

template <typename Digest>
std::string hex(const Digest& digest) {
  return to_hex(Bytes(digest));
}

// What a field holds that is not of the type that it must be.
struct BadField {
  const char* name;
};

const Json& field(const Json& object, const char* name) {
  if (!object.is_object()) throw BadField{name};
  const auto it = object.find(name);
  if (it == object.end()) throw BadField{name};
  return *it;
}

std::string text_of(const Json& value, const char* name) {
  if (!value.is_string()) throw BadField{name};
  return value.get<std::string>();
}
std::string text_field(const Json& object, const char* name) {
  return text_of(field(object, name), name);
}

std::uint64_t number_of(const Json& value, const char* name, std::uint64_t most = UINT64_MAX) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most) throw BadField{name};
  return value.get<std::uint64_t>();
}
std::uint64_t number_field(const Json& object, const char* name) {
  return number_of(field(object, name), name);
}

const Json::array_t& list_of(const Json& value, const char* name) {
  if (!value.is_array()) throw BadField{name};
  return value.get_ref<const Json::array_t&>();
}
const Json::array_t& list_field(const Json& object, const char* name) {
  return list_of(field(object, name), name);
}

template <typename Digest>
void read_digest(const Json& value, const char* name, Digest& out) {
  const auto bytes = from_hex(text_of(value, name));
  if (!bytes || bytes->size() != out.size()) throw BadField{name};
  std::memcpy(out.data(), bytes->data(), out.size());
}

PackId read_pack_id(const Json::array_t& list, const char* name, std::size_t backups) {
  if (list.size() < 2 || backups == 0) throw BadField{name};
  return {static_cast<std::uint32_t>(number_of(list[0], name, backups - 1)),
          static_cast<std::uint32_t>(number_of(list[1], name, UINT32_MAX))};
}

Json sizes_json(const Sizes& sizes) {
  return {{"logical", sizes.logical}, {"stored", sizes.stored}, {"added", sizes.added}};
}

Json to_json(const StoredManifest& in) {
  const Manifest& manifest = in.manifest;
  Json out = {{"format", manifest.format},
              {"namespace", manifest.ns},
              {"uid", manifest.uid},
              {"baseUid", manifest.base_uid},
              {"object", manifest.content.object},
              {"instances", Json::array()},
              {"tables", Json::array()},
              {"backups", in.backups},
              {"packs", Json::array()},
              {"sizes", sizes_json(manifest.sizes)}};
  for (const auto& instance : manifest.content.instances)
    out["instances"].push_back({{"name", instance.name}, {"content", instance.content}});
  for (std::size_t i = 0; i < manifest.tables.size(); ++i) {
    const Manifest::Table& table = manifest.tables[i];
    Json row = {{"instance", table.id.instance},
                {"schema", table.id.schema},
                {"table", table.id.table},
                {"columns", table.columns},
                {"rows", table.totals.rows},
                {"bytes", table.totals.bytes},
                {"digest", hex(table.totals.digest)},
                {"chunks", table.chunks}};
    if (const auto& ref = in.objects[i])
      row["object"] = {ref->pack.backup, ref->pack.number, ref->ordinal};
    out["tables"].push_back(std::move(row));
  }
  for (const auto& [id, digest] : in.pins)
    out["packs"].push_back(Json::array({id.backup, id.number, hex(digest)}));
  return out;
}

void read_table(const Json& row, StoredManifest& out) {
  Manifest::Table table;
  table.id = {text_field(row, "instance"), text_field(row, "schema"), text_field(row, "table")};
  for (const Json& column : list_field(row, "columns"))
    table.columns.push_back(text_of(column, "columns"));
  table.totals.rows = number_field(row, "rows");
  table.totals.bytes = number_field(row, "bytes");
  read_digest(field(row, "digest"), "digest", table.totals.digest);
  table.chunks = number_field(row, "chunks");
  std::optional<Ref> object;
  if (row.contains("object")) {
    const auto& list = list_field(row, "object");
    const PackId pack = read_pack_id(list, "object", out.backups.size());
    if (list.size() != 3) throw BadField{"object"};
    object = Ref{pack, static_cast<std::uint32_t>(number_of(list[2], "object", UINT32_MAX))};
  }
  if (object.has_value() != (table.chunks > 0)) throw BadField{"object"};
  if (!out.manifest.tables.empty() && !(out.manifest.tables.back().id < table.id))
    throw BadField{"tables"};  // each once, in order
  out.manifest.tables.push_back(std::move(table));
  out.objects.push_back(object);
}

StoredManifest read_json(const Json& json) {
  StoredManifest out;
  Manifest& manifest = out.manifest;
  manifest.format = static_cast<std::uint32_t>(number_of(field(json, "format"), "format", 1));
  manifest.ns = text_field(json, "namespace");
  manifest.uid = text_field(json, "uid");
  manifest.base_uid = text_field(json, "baseUid");
  manifest.content.object = text_field(json, "object");
  for (const Json& row : list_field(json, "instances"))
    manifest.content.instances.push_back({text_field(row, "name"), text_field(row, "content")});
  for (const Json& uid : list_field(json, "backups")) {
    out.backups.push_back(text_of(uid, "backups"));
    // They become parts of keys.
    if (!out.backups.back().empty() && !check_backup_name(manifest.ns, out.backups.back()))
      throw BadField{"backups"};
  }
  for (const Json& row : list_field(json, "packs")) {
    const auto& list = list_of(row, "packs");
    const PackId id = read_pack_id(list, "packs", out.backups.size());
    if (list.size() != 3 || out.backups[id.backup].empty()) throw BadField{"packs"};
    Sha256 digest{};
    read_digest(list[2], "packs", digest);
    if (!out.pins.emplace(id, digest).second) throw BadField{"packs"};
  }
  for (const Json& row : list_field(json, "tables")) read_table(row, out);
  const Json& sizes = field(json, "sizes");
  manifest.sizes = {number_field(sizes, "logical"), number_field(sizes, "stored"),
                    number_field(sizes, "added")};
  return out;
}

// The text as values, unless it nests deeper or holds more of them than a manifest can.
Result<Json> parse_json(const std::string& text) {
  std::size_t values = 0;
  bool bounded = true;
  const auto count = [&](int depth, Json::parse_event_t, Json&) {
    bounded = bounded && depth <= kMaxDepth && ++values <= kMaxValues;
    return bounded;
  };
  Json json = Json::parse(text, count, /*allow_exceptions=*/false);
  if (!bounded) return damaged_manifest("holds more than a manifest can");
  if (json.is_discarded()) return damaged_manifest("is no JSON");
  return json;
}

}  // namespace

Result<std::string> encode_manifest(const StoredManifest& manifest) {
  std::string text;
  try {
    text = to_json(manifest).dump();
  } catch (const Json::exception&) {
    return fail(Code::kInvalid, "the manifest cannot be written: a name or definition is no UTF-8");
  }
  if (text.size() > kMaxManifest)
    return fail(Code::kInvalid,
                "the definitions of this backup take " + to_quantity(text.size()) + ", more than " +
                    to_quantity(kMaxManifest),
                "back up fewer schemas at once");
  Buffer packed;
  const Codec codec = Compressor(3).append(as_bytes(text), packed);
  std::string out(kMagic);
  out.push_back(static_cast<char>(kFormat));
  out.push_back(static_cast<char>(codec));
  out.push_back(static_cast<char>(kManifestUnsealed));
  out.push_back('\0');
  put_u32(out, static_cast<std::uint32_t>(text.size()));
  put_u32(out, static_cast<std::uint32_t>(packed.size()));
  out.append(as_text(packed.bytes()));
  const Sha256 digest = sha256(as_bytes(out));
  out.append(as_text(Bytes(digest)));
  out.append(kEndMagic);
  return out;
}

Result<StoredManifest> parse_manifest(Bytes stored) {
  if (stored.size() < kHeader + kTrailer) return damaged_manifest("is cut short");
  const Bytes covered = stored.first(stored.size() - kTrailer);
  WireReader in(stored);
  const std::string_view magic = as_text(in.bytes(kMagic.size()));
  const std::uint8_t format = in.u8();
  const auto codec = static_cast<Codec>(in.u8());
  const std::uint8_t seal = in.u8();
  const std::uint8_t reserved = in.u8();
  const std::uint32_t plain = in.u32();
  const std::uint32_t length = in.u32();
  if (magic != kMagic) return damaged_manifest("does not begin as one");
  if (as_text(stored.last(kEndMagic.size())) != kEndMagic || covered.size() != kHeader + length)
    return damaged_manifest("is cut short or has bytes that do not belong to it");
  const Sha256 digest = sha256(covered);
  if (std::memcmp(digest.data(), stored.data() + covered.size(), digest.size()) != 0)
    return damaged_manifest("is damaged: its digest is another than recorded");
  if (format != kFormat || seal != kManifestUnsealed || reserved != 0)
    return fail(Code::kCorruption, "the manifest's format or seal is not known to this program",
                "use a newer version of this program");
  if (plain > kMaxManifest) return damaged_manifest("is larger than any can be");
  std::string text;
  if (auto opened = Decompressor().append(codec, covered.subspan(kHeader), plain, text); !opened)
    return wrap("the manifest cannot be read", std::move(opened).error());
  GB_TRY_ASSIGN(const Json json, parse_json(text));
  try {
    StoredManifest out = read_json(json);
    out.manifest.sizes.stored += stored.size();
    out.manifest.sizes.added += stored.size();
    return out;
  } catch (const BadField& bad) {
    return damaged_manifest(std::string("has no usable '") + bad.name + "'");
  } catch (const Json::exception&) {
    return damaged_manifest("cannot be read");
  }
}

}  // namespace gb::storage::repo
