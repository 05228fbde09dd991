// Request bodies: JSON or YAML text into a DOM, strictly: duplicates and unknown fields are found,
// depth is bounded, kind and apiVersion are checked. The texts are those of k8s.io/apiserver.
//
// Thread safety: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/errors.h"
#include "api/object.h"
#include "api/schema.h"

namespace gb::api {

enum class BodyFormat { kJson, kYaml };
// Of a Content-Type; none means JSON. 415 for anything else.
[[nodiscard]] Outcome<BodyFormat> body_format(std::string_view content_type);

enum class FieldValidation { kIgnore, kWarn, kStrict };

// A document deeper than this is refused: recursion must not eat the stack.
inline constexpr std::size_t kMaxDepth = 64;

// Invalid, with what the parser saw and where. The last of duplicate keys wins, as in Go;
// `duplicates` gets the path of each ("spec", "metadata.labels.a").
[[nodiscard]] Result<Json> parse_document(std::string_view text, BodyFormat format,
                                          std::vector<std::string>& problems);

// An object of `type` from a POST or PUT body: pruned, kind and apiVersion written, spec defaulted,
// not yet validated. 400 as the table says; with kWarn `warnings` gets `unknown field "spec.foo"`.
[[nodiscard]] Outcome<Json> decode_object(const ResourceType& type, std::string_view body,
                                          BodyFormat format, FieldValidation validation,
                                          std::vector<std::string>& warnings);

// The same for the result of a patch, where the text of the refusal differs (422).
[[nodiscard]] Outcome<Json> decode_patched(const ResourceType& type, Json patched,
                                           FieldValidation validation,
                                           const std::vector<std::string>& patch_problems,
                                           std::vector<std::string>& warnings);

// YAML text of a JSON document, keys in their order: what `Accept: application/yaml` gets.
[[nodiscard]] std::string to_yaml(const Json& value);
[[nodiscard]] std::string json_to_yaml(std::string_view json);
// The same for a list. `frame` is the list without its elements, which come into its field `field`;
// they are parsed one after the other, since a DOM of all of them takes many times their text.
[[nodiscard]] std::string list_to_yaml(std::string_view frame, std::string_view field,
                                       const std::vector<std::string_view>& elements);

}  // namespace gb::api
