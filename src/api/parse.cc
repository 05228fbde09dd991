// JSON and YAML text into a DOM: duplicates are found, depth and size are bounded.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "api/decode.h"
#include "api/text.h"
#include "base/text.h"

namespace gb::api {
namespace {

// Aliases can make a small YAML text a huge document.
constexpr std::size_t kMaxYamlNodes = 200000;
// Of the characters that a token of YAML begins or ends with: no document within the bounds of an
// object comes near.
constexpr std::size_t kMaxYamlMarks = 2 * kMaxYamlNodes;
// And few of them, of a long word, as well: so many bytes of keys and words may come of a text,
// which is a body's limit and some.
constexpr std::size_t kMaxYamlBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxProblems = 100;
constexpr std::size_t kMaxPath = 1024;

std::string too_deep() {
  return "the document is nested deeper than " + std::to_string(kMaxDepth) + " levels";
}

std::string too_many() {
  return "the document has too many values";
}

class JsonBuilder final : public nlohmann::json_sax<Json> {
 public:
  explicit JsonBuilder(std::vector<std::string>& problems) : problems_(problems) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t& /*text*/) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t& /*value*/) override { return false; }

  bool start_object(std::size_t /*size*/) override { return open(Json::object()); }
  bool key(string_t& name) override {
    Level& level = levels_.back();
    if (!level.keys.insert(name).second && problems_.size() < kMaxProblems)
      problems_.push_back("duplicate field " +
                          quote(level.path.empty() ? name : level.path + "." + name));
    level.key = std::move(name);
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t /*size*/) override { return open(Json::array()); }
  bool end_array() override { return close(); }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& exception) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: …"
    std::string_view text = exception.what();
    if (const std::size_t end = text.find("] "); end != std::string_view::npos)
      text.remove_prefix(end + 2);
    error = text.find("unexpected end of input") != std::string_view::npos
                ? std::string("unexpected end of JSON input")
                : std::string(text);
    return false;
  }

  Json root;
  std::string error;

 private:
  struct Level {
    Json* value = nullptr;
    std::string path;
    std::string key;
    std::set<std::string> keys;
  };

  [[nodiscard]] std::string path_here() const {
    if (levels_.empty()) return {};
    const Level& level = levels_.back();
    if (level.value->is_array())
      return concat(level.path, "[", std::to_string(level.value->size()), "]");
    return level.path.empty() ? level.key : level.path + "." + level.key;
  }
  Json* place(Json value) {
    if (levels_.empty()) {
      root = std::move(value);
      return &root;
    }
    Level& level = levels_.back();
    if (level.value->is_array()) {
      level.value->push_back(std::move(value));
      return &level.value->back();
    }
    Json& slot = (*level.value)[level.key];
    slot = std::move(value);
    return &slot;
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json value) {
    if (levels_.size() == kMaxDepth) {
      error = too_deep();
      return false;
    }
    Level level;
    // One long key must not be held once for each level below it; warnings are cut shorter.
    level.path = cut_runes(path_here(), kMaxPath);
    level.value = place(std::move(value));
    levels_.push_back(std::move(level));
    return true;
  }
  bool close() {
    levels_.pop_back();
    return true;
  }

  std::vector<std::string>& problems_;
  std::vector<Level> levels_;
};

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words)
    if (text == word) return true;
  return false;
}

template <typename Number>
std::optional<Number> whole_number(std::string_view text, int base) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

std::optional<Json> integer_of(std::string_view text) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  if (digits.starts_with("0x")) {
    base = 16;
    digits.remove_prefix(2);
  } else if (digits.starts_with("0o")) {
    base = 8;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits.front() == '0') {
    base = 8;  // YAML 1.1, as kubectl reads it
    digits.remove_prefix(1);
  }
  if (digits.empty() || digits.front() == '-' || digits.front() == '+') return {};
  if (negative) {
    const auto value = whole_number<std::int64_t>("-" + std::string(digits), base);
    if (!value) return {};
    return Json(*value);
  }
  if (const auto value = whole_number<std::int64_t>(digits, base)) return Json(*value);
  if (const auto value = whole_number<std::uint64_t>(digits, base)) return Json(*value);
  return {};
}

std::optional<Json> real_of(std::string_view text) {
  // Only what starts like a number: from_chars would take "inf" and "nan" too.
  const std::size_t first = text.find_first_not_of("+-");
  if (first > 1) return {};  // npos, too
  const char c = text[first];
  if (c != '.' && (c < '0' || c > '9')) return {};
  if (text.front() == '+') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return Json(value);
}

