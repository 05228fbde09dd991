#include "kube/request_header.h"

#include <nlohmann/json.hpp>

#include "api/text.h"
#include "base/text.h"

namespace gb::kube {
namespace {

using api::Json;

// A JSON array of strings within a string; absent: empty.
Status read_list(const Json& data, const char* key, std::vector<std::string>& list) {
  const std::string text = api::text_member(data, key);
  if (text.empty()) return {};
  const Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_null()) return {};
  if (!parsed.is_array()) return fail(Code::kInvalid, std::string(key) + " is not a JSON array");
  for (const Json& one : parsed) {
    if (!one.is_string() || trim(one.get_ref<const std::string&>()).empty())
      return fail(Code::kInvalid, std::string(key) + " holds something that is not a name");
    list.emplace_back(trim(one.get_ref<const std::string&>()));
  }
  return {};
}

Status read_authorities(const Json& data, const char* key,
                        std::shared_ptr<const http::ClientAuthorities>& authorities) {
  const std::string pem = api::text_member(data, key);
  if (pem.empty()) return {};
  auto parsed = http::ClientAuthorities::parse(pem);
  if (!parsed) return wrap(key, parsed.error());
  authorities = *std::move(parsed);
  return {};
}

std::string first_value(const http::Headers& headers, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (const auto value = headers.get(name); value && !value->empty()) return std::string(*value);
  return {};
}

}  // namespace

Result<Trust> read_trust(const Json& config_map) {
  const Json& data = api::member(config_map, "data");
  Trust trust;
  GB_TRY(read_authorities(data, "client-ca-file", trust.clients));
  GB_TRY(read_authorities(data, "requestheader-client-ca-file", trust.proxies));
  GB_TRY(read_list(data, "requestheader-username-headers", trust.username_headers));
  GB_TRY(read_list(data, "requestheader-group-headers", trust.group_headers));
  GB_TRY(read_list(data, "requestheader-extra-headers-prefix", trust.extra_prefixes));
  GB_TRY(read_list(data, "requestheader-uid-headers", trust.uid_headers));
  GB_TRY(read_list(data, "requestheader-allowed-names", trust.allowed_names));
  return trust;
}

std::optional<User> user_of_headers(const Trust& trust, const http::Headers& headers) {
  User user;
  user.name = first_value(headers, trust.username_headers);
  if (user.name.empty()) return {};
  user.uid = first_value(headers, trust.uid_headers);
  for (const std::string& name : trust.group_headers)
    for (const std::string_view value : headers.all(name))
      if (!value.empty()) user.groups.emplace_back(value);
  for (const std::string& prefix : trust.extra_prefixes) {
    const std::string wanted = to_lower(prefix);
    for (const auto& [name, value] : headers.fields()) {
      const std::string lower = to_lower(name);
      if (!lower.starts_with(wanted)) continue;
      const std::string raw = lower.substr(wanted.size());
      user.extra[percent_decode(raw).value_or(raw)].push_back(value);
    }
  }
  return user;
}

}  // namespace gb::kube
