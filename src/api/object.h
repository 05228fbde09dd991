// One version of one API object: immutable, serialised once, shared by everybody who reads it.
//
// The DOM (nlohmann) is parsed when somebody asks and is not kept: the JSON text is what lists and
// watches stream, and what the memory is spent on.
//
// Thread safety: const after construction; share freely through ObjectPtr.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace gb::api {

using Json = nlohmann::json;
using Labels = std::map<std::string, std::string>;

// The plural resource ("galerabackups"), the namespace (empty: cluster scope) and the name.
struct ObjectKey {
  std::string resource;
  std::string ns;
  std::string name;
  auto operator<=>(const ObjectKey&) const = default;
};

struct TableCells;  // of src/api/table.cc

class Object {
 public:
  // Takes metadata.{namespace,name,uid,labels,finalizers,deletionTimestamp} from `dom` and writes
  // `revision` into metadata.resourceVersion. Invalid when the metadata is malformed.
  static Result<std::shared_ptr<const Object>> make(std::string resource, std::uint64_t revision,
                                                    Json dom);
  // The same from text that make() serialised before (recovery): nothing is added.
  static Result<std::shared_ptr<const Object>> parse(std::string resource, std::string json);

  [[nodiscard]] const ObjectKey& key() const { return key_; }
  [[nodiscard]] const std::string& uid() const { return uid_; }
  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  [[nodiscard]] const Labels& labels() const { return labels_; }
  [[nodiscard]] bool being_deleted() const { return being_deleted_; }
  // The object as compact JSON, kind and apiVersion included; no newline at its end.
  [[nodiscard]] const std::string& json() const { return json_; }
  // The part of json() that is its metadata, as JSON.
  [[nodiscard]] std::string_view metadata_json() const {
    return std::string_view(json_).substr(metadata_at_, metadata_size_);
  }
  // A fresh DOM of json(): costs a parse.
  [[nodiscard]] Json dom() const;

  // Where table_row() keeps what it made of this object for the first who asked.
  struct CellsOnce {
    std::once_flag once;
    std::shared_ptr<const TableCells> cells;
  };
  [[nodiscard]] CellsOnce& table_cells() const { return table_cells_; }

 private:
  Object() = default;
  Status read_metadata(const Json& dom);
  void take_text(std::string json);

  ObjectKey key_;
  std::string uid_;
  std::uint64_t revision_ = 0;
  Labels labels_;
  bool being_deleted_ = false;
  std::string json_;
  std::size_t metadata_at_ = 0;
  std::size_t metadata_size_ = 0;
  mutable CellsOnce table_cells_;
};

using ObjectPtr = std::shared_ptr<const Object>;

}  // namespace gb::api
