// What happens to metadata before an object is written: k8s.io/apiserver/pkg/registry/rest in our
// words.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/decode.h"
#include "api/errors.h"
#include "api/object.h"
#include "api/schema.h"
#include "base/clock.h"
#include "base/rng.h"

namespace gb::api {

// One pair of the query, percent-decoded.
using Query = std::vector<std::pair<std::string, std::string>>;
// The first value; empty when absent.
[[nodiscard]] std::string_view query_value(const Query& query, std::string_view name);
[[nodiscard]] bool query_has(const Query& query, std::string_view name);

// dryRun, fieldManager, fieldValidation, timeout of create, update and patch.
struct WriteOptions {
  bool dry_run = false;
  FieldValidation validation = FieldValidation::kWarn;
  std::string field_manager;
};
// `kind`: CreateOptions, UpdateOptions, PatchOptions. 422 for values that are not supported;
// `force` is only for apply patches, which are not served: 422.
[[nodiscard]] Outcome<WriteOptions> parse_write_options(const Query& query, std::string_view kind);

// `?timeout=`; absent: nothing. 400 with Go's text for what is no duration.
[[nodiscard]] Outcome<std::optional<std::chrono::nanoseconds>> parse_timeout(const Query& query);

// Makes a decoded object ready to be written: namespace checked against the request's (empty:
// cluster scope), resourceVersion refused, system fields wiped and set (uid, creationTimestamp,
// generation 1), name generated, status dropped, metadata and spec validated. 400, 422, 500 as the
// table says. For a generateName that collided call regenerate_name() and try again, 8 times in
// all.
[[nodiscard]] Outcome<void> prepare_create(const ResourceType& type, std::string_view ns,
                                           Json& object, WallTime now, Rng& rng,
                                           std::vector<std::string>& warnings);
inline constexpr int kGenerateNameTries = 8;
// True when the name came from generateName and was replaced by a new one.
bool regenerate_name(Json& object, Rng& rng);

// `updated` (decoded from a PUT, or patched) against `old` as stored: URL name and namespace, uid,
// resourceVersion (PUT only: required unless `unconditional`), system fields carried over, status
// kept from `old`, generation moved when the spec changed, finalizers, everything validated.
enum class UpdateKind { kPut, kPatch };
[[nodiscard]] Outcome<void> prepare_update(const ResourceType& type, UpdateKind kind,
                                           std::string_view ns, std::string_view name,
                                           const Json& old, Json& updated,
                                           std::vector<std::string>& warnings);
// Whether two objects differ in nothing but resourceVersion: a write that changes nothing is none.
[[nodiscard]] bool same_content(const Json& a, const Json& b);

enum class Propagation { kDefault, kBackground, kForeground, kOrphan };
struct DeleteOptions {
  bool dry_run = false;
  Propagation propagation = Propagation::kDefault;
  std::optional<std::string> uid;
  std::optional<std::string> resource_version;
  std::optional<std::int64_t> grace_period_seconds;
};
// A body that is not empty wins and the query is then not read.
[[nodiscard]] Outcome<DeleteOptions> parse_delete_options(std::string_view body, BodyFormat format,
                                                          const Query& query);
// 409 with both values in the message.
[[nodiscard]] Outcome<void> check_preconditions(const ResourceType& type,
                                                const DeleteOptions& options, const Object& object);
// What a delete makes of an object: gone at once, or marked (deletionTimestamp and the finalizers
// that the options ask for) because finalizers are pending. `object` is changed only for kMark;
// kNothing: it is marked already.
enum class DeleteAction { kRemove, kMark, kNothing };
[[nodiscard]] DeleteAction begin_delete(const DeleteOptions& options, Json& object, WallTime now);
// Whether an update took the last finalizer of an object that is being deleted: remove it then.
[[nodiscard]] bool finalized(const Json& object);
// 200 Status Success with details {name, group, kind: plural, uid}: compact JSON and a newline.
[[nodiscard]] std::string delete_status(const ResourceType& type, std::string_view name,
                                        std::string_view uid);

// Names, as k8s.io/apimachinery/pkg/util/validation has them; empty text: valid, else what is
// wrong.
[[nodiscard]] std::string check_dns1123_subdomain(std::string_view value);
[[nodiscard]] std::string check_dns1123_label(std::string_view value);
[[nodiscard]] std::vector<std::string> check_qualified_name(std::string_view value);
[[nodiscard]] std::vector<std::string> check_label_value(std::string_view value);

}  // namespace gb::api