// A plain scalar as YAML 1.1 resolves it, which is what kubectl and the API server do.
Json resolve(const std::string& text) {
  if (one_of(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
  if (one_of(text, {"true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"}))
    return true;
  if (one_of(text, {"false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF"}))
    return false;
  if (auto integer = integer_of(text)) return *integer;
  if (auto real = real_of(text)) return *real;
  return text;
}

// What a text would become, without making it: keys count, too, and an alias is one value.
class YamlCounter final : public YAML::EventHandler {
 public:
  std::size_t nodes = 0;
  std::size_t deepest = 0;

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override { count(); }
  void OnAlias(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override { count(); }
  void OnScalar(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                const std::string& /*value*/) override {
    count();
  }
  void OnSequenceStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/,
                       YAML::anchor_t /*anchor*/, YAML::EmitterStyle::value /*style*/) override {
    open();
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    open();
  }
  void OnMapEnd() override { --depth_; }

 private:
  void count() {
    ++nodes;
    deepest = std::max(deepest, depth_);
  }
  void open() {
    count();
    ++depth_;
  }

  std::size_t depth_ = 0;
};

// yaml-cpp makes every node of a document, some hundred bytes each, before anybody can count them;
// and before it tells of the first one in [] or {} it holds all tokens up to the end of that, a
// hundred bytes each. So first the characters are counted without it, then the nodes.
Status check_size(const std::string& text) {
  if (text.size() <= kMaxYamlNodes) return {};
  const auto marks = std::ranges::count_if(text, [](char c) {
    return std::string_view(",:[]{}-?&*!|>'\"%@`#\n\r").find(c) != std::string_view::npos;
  });
  if (static_cast<std::size_t>(marks) > kMaxYamlMarks) return fail(Code::kInvalid, too_many());
  std::istringstream in(text);
  YAML::Parser parser(in);
  YamlCounter counter;
  parser.HandleNextDocument(counter);
  if (counter.deepest > kMaxDepth) return fail(Code::kInvalid, too_deep());
  if (counter.nodes > kMaxYamlNodes) return fail(Code::kInvalid, too_many());
  return {};
}

class YamlConverter {
 public:
  explicit YamlConverter(std::vector<std::string>& problems) : problems_(problems) {}

  Result<Json> convert(const YAML::Node& node, std::size_t depth) {
    if (depth > kMaxDepth) return fail(Code::kInvalid, too_deep());
    if (++nodes_ > kMaxYamlNodes) return fail(Code::kInvalid, too_many());
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        return Json(nullptr);
      case YAML::NodeType::Scalar:
        GB_TRY(take(node.Scalar()));
        // "?" marks a plain scalar; quoted and tagged ones are text.
        return node.Tag() == "?" ? resolve(node.Scalar()) : Json(node.Scalar());
      case YAML::NodeType::Sequence: {
        Json list = Json::array();
        for (const YAML::Node& one : node) {
          GB_TRY_ASSIGN(Json value, convert(one, depth + 1));
          list.push_back(std::move(value));
        }
        return list;
      }
      case YAML::NodeType::Map: {
        Json object = Json::object();
        for (const auto& entry : node) {
          if (!entry.first.IsScalar())
            return fail(Code::kInvalid, "a key of a mapping is not a word");
          const std::string& name = entry.first.Scalar();
          GB_TRY(take(name));
          if (object.contains(name) && problems_.size() < kMaxProblems)
            problems_.push_back(concat("line ", std::to_string(entry.first.Mark().line + 1),
                                       ": key ", quote(name), " already set in map"));
          GB_TRY_ASSIGN(object[name], convert(entry.second, depth + 1));
        }
        return object;
      }
    }
    return Json(nullptr);
  }

 private:
  Status take(const std::string& word) {
    bytes_ += word.size();
    if (bytes_ <= kMaxYamlBytes) return {};
    return fail(Code::kInvalid, "the document is too large with what its aliases stand for");
  }

  std::vector<std::string>& problems_;
  std::size_t nodes_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace

Result<Json> parse_document(std::string_view text, BodyFormat format,
                            std::vector<std::string>& problems) {
  if (format == BodyFormat::kJson) {
    JsonBuilder builder(problems);
    if (!Json::sax_parse(text, &builder)) return fail(Code::kInvalid, std::move(builder.error));
    return std::move(builder.root);
  }
  try {
    const std::string copy(text);
    GB_TRY(check_size(copy));
    return YamlConverter(problems).convert(YAML::Load(copy), 0);
  } catch (const YAML::Exception& error) {
    return fail(Code::kInvalid,
                concat("line ", std::to_string(error.mark.line + 1), ": ", error.msg));
  }
}

}  // namespace gb::api
