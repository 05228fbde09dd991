// Other shapes of objects: lists, Tables (what kubectl get prints) and metadata only.
//
// Everything returns text that is put together from pieces: a list streams objects that were
// serialised once, a Table row is made once for an object and shared by all who ask.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/errors.h"
#include "api/object.h"
#include "api/schema.h"
#include "base/clock.h"

namespace gb::api {

struct ListMeta {
  std::uint64_t revision = 0;
  std::string continue_token;
  std::optional<std::int64_t> remaining;
};

// `{"kind":"GaleraBackupList",…,"items":[` and, between the objects, commas, then list_tail().
[[nodiscard]] std::string list_head(const ResourceType& type, const ListMeta& meta);
[[nodiscard]] std::string_view list_tail();  // "]}\n"

enum class IncludeObject { kMetadata, kNone, kObject };
// ?includeObject=; 400 for another value.
[[nodiscard]] Outcome<IncludeObject> parse_include_object(std::string_view value);

// One row, no comma: `{"cells":[…],"object":{…}}`. Ages are as of `now`. `version` is the version
// of meta.k8s.io that was negotiated ("v1", "v1beta1").
[[nodiscard]] std::string table_row(const ResourceType& type, const Object& object,
                                    IncludeObject include, std::string_view version, WallTime now);
// A whole Table of rows. Without columns it says `"columnDefinitions":null` (all but the first
// event of a watch); without rows `"rows":null`. No newline at its end.
[[nodiscard]] std::string table(const ResourceType& type, const ListMeta& meta,
                                std::string_view version, const std::vector<std::string>& rows,
                                bool with_columns);
// The pieces of the same, to stream: head, rows with commas, tail. Only for at least one row.
[[nodiscard]] std::string table_head(const ResourceType& type, const ListMeta& meta,
                                     std::string_view version);

// meta.k8s.io PartialObjectMetadata of an object, compact, no newline.
[[nodiscard]] std::string partial_metadata(const Object& object, std::string_view version);
[[nodiscard]] std::string partial_list_head(const ListMeta& meta, std::string_view version);

// A watch's frames, ended by a newline. `object` is compact JSON.
[[nodiscard]] std::string watch_frame(std::string_view type, std::string_view object);
// The object of a BOOKMARK event: kind, apiVersion and resourceVersion only; with the annotation
// k8s.io/initial-events-end when it ends the initial events. In the shape that the watch has: the
// object itself, PartialObjectMetadata, or a Table with one row of it.
enum class Shape { kObject, kTable, kPartialMetadata };
[[nodiscard]] std::string bookmark_object(const ResourceType& type, std::uint64_t revision,
                                          bool initial_events_end, Shape shape,
                                          std::string_view version);

}  // namespace gb::api
