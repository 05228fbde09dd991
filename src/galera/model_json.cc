// InstanceModel as the JSON that stands in a backup's manifest. Unknown members are ignored, so
// that an older program reads a newer backup; what is missing has its default.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "base/text.h"
#include "galera/model.h"

namespace gb::galera {
namespace {

using Json = nlohmann::ordered_json;

// Identifiers and definitions may hold bytes that are no UTF-8 (a comment cut in the middle of a
// character, a literal in another character set): such texts stand as {"base64": "…"}.
bool is_utf8(std::string_view s) {
  std::size_t i = 0;
  while (i < s.size()) {
    const auto c = static_cast<unsigned char>(s[i]);
    const std::size_t more = c < 0x80       ? 0
                             : c >> 5 == 6  ? 1
                             : c >> 4 == 14 ? 2
                             : c >> 3 == 30 ? 3
                                            : 9;
    if (more == 9 || i + more >= s.size()) return false;
    std::uint32_t code = more == 0 ? c : c & (0x3fU >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      const auto d = static_cast<unsigned char>(s[i + k]);
      if (d >> 6 != 2) return false;
      code = code << 6 | (d & 0x3fU);
    }
    constexpr std::array<std::uint32_t, 4> kLeast{0, 0x80, 0x800, 0x10000};
    if (code < kLeast[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += more + 1;
  }
  return true;
}

Json text_to_json(const std::string& text) {
  if (is_utf8(text)) return text;
  return Json{{"base64", to_base64(as_bytes(text))}};
}

constexpr std::array<const char*, 8> kKinds{"signed", "unsigned", "float", "double",
                                            "date",   "datetime", "time",  "bytes"};
constexpr std::array<const char*, 7> kPrograms{"view",        "procedure", "function", "package",
                                               "packageBody", "trigger",   "event"};

struct Bad {
  std::string what;
};

// One description of the model serves both directions: ModelWriter and ModelReader have the same
// members.
class ModelWriter {
 public:
  explicit ModelWriter(Json& json) : json_(json) { json_ = Json::object(); }
  void operator()(const char* name, std::string& value) {
    if (!value.empty()) json_[name] = text_to_json(value);
  }
  void operator()(const char* name, bool& value) {
    if (value) json_[name] = true;
  }
  template <typename T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
  void operator()(const char* name, T& value) {
    if (value != 0) json_[name] = value;
  }
  void word(const char* name, std::string& value) { (*this)(name, value); }
  void operator()(const char* name, RowDigest& value) { json_[name] = to_hex(value); }
  void operator()(const char* name, WallTime& value) { json_[name] = to_rfc3339_micro(value); }
  template <typename E, std::size_t N>
  void named(const char* name, E& value, const std::array<const char*, N>& names) {
    json_[name] = names[static_cast<std::size_t>(value)];
  }
  void operator()(const char* name, std::vector<std::string>& values) {
    if (values.empty()) return;
    Json& array = json_[name] = Json::array();
    for (const std::string& value : values) array.push_back(text_to_json(value));
  }
  template <typename T>
  void list(const char* name, std::vector<T>& values) {
    if (values.empty()) return;
    Json& array = json_[name] = Json::array();
    for (T& value : values) {
      array.emplace_back();
      ModelWriter writer(array.back());
      describe(writer, value);
    }
  }
  template <typename T>
  void part(const char* name, T& value) {
    ModelWriter writer(json_[name]);
    describe(writer, value);
  }

 private:
  Json& json_;
};

class ModelReader {
 public:
  explicit ModelReader(const Json& json) : json_(json) {
    if (!json.is_object()) throw Bad{"an object is missing"};
  }
  void operator()(const char* name, std::string& value) {
    if (const Json* j = find(name)) value = text(*j, name);
  }
  void operator()(const char* name, bool& value) {
    if (const Json* j = find(name)) {
      if (!j->is_boolean()) throw Bad{std::string(name) + " is not true or false"};
      value = j->get<bool>();
    }
  }
  template <typename T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
  void operator()(const char* name, T& value) {
    if (const Json* j = find(name)) {
      if (!j->is_number_integer()) throw Bad{std::string(name) + " is not a number"};
      value = j->get<T>();
    }
  }
  // The name of a character set or a collation, which statements hold as it is.
  void word(const char* name, std::string& value) {
    (*this)(name, value);
    const auto of_a_word = [](unsigned char c) {
      return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    };
    if (!std::all_of(value.begin(), value.end(), of_a_word))
      throw Bad{std::string(name) + " is not a name"};
  }
  void operator()(const char* name, RowDigest& value) {
    std::string hex;
    (*this)(name, hex);
    const auto bytes = from_hex(hex);
    if (!bytes || bytes->size() != value.size()) throw Bad{std::string(name) + " is not a digest"};
    for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<std::byte>((*bytes)[i]);
  }
  void operator()(const char* name, WallTime& value) {
    std::string rfc3339;
    (*this)(name, rfc3339);
    const auto time = from_rfc3339(rfc3339);
    if (!time) throw Bad{std::string(name) + " is not a time"};
    value = *time;
  }
  template <typename E, std::size_t N>
  void named(const char* name, E& value, const std::array<const char*, N>& names) {
    std::string word;
    (*this)(name, word);
    for (std::size_t i = 0; i < N; ++i) {
      if (word != names[i]) continue;
      value = static_cast<E>(i);
      return;
    }
    throw Bad{std::string(name) + " has the unknown value \"" + word + "\""};
  }
  void operator()(const char* name, std::vector<std::string>& values) {
    if (const Json* j = find(name)) {
      if (!j->is_array()) throw Bad{std::string(name) + " is not a list"};
      for (const Json& item : *j) values.push_back(text(item, name));
    }
  }
  template <typename T>
  void list(const char* name, std::vector<T>& values) {
    if (const Json* j = find(name)) {
      if (!j->is_array()) throw Bad{std::string(name) + " is not a list"};
      for (const Json& item : *j) {
        ModelReader reader(item);
        describe(reader, values.emplace_back());
      }
    }
  }
  template <typename T>
  void part(const char* name, T& value) {
    const Json* j = find(name);
    if (j == nullptr) throw Bad{std::string(name) + " is missing"};
    ModelReader reader(*j);
    describe(reader, value);
  }

 private:
  const Json* find(const char* name) const {
    const auto at = json_.find(name);
    return at == json_.end() ? nullptr : &*at;
  }
  static std::string text(const Json& json, const char* name) {
    if (json.is_string()) return json.get<std::string>();
    if (json.is_object() && json.size() == 1 && json.contains("base64") &&
        json["base64"].is_string()) {
      if (auto bytes = from_base64(json["base64"].get<std::string>())) return std::move(*bytes);
    }
    throw Bad{std::string(name) + " is not a text"};
  }
  const Json& json_;
};

template <typename V>
void describe(V& v, TableTotals& t) {
  v("rows", t.rows);
  v("bytes", t.bytes);
  v("digest", t.digest);
}

template <typename V>
void describe(V& v, Column& c) {
  v("name", c.name);
  v.named("kind", c.kind, kKinds);
  v("dataType", c.data_type);
  v("columnType", c.column_type);
  v.word("characterSet", c.character_set);
  v.word("collation", c.collation);
  v("nullable", c.nullable);
  v("generated", c.generated);
  v("invisible", c.invisible);
  v("period", c.period);
}

template <typename V>
void describe(V& v, Table& t) {
  v("name", t.name);
  v("engine", t.engine);
  bool outside_snapshot = !t.transactional;
  v("outsideSnapshot", outside_snapshot);
  t.transactional = !outside_snapshot;
  v("create", t.create_sql);
  v.list("columns", t.columns);
  v("primaryKey", t.primary_key);
  v("autoIncrement", t.auto_increment);
  v("dataExcluded", t.data_excluded);
  v("history", t.history);
  v.part("totals", t.totals);
}

template <typename V>
void describe(V& v, Sequence& s) {
  v("name", s.name);
  v("create", s.create_sql);
  v("state", s.state);
}

template <typename V>
void describe(V& v, Program& p) {
  v.named("kind", p.kind, kPrograms);
  v("name", p.name);
  v("table", p.table);
  v("create", p.create_sql);
  v("definer", p.definer);
  v("sqlMode", p.sql_mode);
  v.word("characterSetClient", p.character_set_client);
  v.word("collationConnection", p.collation_connection);
  v.word("databaseCollation", p.database_collation);
  v("timeZone", p.time_zone);
  v("status", p.status);
  v("utf8Sql", p.utf8_sql);
  v("viewColumns", p.view_columns);
  v("order", p.order);
}

template <typename V>
void describe(V& v, Schema& s) {
  v("name", s.name);
  v.word("characterSet", s.character_set);
  v.word("collation", s.collation);
  v("comment", s.comment);
  v.list("tables", s.tables);
  v.list("sequences", s.sequences);
  v.list("programs", s.programs);
}

template <typename V>
void describe(V& v, Account& a) {
  v("name", a.name);
  v("role", a.role);
  v("create", a.create);
  v("grants", a.grants);
}

template <typename V>
void describe(V& v, ServerObject& o) {
  v("name", o.name);
  v("create", o.create_sql);
}

template <typename V>
void describe(V& v, Facts& f) {
  v("node", f.node);
  v("serverVersion", f.server_version);
  v("sqlMode", f.sql_mode);
  v.word("characterSet", f.character_set);
  v.word("collation", f.collation);
  v("timeZone", f.time_zone);
  v("lowerCaseTableNames", f.lower_case_table_names);
  v("clusterUUID", f.cluster_uuid);
  v("seqno", f.seqno);
  v("gtid", f.gtid);
  v("snapshotTime", f.snapshot_time);
  v("snapshotMethod", f.snapshot_method);
  v("innodbPageSize", f.innodb_page_size);
}

template <typename V>
void describe(V& v, InstanceModel& m) {
  v.part("facts", m.facts);
  v.list("schemas", m.schemas);
  v.list("accounts", m.accounts);
  v.list("foreignServers", m.foreign_servers);
  v.list("libraryFunctions", m.library_functions);
  v("notes", m.notes);
}

// Deeper than the model ever is: refused before nlohmann builds it, since it frees deep values by
// recursion.
constexpr int kMaxDepth = 16;

Error not_a_model(const std::string& what) {
  return Error{
      Code::kCorruption, "this is not the description of an instance: " + what, {}, {}, nullptr};
}

}  // namespace

std::string to_json(const InstanceModel& model) {
  InstanceModel copy = model;  // the description is of a model that can be changed
  Json json;
  ModelWriter writer(json);
  describe(writer, copy);
  return json.dump();
}

Result<InstanceModel> from_json(std::string_view text) {
  bool too_deep = false;
  const auto limit = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  try {
    const Json json = Json::parse(text, limit, true);
    if (too_deep) return fail(not_a_model("it is nested too deeply"));
    InstanceModel out;
    ModelReader reader(json);
    describe(reader, out);
    return out;
  } catch (const Bad& bad) {
    return fail(not_a_model(bad.what));
  } catch (const Json::exception& e) {
    return fail(not_a_model(e.what()));
  }
}

}  // namespace gb::galera
