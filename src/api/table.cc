#include "api/table.h"

#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "api/types.h"
#include "base/text.h"

namespace gb::api {
namespace {

using Ordered = nlohmann::ordered_json;

std::string dump(const Ordered& value) {
  return value.dump(-1, ' ', false, Ordered::error_handler_t::replace);
}

std::chrono::seconds between(WallTime from, WallTime to) {
  return std::chrono::duration_cast<std::chrono::seconds>(to - from);
}

// The value at the first of the paths ("a.b|c.d") that is there.
const Json& at_paths(const Json& object, std::string_view paths) {
  while (true) {
    const std::size_t bar = paths.find('|');
    const Json& found = at_path(object, paths.substr(0, bar));
    const bool empty = found.is_null() || (found.is_string() && found == "");
    if (!empty || bar == std::string_view::npos) return found;
    paths.remove_prefix(bar + 1);
  }
}

std::optional<WallTime> time_at(const Json& object, std::string_view path) {
  const Json& value = at_path(object, path);
  if (!value.is_string()) return {};
  const Result<WallTime> time = from_rfc3339(value.get_ref<const std::string&>());
  if (!time) return {};
  return *time;
}

std::string joined(const Json& value) {
  std::vector<std::string> parts;
  if (value.is_array()) {
    for (const Json& one : value)
      if (one.is_string()) parts.push_back(one.get<std::string>());
  } else if (value.is_object()) {
    for (const auto& [key, one] : value.items()) parts.push_back(key);
  }
  return join(parts, ",");
}

std::string condition(const Json& object, std::string_view type) {
  const Json& conditions = at_path(object, "status.conditions");
  if (conditions.is_array())
    for (const Json& one : conditions)
      if (text_member(one, "type") == type) return text_member(one, "status");
  return {};
}

// A cell that changes while its object does not: the time since, or until, another.
struct Moving {
  enum class Kind { kNone, kSince, kUntil };
  Kind kind = Kind::kNone;
  WallTime time;

  [[nodiscard]] std::string text(WallTime now) const {
    if (kind == Kind::kSince) return human_duration(between(time, now));
    return time <= now ? "expired" : human_duration(between(now, time));
  }
};

Moving moving_cell(const Column& column, const Json& object) {
  const auto from = [](std::optional<WallTime> time, Moving::Kind kind) {
    return time ? Moving{kind, *time} : Moving{};
  };
  switch (column.cell) {
    case Cell::kAge:
      return from(time_at(object, column.path), Moving::Kind::kSince);
    case Cell::kDuration:
      if (time_at(object, "status.completionTime")) return {};
      return from(time_at(object, "status.startTime"), Moving::Kind::kSince);
    case Cell::kUntil:
      return from(time_at(object, column.path), Moving::Kind::kUntil);
    default:
      return {};
  }
}

std::string duration(const Json& object) {
  const auto start = time_at(object, "status.startTime");
  const auto end = time_at(object, "status.completionTime");
  return start && end ? human_duration(between(*start, *end)) : std::string();
}

Ordered cell(const Column& column, const Json& object) {
  switch (column.cell) {
    case Cell::kName:
      return text_member(member(object, "metadata"), "name");
    case Cell::kText: {
      const Json& value = at_paths(object, column.path);
      if (value.is_string()) return value.get<std::string>();
      if (value.is_number_integer()) return value.get<std::int64_t>();
      return column.type == "string" ? Ordered("") : Ordered(nullptr);
    }
    case Cell::kJoined:
      return joined(at_paths(object, column.path));
    case Cell::kPercent: {
      const Json& value = at_paths(object, column.path);
      return value.is_number() ? std::to_string(value.get<std::int64_t>()) + "%" : std::string();
    }
    case Cell::kCondition:
      return condition(object, column.path);
    case Cell::kAge:
      return "<unknown>";
    case Cell::kDuration:
      return duration(object);
    case Cell::kBytes: {
      const Json& value = at_paths(object, column.path);
      if (value.is_string()) return value.get<std::string>();
      return value.is_number_unsigned() ? to_quantity(value.get<std::uint64_t>()) : std::string();
    }
    case Cell::kUntil:
      return phase_of(object) == "Completed" ? "never" : "";
  }
  return "";
}

std::string metadata_only(std::string_view metadata, std::string_view version) {
  return concat(R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/)", version,
                R"(","metadata":)", metadata, "}");
}

}  // namespace

// JSON from one moving cell to the next.
struct TableCells {
  struct Piece {
    std::string text;
    Moving then;
  };
  std::vector<Piece> pieces;

  TableCells(const ResourceType& type, const Json& object) {
    std::string text = "[";
    for (const Column& column : type.columns) {
      if (text.size() > 1 || !pieces.empty()) text += ',';
      const Moving moving = moving_cell(column, object);
      if (moving.kind == Moving::Kind::kNone)
        text += dump(cell(column, object));
      else
        pieces.push_back({std::exchange(text, {}), moving});
    }
    pieces.push_back({text + "]", {}});
  }

