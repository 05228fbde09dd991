// JSON patches (RFC 6902, at most 10000 operations), merge patches (RFC 7386) and strategic merge
// patches (strategic_merge.h).
//
// Thread safety: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/decode.h"
#include "api/errors.h"
#include "api/object.h"
#include "api/schema.h"

namespace gb::api {

enum class PatchType { kJson, kMerge, kStrategic };
inline constexpr std::size_t kMaxPatchOperations = 10000;

// Of a Content-Type. 415 for every other, apply patches included: they are not served.
[[nodiscard]] Outcome<PatchType> patch_type(std::string_view content_type);

// `current` with the patch applied, decoded again as an object of `type` (pruned, defaulted;
// validated by prepare_update). 400 a patch that cannot be read, 413 too many operations, 422 one
// that does not apply or, with kStrict, that brings unknown or duplicate fields.
[[nodiscard]] Outcome<Json> apply_patch(const ResourceType& type, PatchType patch,
                                        std::string_view body, const Json& current,
                                        FieldValidation validation,
                                        std::vector<std::string>& warnings);

}  // namespace gb::api
