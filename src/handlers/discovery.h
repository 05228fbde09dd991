// What tells clients what there is: discovery in all its forms, OpenAPI v3 and /version. All of it
// is made once, from memory, and answers while everything else is down. Private to the room.
#pragma once

#include <optional>
#include <string>

#include "handlers/call.h"

namespace gb::handlers {

class Discovery {
 public:
  explicit Discovery(const VersionInfo& version);

  // Empty when the path is none of ours.
  [[nodiscard]] std::optional<http::Response> answer(const Call& call) const;

 private:
  struct Document {
    http::Piece text;  // shared by all answers: nothing bounds how many are sent at once
    std::string hash;  // SHA-512, upper hex
  };
  static Document document(const std::string& text);

  [[nodiscard]] http::Response groups(const Call& call) const;
  [[nodiscard]] std::optional<http::Response> openapi(const Call& call) const;

  Document aggregated_v2_;
  Document aggregated_v2beta1_;
  Document openapi_;
  Document openapi_group_;
  std::string openapi_root_text_;
  Document openapi_root_;
  std::string version_;
};

}  // namespace gb::handlers
