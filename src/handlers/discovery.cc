#include "handlers/discovery.h"

#include <nlohmann/json.hpp>

#include "api/openapi.h"
#include "api/types.h"
#include "base/text.h"
#include "handlers/respond.h"
#include "storage/crypto/digest.h"

namespace gb::handlers {
namespace {

constexpr const char* kJson = "application/json";
#if defined(__aarch64__)
constexpr const char* kPlatform = "linux/arm64";
#else
constexpr const char* kPlatform = "linux/amd64";
#endif

http::Response only_get(const Call& call) {
  http::Response refused = refusal(api::method_not_allowed(), call.accept);
  refused.headers.add("Allow", "GET");
  return refused;
}

http::Response negotiated(const Call& call, const std::string& json) {
  const auto media = api::negotiate_discovery(call.accept);
  if (!media) return refusal(media.error(), call.accept);
  const bool pretty = api::wants_pretty(api::query_value(call.query(), "pretty"), call.user_agent);
  http::Response out;
  out.headers.add("Content-Type",
                  media->format == api::BodyFormat::kYaml ? "application/yaml" : kJson);
  out.body = api::encode(json, media->format, pretty);
  return out;
}

// A document with its ETag; 304 without a body when the client has it.
http::Response tagged(const Call& call, const http::Piece& text, const std::string& hash,
                      const std::string& content_type, const std::string& cache_control) {
  const std::string etag = "\"" + hash + "\"";
  http::Response out;
  out.headers.add("ETag", etag);
  out.headers.add("Vary", "Accept");
  if (!cache_control.empty()) out.headers.add("Cache-Control", cache_control);
  if (call.if_none_match == etag) {
    out.status = 304;
    return out;
  }
  out.headers.add("Content-Type", content_type);
  out.body = std::vector<http::Piece>{text};
  return out;
}

// OpenAPI v3 is served as JSON only; clients that ask for nothing else than its protobuf form learn
// it.
bool takes_json(std::string_view accept) {
  return accept.empty() || accept.find("json") != std::string_view::npos ||
         accept.find("*/*") != std::string_view::npos ||
         accept.find("application/*") != std::string_view::npos;
}

}  // namespace

Discovery::Document Discovery::document(const std::string& text) {
  std::string hash = to_hex(storage::sha512(as_bytes(text)));
  for (char& c : hash)
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
  // Owned by nobody here: the texts live as long as the program, or as the Discovery.
  return {http::Piece(http::Piece(), &text), std::move(hash)};
}

Discovery::Discovery(const VersionInfo& version)
    : aggregated_v2_(document(api::aggregated_discovery("v2"))),
      aggregated_v2beta1_(document(api::aggregated_discovery("v2beta1"))),
      openapi_(document(api::openapi_v3())),
      openapi_group_(document(api::openapi_v3_group())) {
  const std::string group = std::string("apis/") + api::kGroup;
  const std::string group_version = std::string("apis/") + api::kGroupVersion;
  const auto entry = [](const std::string& path, const std::string& hash) {
    return nlohmann::ordered_json{{"serverRelativeURL", "/openapi/v3/" + path + "?hash=" + hash}};
  };
  const nlohmann::ordered_json root{{"paths",
                                     {{group, entry(group, openapi_group_.hash)},
                                      {group_version, entry(group_version, openapi_.hash)}}}};
  openapi_root_text_ = root.dump();
  openapi_root_ = document(openapi_root_text_);

  // "v1.2.3" has major 1 and minor 2.
  const std::vector<std::string> numbers = split(
      std::string_view(version.git_version).substr(version.git_version.starts_with('v') ? 1 : 0),
      '.');
  const nlohmann::ordered_json info{{"major", numbers[0]},
                                    {"minor", numbers.size() > 1 ? numbers[1] : "0"},
                                    {"gitVersion", version.git_version},
                                    {"gitCommit", version.git_commit},
                                    {"gitTreeState", version.git_tree_state},
                                    {"buildDate", version.build_date},
                                    {"compiler", "g++ " __VERSION__},
                                    {"platform", kPlatform}};
  version_ = info.dump(2);
}

std::optional<http::Response> Discovery::answer(const Call& call) const {
  if (!call.target.clean) return std::nullopt;
  const std::vector<std::string>& parts = call.target.parts;
  const bool get = call.method == "GET";
  if (parts.empty()) return get ? unknown_path(200) : only_get(call);
  if (parts[0] == "api" && parts.size() == 1) return refusal(api::path_not_found(), call.accept);
  if (parts[0] == "version" && parts.size() == 1) {
    if (!get) return only_get(call);
    http::Response out;
    out.headers.add("Content-Type", kJson);
    out.body = version_;
    return out;
  }
  if (parts[0] == "openapi") return openapi(call);
  if (parts[0] != "apis" || parts.size() > 3) return std::nullopt;
  if (parts.size() == 1) return get ? groups(call) : only_get(call);
  if (parts[1] != api::kGroup) return std::nullopt;
  if (parts.size() == 2) return get ? negotiated(call, api::api_group()) : only_get(call);
  if (parts[2] != api::kVersion) return refusal(api::path_not_found(), call.accept);
  return get ? negotiated(call, api::api_resource_list()) : only_get(call);
}

http::Response Discovery::groups(const Call& call) const {
  const auto media = api::negotiate_discovery(call.accept);
  if (!media) return refusal(media.error(), call.accept);
  if (media->form == api::DiscoveryForm::kLegacy) return negotiated(call, api::api_group_list());
  const Document& document =
      media->form == api::DiscoveryForm::kAggregatedV2 ? aggregated_v2_ : aggregated_v2beta1_;
  return tagged(call, document.text, document.hash, media->content_type, "public");
}

std::optional<http::Response> Discovery::openapi(const Call& call) const {
  const std::vector<std::string>& parts = call.target.parts;
  if (parts.size() < 2 || parts[1] != "v3") return std::nullopt;
  const Document* document = nullptr;
  if (parts.size() == 2)
    document = &openapi_root_;
  else if (parts.size() == 4 && parts[2] == "apis" && parts[3] == api::kGroup)
    document = &openapi_group_;
  else if (parts.size() == 5 && parts[2] == "apis" && parts[3] == api::kGroup &&
           parts[4] == api::kVersion)
    document = &openapi_;
  if (document == nullptr) return std::nullopt;
  if (call.method != "GET") return only_get(call);
  if (!takes_json(call.accept)) {
    http::Response refused;
    refused.status = 406;
    return refused;
  }
  // The hash in the address names the document for ever; another hash gets the present one, since a
  // redirect becomes an error on its way through the aggregator.
  const bool immutable = api::query_value(call.query(), "hash") == document->hash;
  return tagged(call, document->text, document->hash, kJson, immutable ? "public, immutable" : "");
}

}  // namespace gb::handlers
