#include "handlers/list_options.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "handlers/request_info.h"

namespace gb::handlers {
namespace {

constexpr const char* kTokenVersion = "meta.k8s.io/v1";

api::Outcome<std::optional<std::int64_t>> integer(const api::Query& query, std::string_view name) {
  if (!api::query_has(query, name)) return std::nullopt;
  const std::string_view text = api::query_value(query, name);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string said = "strconv.ParseInt: parsing \"" + std::string(text) + "\": ";
  if (error == std::errc::result_out_of_range)
    return api::refuse(api::bad_request(said + "value out of range"));
  if (error != std::errc{} || end != text.data() + text.size())
    return api::refuse(api::bad_request(said + "invalid syntax"));
  return value;
}

void check_list(const ListOptions& o, std::string_view match, api::FieldErrors& errors) {
  if (!match.empty()) {
    if (o.resource_version.empty())
      errors.push_back(api::forbidden_field(
          "resourceVersionMatch",
          "resourceVersionMatch is forbidden unless resourceVersion is provided"));
    if (!o.continue_token.empty())
      errors.push_back(api::forbidden_field(
          "resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"));
    if (o.match == ListOptions::Match::kUnset)
      errors.push_back(api::not_supported("resourceVersionMatch", std::string(match),
                                          {"Exact", "NotOlderThan", ""}));
    if (o.match == ListOptions::Match::kExact && o.resource_version == "0")
      errors.push_back(api::forbidden_field(
          "resourceVersionMatch",
          "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
  }
  if (o.send_initial_events)
    errors.push_back(
        api::forbidden_field("sendInitialEvents", "sendInitialEvents is forbidden for list"));
}

void check_watch(const ListOptions& o, std::string_view match, api::FieldErrors& errors) {
  const bool not_older = o.match == ListOptions::Match::kNotOlderThan;
  if (o.send_initial_events && !not_older)
    errors.push_back(api::forbidden_field(
        "resourceVersionMatch",
        "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
  if (match.empty()) return;
  if (!o.send_initial_events)
    errors.push_back(api::forbidden_field(
        "resourceVersionMatch",
        "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
  if (!not_older)
    errors.push_back(
        api::not_supported("resourceVersionMatch", std::string(match), {"NotOlderThan"}));
  if (!o.continue_token.empty())
    errors.push_back(api::forbidden_field(
        "resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"));
}

tl::unexpected<api::ApiError> bad_token(std::string_view why) {
  return api::refuse(
      api::bad_request("continue key is not valid" + (why.empty() ? "" : ": " + std::string(why))));
}

}  // namespace

Result<std::uint64_t> ListOptions::revision() const {
  if (resource_version.empty()) return 0;
  std::uint64_t value = 0;
  const char* begin = resource_version.data();
  const auto [end, error] = std::from_chars(begin, begin + resource_version.size(), value);
  const std::string said = "resourceVersion: Invalid value: \"" + resource_version +
                           "\": strconv.ParseUint: parsing \"" + resource_version + "\": ";
  if (error == std::errc::result_out_of_range)
    return fail(Code::kInvalid, said + "value out of range");
  if (error != std::errc{} || end != begin + resource_version.size())
    return fail(Code::kInvalid, said + "invalid syntax");
  return value;
}

api::Outcome<ListOptions> parse_list_options(const api::ResourceType& type,
                                             const api::Query& query) {
  ListOptions o;
  auto labels = api::LabelSelector::parse(api::query_value(query, "labelSelector"));
  if (!labels) return api::refuse(std::move(labels).error());
  o.labels = std::move(*labels);
  o.watch = query_flag(query, "watch");
  o.bookmarks = query_flag(query, "allowWatchBookmarks");
  o.resource_version = api::query_value(query, "resourceVersion");
  o.continue_token = api::query_value(query, "continue");
  auto limit = integer(query, "limit");
  if (!limit) return api::refuse(std::move(limit).error());
  o.limit = limit->value_or(0);
  auto timeout = integer(query, "timeoutSeconds");
  if (!timeout) return api::refuse(std::move(timeout).error());
  o.timeout_seconds = *timeout;
  if (api::query_has(query, "sendInitialEvents"))
    o.send_initial_events = query_flag(query, "sendInitialEvents");
  const std::string_view match = api::query_value(query, "resourceVersionMatch");
  if (match == "Exact") o.match = ListOptions::Match::kExact;
  if (match == "NotOlderThan") o.match = ListOptions::Match::kNotOlderThan;

  api::FieldErrors errors;
  if (o.watch) {
    // A watch that begins anywhere begins with what is there, as if it had asked for it.
    const bool implied = !o.send_initial_events && match.empty() && o.any_version();
    if (!implied) check_watch(o, match, errors);
  } else {
    check_list(o, match, errors);
  }
  if (!errors.empty())
    return api::refuse(api::invalid_kind("meta.k8s.io", "ListOptions", "", errors));

  auto fields = api::FieldSelector::parse(type, api::query_value(query, "fieldSelector"));
  if (!fields) return api::refuse(std::move(fields).error());
  o.fields = std::move(*fields);
  return o;
}

std::string encode_continue(const ContinueToken& token) {
  const nlohmann::ordered_json json{
      {"v", kTokenVersion}, {"rv", token.revision}, {"start", token.start}};
  return to_base64(
      as_bytes(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)),
      Base64::kUrlUnpadded);
}

api::Outcome<ContinueToken> decode_continue(std::string_view text) {
  auto bytes = from_base64(text, Base64::kUrlUnpadded);
  if (!bytes) return bad_token(bytes.error().message);
  const auto json = nlohmann::json::parse(*bytes, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return bad_token("it is not a token of this server");
  const auto version = json.find("v");
  if (version == json.end() || !version->is_string() || *version != kTokenVersion)
    return bad_token("server does not recognize this encoded version");
  const auto revision = json.find("rv");
  if (revision == json.end() || !revision->is_number_integer() ||
      revision->get<std::int64_t>() == 0 || revision->get<std::int64_t>() < -1)
    return bad_token("incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
  const auto start = json.find("start");
  if (start == json.end() || !start->is_string() || start->get_ref<const std::string&>().empty())
    return bad_token("encoded start key empty (version meta.k8s.io/v1)");
  return ContinueToken{revision->get<std::int64_t>(), start->get<std::string>()};
}

}  // namespace gb::handlers
