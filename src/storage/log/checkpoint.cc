#include "storage/log/checkpoint.h"

#include <zstd.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "storage/log/commit.h"
#include "storage/log/sealed_json.h"

namespace gb::storage {
namespace {

using Json = nlohmann::json;

// No object that a kube-apiserver lets through comes near (3 MiB); a hostile file gets no further.
constexpr std::size_t kMaxLine = 16 << 20;
constexpr int kMaxWindowLog = 23;
constexpr int kLevel = 3;

tl::unexpected<Error> damaged_checkpoint(std::string_view key, const std::string& why) {
  return fail(Code::kCorruption, std::string(key) + " is damaged: " + why,
              "an older checkpoint and the log after it are used where they are still there");
}

using Compressor = std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)>;
using Decompressor = std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)>;

Status compress(ZSTD_CCtx* context, std::string_view text, ZSTD_EndDirective end,
                std::string& out) {
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  char buffer[64 << 10];
  for (;;) {
    ZSTD_outBuffer piece{buffer, sizeof buffer, 0};
    const std::size_t left = ZSTD_compressStream2(context, &piece, &in, end);
    if (ZSTD_isError(left) != 0)
      return fail(Code::kInternal, std::string("zstd: ") + ZSTD_getErrorName(left));
    out.append(buffer, piece.pos);
    if (end == ZSTD_e_end ? left == 0 : in.pos == in.size) return {};
  }
}

// Calls `line` with each line, without its end, in order.
Status decompress_lines(std::string_view key, std::string_view bytes,
                        const std::function<Status(std::string)>& line) {
  const Decompressor context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  std::string rest;
  char buffer[256 << 10];
  std::size_t left = 1;
  while (left != 0) {
    ZSTD_outBuffer piece{buffer, sizeof buffer, 0};
    left = ZSTD_decompressStream(context.get(), &piece, &in);
    if (ZSTD_isError(left) != 0) return damaged_checkpoint(key, ZSTD_getErrorName(left));
    if (left != 0 && piece.pos == 0 && in.pos == in.size)
      return damaged_checkpoint(key, "its end is missing");
    std::string_view text(buffer, piece.pos);
    for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      GB_TRY(line(rest.append(text.substr(0, end))));
      rest.clear();
      text.remove_prefix(end + 1);
    }
    rest.append(text);
    if (rest.size() > kMaxLine) return damaged_checkpoint(key, "an object in it is too large");
  }
  if (in.pos != in.size || !rest.empty())
    return damaged_checkpoint(key, "something follows its end");
  return {};
}

}  // namespace

Result<std::string> encode(const Checkpoint& checkpoint) {
  // The objects of one resource stand together: the head says how many.
  Json resources = Json::array();
  for (const api::ObjectPtr& object : checkpoint.objects) {
    const std::string& resource = object->key().resource;
    if (resources.empty() || resources.back()["resource"] != resource)
      resources.push_back({{"resource", resource}, {"objects", 0U}});
    resources.back()["objects"] = resources.back()["objects"].get<std::uint64_t>() + 1;
  }
  const std::string head = seal_json(
      "{\"format\":1,\"revision\":" + std::to_string(checkpoint.revision) + ",\"commit\":\"" +
      to_hex(checkpoint.digest) + "\",\"repository\":" + json_string(checkpoint.repository) +
      ",\"writer\":" + json_string(checkpoint.writer) + ",\"time\":\"" +
      to_rfc3339_micro(checkpoint.time) + "\",\"resources\":" + resources.dump());
  const Compressor context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string out;
  GB_TRY(compress(context.get(), head, ZSTD_e_continue, out));
  for (const api::ObjectPtr& object : checkpoint.objects) {
    GB_TRY(compress(context.get(), object->json(), ZSTD_e_continue, out));
    GB_TRY(compress(context.get(), "\n", ZSTD_e_continue, out));
  }
  GB_TRY(compress(context.get(), {}, ZSTD_e_end, out));
  return out;
}

Result<Checkpoint> decode_checkpoint(std::string_view key, std::string_view bytes) {
  GB_TRY_ASSIGN(const std::uint64_t revision, revision_of_checkpoint_key(key));
  Checkpoint checkpoint;
  std::vector<std::pair<std::string, std::uint64_t>> expected;  // resource and how many are to come
  std::size_t at = 0;
  bool head = true;

  const auto read_head = [&](std::string text) -> Status {
    Json dom;
    GB_TRY(open_json(key, text.append("\n"), dom));
    try {
      checkpoint.revision = dom.at("revision").get<std::uint64_t>();
      GB_TRY_ASSIGN(checkpoint.digest, digest_from_hex(key, dom.at("commit").get<std::string>()));
      checkpoint.repository = dom.at("repository").get<std::string>();
      checkpoint.writer = dom.at("writer").get<std::string>();
      GB_TRY_ASSIGN(checkpoint.time, from_rfc3339(dom.at("time").get<std::string>()));
      for (const Json& resource : dom.at("resources"))
        expected.emplace_back(resource.at("resource").get<std::string>(),
                              resource.at("objects").get<std::uint64_t>());
    } catch (const Json::exception& error) {
      return damaged_checkpoint(key, error.what());
    }
    if (checkpoint.revision != revision)
      return damaged_checkpoint(key, "it is of another revision");
    return {};
  };
  const auto skip_done = [&] {
    while (at < expected.size() && expected[at].second == 0) ++at;
  };
  GB_TRY(decompress_lines(key, bytes, [&](std::string line) -> Status {
    if (head) {
      head = false;
      return read_head(std::move(line));
    }
    skip_done();
    if (at == expected.size()) return damaged_checkpoint(key, "it holds more objects than it says");
    auto object = api::Object::parse(expected[at].first, std::move(line));
    if (!object) return damaged_checkpoint(key, object.error().message);
    if ((*object)->revision() > revision || (*object)->key().name.empty())
      return damaged_checkpoint(key, "it holds an object that cannot be in it");
    if (!checkpoint.objects.empty() && !(checkpoint.objects.back()->key() < (*object)->key()))
      return damaged_checkpoint(key, "its objects are not in order");
    --expected[at].second;
    checkpoint.objects.push_back(std::move(*object));
    return {};
  }));
  skip_done();
  if (head || at != expected.size()) return damaged_checkpoint(key, "objects are missing");
  return checkpoint;
}

}  // namespace gb::storage
