#include "handlers/respond.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "api/indenter.h"
#include "api/types.h"

namespace gb::handlers {
namespace {

constexpr const char* kPlainText = "text/plain; charset=utf-8";

http::Piece piece(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

const http::Piece& comma() {
  static const http::Piece kComma = piece(",");
  return kComma;
}

const http::Piece& newline() {
  static const http::Piece kNewline = piece("\n");
  return kNewline;
}

std::string whole(const std::vector<http::Piece>& pieces) {
  std::size_t size = 0;
  for (const auto& p : pieces) size += p->size();
  std::string text;
  text.reserve(size);
  for (const auto& p : pieces) text += *p;
  return text;
}

http::Response response(int status, std::string_view content_type) {
  http::Response out;
  out.status = status;
  out.headers.add("Content-Type", std::string(content_type));
  return out;
}

// Head, rows parted by commas, tail.
std::vector<http::Piece> framed(std::string head, std::vector<http::Piece> rows) {
  std::vector<http::Piece> pieces;
  pieces.reserve(rows.size() * 2 + 2);
  pieces.push_back(piece(std::move(head)));
  bool first = true;
  for (auto& row : rows) {
    if (!first) pieces.push_back(comma());
    first = false;
    pieces.push_back(std::move(row));
  }
  pieces.push_back(piece(std::string(api::list_tail())));
  return pieces;
}

// Each piece is let go once it is written: a long list is not held twice.
std::vector<http::Piece> indented(std::vector<http::Piece> pieces) {
  constexpr std::size_t kPieceBytes = 65536;
  std::vector<http::Piece> out;
  std::string text;
  api::Indenter indenter;
  for (auto& one : pieces) {
    indenter.feed(*one, text);
    one = nullptr;
    if (text.size() < kPieceBytes) continue;
    out.push_back(piece(std::move(text)));
    text.clear();
  }
  text += '\n';
  out.push_back(piece(std::move(text)));
  return out;
}

http::Response encoded(int status, const View& view, std::vector<http::Piece> pieces) {
  http::Response out = response(status, view.media.content_type);
  if (view.media.format == api::BodyFormat::kJson && !view.pretty)
    out.body = std::move(pieces);
  else
    out.body = api::encode(whole(pieces), view.media.format, view.pretty);
  return out;
}

// A list of any length, without a DOM of it. Its elements come into the field `field`, the last of
// `head`.
http::Response encoded_list(const View& view, std::string head, std::string_view field,
                            std::vector<http::Piece> rows) {
  http::Response out = response(200, view.media.content_type);
  if (view.media.format == api::BodyFormat::kYaml) {
    std::vector<std::string_view> elements;
    elements.reserve(rows.size());
    for (const auto& row : rows) elements.emplace_back(*row);
    out.body = api::list_to_yaml(head.append(api::list_tail()), field, elements);
  } else if (view.pretty) {
    out.body = indented(framed(std::move(head), std::move(rows)));
  } else {
    out.body = framed(std::move(head), std::move(rows));
  }
  return out;
}

}  // namespace

api::Outcome<View> choose_view(const Call& call, api::Asked asked) {
  auto media = api::negotiate(call.accept, asked);
  if (!media) return api::refuse(std::move(media).error());
  View view;
  view.media = std::move(*media);
  view.pretty = view.media.pretty ||
                api::wants_pretty(api::query_value(call.query(), "pretty"), call.user_agent);
  if (view.media.shape == api::Shape::kTable) {
    auto include = api::parse_include_object(api::query_value(call.query(), "includeObject"));
    if (!include) return api::refuse(std::move(include).error());
    view.include = *include;
  }
  return view;
}

http::Response text_response(int status, std::string body) {
  http::Response out = response(status, kPlainText);
  out.headers.add("X-Content-Type-Options", "nosniff");
  out.body = std::move(body);
  return out;
}

http::Response refusal(const api::ApiError& error, std::string_view accept) {
  http::Response out;
  if (error.plain_text) {
    out = text_response(error.code, error.message + "\n");
  } else {
    const auto media = api::negotiate(accept, api::Asked::kObject);
    const bool yaml = media && media->format == api::BodyFormat::kYaml;
    out = response(error.code, yaml ? "application/yaml" : "application/json");
    out.body = yaml ? api::json_to_yaml(error.json()) : error.json();
  }
  if (error.retry_after_seconds > 0)
    out.headers.add("Retry-After", std::to_string(error.retry_after_seconds));
  return out;
}

api::ApiError object_error(const Error& error, const api::ResourceType& type,
                           std::string_view name) {
  return error.code == Code::kNotFound ? api::not_found(type, name)
                                       : api::from_error(error, &type, name);
}

http::Piece piece_of(const api::ObjectPtr& object) {
  return http::Piece(object, &object->json());
}

http::Response object_response(const Env& env, const Call& call, const View& view, int status,
                               const api::ObjectPtr& object) {
  std::vector<http::Piece> pieces;
  switch (view.media.shape) {
    case api::Shape::kObject:
      pieces = {piece_of(object)};
      break;
    case api::Shape::kPartialMetadata:
      pieces = {piece(api::partial_metadata(*object, view.media.version))};
      break;
    case api::Shape::kTable:
      pieces = {piece(api::table(*call.type, {object->revision(), {}, {}}, view.media.version,
                                 {api::table_row(*call.type, *object, view.include,
                                                 view.media.version, env.deps.clock->now())},
                                 /*with_columns=*/true))};
      break;
  }
  pieces.push_back(newline());
  return encoded(status, view, std::move(pieces));
}

http::Response list_response(const Env& env, const Call& call, const View& view,
                             const api::ListMeta& meta,
                             const std::vector<api::ObjectPtr>& objects) {
  std::vector<http::Piece> rows;
  rows.reserve(objects.size());
  const WallTime now = env.deps.clock->now();
  switch (view.media.shape) {
    case api::Shape::kObject:
      for (const auto& object : objects) rows.push_back(piece_of(object));
      return encoded_list(view, api::list_head(*call.type, meta), "items", std::move(rows));
    case api::Shape::kPartialMetadata:
      for (const auto& object : objects)
        rows.push_back(piece(api::partial_metadata(*object, view.media.version)));
      return encoded_list(view, api::partial_list_head(meta, view.media.version), "items",
                          std::move(rows));
    case api::Shape::kTable:
      break;
  }
  if (objects.empty())
    return encoded(
        200, view,
        {piece(api::table(*call.type, meta, view.media.version, {}, /*with_columns=*/true)),
         newline()});
  for (const auto& object : objects)
    rows.push_back(
        piece(api::table_row(*call.type, *object, view.include, view.media.version, now)));
  return encoded_list(view, api::table_head(*call.type, meta, view.media.version), "rows",
                      std::move(rows));
}

http::Response unknown_path(int status) {
  const std::string root = std::string("/apis/") + api::kGroup;
  const nlohmann::json paths{
      {"paths",
       {"/apis", root, "/apis/" + std::string(api::kGroupVersion), "/healthz", "/healthz/ping",
        "/livez", "/livez/ping", "/metrics", "/openapi/v3", "/readyz", "/readyz/ping",
        "/readyz/shutdown", "/version"}}};
  http::Response out = response(status, "application/json");
  out.body = paths.dump(2);
  return out;
}

}  // namespace gb::handlers
