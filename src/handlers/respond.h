// Answers: how an object, a list, a text or a refusal becomes bytes and headers. Private to the
// room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/negotiate.h"
#include "api/table.h"
#include "handlers/call.h"

namespace gb::handlers {

// What the client wants an object, list or watch to look like; made before anything is done.
struct View {
  api::Negotiated media;
  api::IncludeObject include = api::IncludeObject::kMetadata;
  bool pretty = false;
  // The object's own JSON can be sent as it is.
  [[nodiscard]] bool plain() const {
    return media.shape == api::Shape::kObject && media.format == api::BodyFormat::kJson && !pretty;
  }
};
api::Outcome<View> choose_view(const Call& call, api::Asked asked);

http::Response text_response(int status, std::string body);
// A Status, in YAML for who asked for YAML, or plain text where k8s.io/apiserver answers so.
http::Response refusal(const api::ApiError& error, std::string_view accept);

// What the catalog's refusal means for the object that the call names: one that is not there is
// said so in Kubernetes' words.
api::ApiError object_error(const Error& error, const api::ResourceType& type,
                           std::string_view name);

http::Response object_response(const Env& env, const Call& call, const View& view, int status,
                               const api::ObjectPtr& object);
// Objects that were serialised once are sent as they are, piece by piece.
http::Response list_response(const Env& env, const Call& call, const View& view,
                             const api::ListMeta& meta, const std::vector<api::ObjectPtr>& objects);

// The object's JSON as a piece that shares it.
http::Piece piece_of(const api::ObjectPtr& object);
// 404 with ours of the paths there are: what k8s.io/apiserver says to a path it does not know.
http::Response unknown_path(int status);

}  // namespace gb::handlers