  [[nodiscard]] std::string text(WallTime now) const {
    std::string out;
    for (const Piece& piece : pieces) {
      out += piece.text;
      if (piece.then.kind != Moving::Kind::kNone) out += "\"" + piece.then.text(now) + "\"";
    }
    return out;
  }
};

namespace {

std::string row(std::string_view cells, std::string_view object) {
  return concat(R"({"cells":)", cells, R"(,"object":)", object, "}");
}

std::string columns_text(const ResourceType& type) {
  Ordered columns = Ordered::array();
  for (const Column& column : type.columns) {
    Ordered one;
    one["name"] = column.name;
    one["type"] = column.type;
    one["format"] = column.format;
    one["description"] = column.description;
    one["priority"] = column.priority;
    columns.push_back(std::move(one));
  }
  return dump(columns);
}

std::string list_metadata(const ListMeta& meta) {
  Ordered metadata = Ordered::object();
  if (meta.revision != 0) metadata["resourceVersion"] = std::to_string(meta.revision);
  if (!meta.continue_token.empty()) metadata["continue"] = meta.continue_token;
  if (meta.remaining) metadata["remainingItemCount"] = *meta.remaining;
  return dump(metadata);
}

std::string table_start(const ListMeta& meta, std::string_view version, std::string_view columns) {
  return concat(R"({"kind":"Table","apiVersion":"meta.k8s.io/)", version, R"(","metadata":)",
                list_metadata(meta), R"(,"columnDefinitions":)", columns, R"(,"rows":)");
}

}  // namespace

std::string list_head(const ResourceType& type, const ListMeta& meta) {
  return concat(R"({"kind":")", type.list_kind, R"(","apiVersion":")", kGroupVersion,
                R"(","metadata":)", list_metadata(meta), R"(,"items":[)");
}

std::string_view list_tail() {
  return "]}\n";
}

Outcome<IncludeObject> parse_include_object(std::string_view value) {
  if (value.empty() || value == "Metadata") return IncludeObject::kMetadata;
  if (value == "None") return IncludeObject::kNone;
  if (value == "Object") return IncludeObject::kObject;
  return refuse(bad_request(concat(
      "Unable to convert to Table as requested: includeObject: Invalid value: ", quote(value),
      ": must be 'Metadata', 'Object', 'None', or empty")));
}

std::string table_row(const ResourceType& type, const Object& object, IncludeObject include,
                      std::string_view version, WallTime now) {
  Object::CellsOnce& made = object.table_cells();
  std::call_once(made.once, [&] { made.cells = std::make_shared<TableCells>(type, object.dom()); });
  const std::string cells = made.cells->text(now);
  switch (include) {
    case IncludeObject::kMetadata:
      return row(cells, metadata_only(object.metadata_json(), version));
    case IncludeObject::kNone:
      return row(cells, "null");
    case IncludeObject::kObject:
      break;
  }
  return row(cells, object.json());
}

std::string table(const ResourceType& type, const ListMeta& meta, std::string_view version,
                  const std::vector<std::string>& rows, bool with_columns) {
  return concat(table_start(meta, version, with_columns ? columns_text(type) : "null"),
                rows.empty() ? "null" : "[" + join(rows, ",") + "]", "}");
}

std::string table_head(const ResourceType& type, const ListMeta& meta, std::string_view version) {
  return table_start(meta, version, columns_text(type)) + "[";
}

std::string partial_metadata(const Object& object, std::string_view version) {
  return metadata_only(object.metadata_json(), version);
}

std::string partial_list_head(const ListMeta& meta, std::string_view version) {
  return concat(R"({"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/)", version,
                R"(","metadata":)", list_metadata(meta), R"(,"items":[)");
}

std::string watch_frame(std::string_view type, std::string_view object) {
  return concat(R"({"type":")", type, R"(","object":)", object, "}\n");
}

std::string bookmark_object(const ResourceType& type, std::uint64_t revision,
                            bool initial_events_end, Shape shape, std::string_view version) {
  Json object;
  object["kind"] = type.kind;
  object["apiVersion"] = kGroupVersion;
  object["metadata"] = {{"creationTimestamp", nullptr},
                        {"resourceVersion", std::to_string(revision)}};
  if (initial_events_end)
    object["metadata"]["annotations"] = {{"k8s.io/initial-events-end", "true"}};
  switch (shape) {
    case Shape::kObject:
      break;
    case Shape::kPartialMetadata:
      return metadata_only(to_text(object["metadata"]), version);
    case Shape::kTable:
      return table(type, {revision, {}, {}}, version,
                   {row(TableCells(type, object).text(WallTime{}),
                        metadata_only(to_text(object["metadata"]), version))},
                   /*with_columns=*/false);
  }
  return to_text(object);
}

}  // namespace gb::api
