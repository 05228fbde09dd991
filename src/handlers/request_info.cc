#include "handlers/request_info.h"

#include <algorithm>

#include "api/schema.h"
#include "api/selectors.h"
#include "base/text.h"

namespace gb::handlers {
namespace {

// Pairs are split before they are decoded; a pair with a semicolon or a broken escape is dropped.
api::Query parse_query(std::string_view text) {
  api::Query query;
  if (text.empty()) return query;
  for (const std::string& pair : split(text, '&')) {
    if (pair.empty() || pair.find(';') != std::string::npos) continue;
    const std::size_t equals = pair.find('=');
    auto name = percent_decode(std::string_view(pair).substr(0, equals), true);
    auto value = equals == std::string::npos
                     ? Result<std::string>(std::string())
                     : percent_decode(std::string_view(pair).substr(equals + 1), true);
    if (name && value) query.emplace_back(std::move(*name), std::move(*value));
  }
  return query;
}

std::string verb_of(std::string_view method) {
  if (method == "POST") return "create";
  if (method == "GET" || method == "HEAD") return "get";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return "delete";
  return "";
}

// The name that a list of one object asks for; empty when the selector is another or cannot be
// read (the verb's own parser says what is wrong with it).
std::string selected_name(std::string_view resource, std::string_view field_selector) {
  const api::ResourceType* type = api::find_resource(resource);
  if (type == nullptr || field_selector.empty()) return {};
  const auto selector = api::FieldSelector::parse(*type, field_selector);
  return selector ? selector->required_name() : std::string();
}

}  // namespace

api::Outcome<Target> parse_target(std::string_view raw) {
  Target target;
  const std::size_t mark = raw.find('?');
  if (mark != std::string_view::npos) target.query = parse_query(raw.substr(mark + 1));
  std::string_view path = raw.substr(0, mark);
  if (path.empty() || path.front() != '/') {
    // "OPTIONS *", or an absolute form: nothing of ours is named by either.
    target.path = std::string(path);
    target.clean = false;
    return target;
  }
  auto decoded = percent_decode(path);
  if (!decoded) return api::refuse(api::bad_request(decoded.error().message));
  target.path = std::move(*decoded);
  path.remove_prefix(1);
  if (!path.empty() && path.back() == '/') path.remove_suffix(1);
  if (path.empty()) {
    target.clean = target.path == "/";
    return target;
  }
  for (const std::string& segment : split(path, '/')) {
    std::string part = *percent_decode(segment);
    if (part.empty() || part == "." || part == ".." || part.find('/') != std::string::npos ||
        part.find('\0') != std::string::npos)
      target.clean = false;
    target.parts.push_back(std::move(part));
  }
  return target;
}

bool query_flag(const api::Query& query, std::string_view name) {
  if (!api::query_has(query, name)) return false;
  const std::string value = to_lower(api::query_value(query, name));
  return value != "false" && value != "0";
}

bool RequestInfo::long_running() const {
  return is_resource && (verb == "watch" || subresource == "log");
}

bool RequestInfo::read_only() const {
  return verb == "get" || verb == "list" || verb == "watch";
}

RequestInfo request_info(std::string_view method, const Target& target) {
  RequestInfo info;
  info.path = target.path;
  info.verb = to_lower(method);
  const std::vector<std::string>& parts = target.parts;
  if (!target.clean || parts.size() < 4 || parts[0] != "apis") return info;
  info.is_resource = true;
  info.group = parts[1];
  info.version = parts[2];
  info.verb = verb_of(method);
  std::size_t at = 3;
  const bool watch_path = parts[at] == "watch" || parts[at] == "proxy";
  if (watch_path) {
    // The old form /watch/…: not served, but authorized as what it says.
    info.verb = parts[at];
    info.too_deep = true;
    if (++at == parts.size()) return info;
  }
  if (parts[at] == "namespaces" && parts.size() > at + 1) {
    info.ns = parts[at + 1];
    if (parts.size() > at + 2 && parts[at + 2] != "status" && parts[at + 2] != "finalize") at += 2;
  }
  info.resource = parts[at];
  if (parts.size() > at + 1) {
    info.name = parts[at + 1];
    info.name_from_path = true;
  }
  if (parts.size() > at + 2) info.subresource = parts[at + 2];
  if (parts.size() > at + 3) info.too_deep = true;
  if (!info.name_from_path) {
    if (info.verb == "get")
      info.verb = query_flag(target.query, "watch") ? "watch" : "list";
    else if (info.verb == "delete")
      info.verb = "deletecollection";
  }
  if (info.verb == "list" || info.verb == "watch" || info.verb == "deletecollection") {
    info.field_selector = api::query_value(target.query, "fieldSelector");
    info.label_selector = api::query_value(target.query, "labelSelector");
    if (!info.name_from_path && info.verb != "deletecollection")
      info.name = selected_name(info.resource, info.field_selector);
  }
  return info;
}

}  // namespace gb::handlers
