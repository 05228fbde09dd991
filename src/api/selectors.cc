#include "api/selectors.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "api/meta.h"
#include "api/text.h"
#include "base/text.h"

namespace gb::api {
namespace {

std::optional<std::int64_t> to_integer(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

enum class Token {
  kEnd,
  kIdentifier,
  kIn,
  kNotIn,
  kEquals,
  kDoubleEquals,
  kNotEquals,
  kGreater,
  kLess,
  kComma,
  kOpen,
  kClose,
  kNot,
  kError,
};

struct Item {
  Token token = Token::kEnd;
  std::string text;
};

Token symbol(std::string_view text) {
  if (text == ")") return Token::kClose;
  if (text == ",") return Token::kComma;
  if (text == "!") return Token::kNot;
  if (text == "==") return Token::kDoubleEquals;
  if (text == "=") return Token::kEquals;
  if (text == ">") return Token::kGreater;
  if (text == "<") return Token::kLess;
  if (text == "!=") return Token::kNotEquals;
  if (text == "(") return Token::kOpen;
  if (text == "in") return Token::kIn;
  if (text == "notin") return Token::kNotIn;
  return Token::kError;
}

bool is_special(char c) {
  return std::string_view("=!(),><").find(c) != std::string_view::npos;
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

Item next_item(std::string_view text, std::size_t& at) {
  while (at < text.size() && is_space(text[at])) ++at;
  if (at == text.size()) return {};
  const std::size_t start = at;
  if (is_special(text[at])) {
    // The longest run of special characters that is an operator.
    Item item{Token::kError, {}};
    while (at < text.size() && is_special(text[at])) {
      const std::string_view run = text.substr(start, at + 1 - start);
      const Token token = symbol(run);
      if (token != Token::kError) {
        item = {token, std::string(run)};
      } else if (item.token != Token::kError) {
        break;
      }
      ++at;
    }
    if (item.token == Token::kError)
      item.text = concat("error expected: keyword found '", text.substr(start, at - start), "'");
    return item;
  }
  while (at < text.size() && !is_special(text[at]) && !is_space(text[at])) ++at;
  const std::string word(text.substr(start, at - start));
  const Token token = symbol(word);
  return {token == Token::kError ? Token::kIdentifier : token, word};
}

}  // namespace

// The grammar and the texts of k8s.io/apimachinery/pkg/labels.
class LabelSelectorParser {
 public:
  using Requirement = LabelSelector::Requirement;
  using Operator = LabelSelector::Operator;

  explicit LabelSelectorParser(std::string_view text) {
    std::size_t at = 0;
    do {
      items_.push_back(next_item(text, at));
    } while (items_.back().token != Token::kEnd);
  }

  // False: error() says why.
  bool parse(std::vector<Requirement>& requirements) {
    while (true) {
      const Item first = peek_value();
      if (first.token == Token::kEnd) return true;
      if (first.token != Token::kIdentifier && first.token != Token::kNot)
        return wrong(found(first, ", expected: !, identifier, or 'end of string'"));
      Requirement requirement;
      if (!parse_requirement(requirement)) {
        error_ = "unable to parse requirement: " + error_;
        return false;
      }
      requirements.push_back(std::move(requirement));
      const Item after = take_value();
      if (after.token == Token::kEnd) return true;
      if (after.token != Token::kComma)
        return wrong(found(after, ", expected: ',' or 'end of string'"));
      const Item next = peek_value();
      if (next.token != Token::kIdentifier && next.token != Token::kNot)
        return wrong(found(next, ", expected: identifier after ','"));
    }
  }

  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  static std::string found(const Item& item, std::string_view expected) {
    return concat("found '", item.text, "'", expected);
  }
  bool wrong(std::string text) {
    error_ = std::move(text);
    return false;
  }
  // `in` and `notin` are words where a value may stand.
  static Item as_value(Item item) {
    if (item.token == Token::kIn || item.token == Token::kNotIn) item.token = Token::kIdentifier;
    return item;
  }
  [[nodiscard]] Item peek_value() const { return as_value(items_[at_]); }
  Item take() {
    const Item item = items_[at_];
    if (at_ + 1 < items_.size()) ++at_;
    return item;
  }
  Item take_value() { return as_value(take()); }

  bool parse_requirement(Requirement& out) {
    Item item = take_value();
    const bool negated = item.token == Token::kNot;
    if (negated) item = take_value();
    if (item.token != Token::kIdentifier) return wrong(found(item, ", expected: identifier"));
    if (const auto errors = check_qualified_name(item.text); !errors.empty())
      return wrong(concat("<nil>: Invalid value: ", quote(item.text), ": ", join(errors, "; ")));
    out.key = item.text;
    const Token after = peek_value().token;
    if (after == Token::kEnd || after == Token::kComma) {
      out.op = negated ? Operator::kDoesNotExist : Operator::kExists;
      return true;
    }
    if (negated) {
      out.op = Operator::kDoesNotExist;
      return true;
    }
    return parse_operator(out);
  }

  bool parse_operator(Requirement& out) {
    const Item item = take();
    std::set<std::string> values;
    switch (item.token) {
      case Token::kIn:
      case Token::kNotIn:
        out.op = item.token == Token::kIn ? Operator::kIn : Operator::kNotIn;
        if (!parse_values(values)) return false;
        break;
      case Token::kEquals:
      case Token::kDoubleEquals:
        out.op = Operator::kIn;
        if (!parse_exact(values)) return false;
        break;
      case Token::kNotEquals:
        out.op = Operator::kNotIn;
        if (!parse_exact(values)) return false;
        break;
      case Token::kGreater:
      case Token::kLess:
        out.op = item.token == Token::kGreater ? Operator::kGreater : Operator::kLess;
        if (!parse_exact(values)) return false;
        break;
      default:
        return wrong(found(item, ", expected: in, notin, =, ==, !=, gt, lt"));
    }
    out.values.assign(values.begin(), values.end());
    return check_values(out);
  }

  bool check_values(const Requirement& requirement) {
    std::vector<std::string> errors;
    if (requirement.op == Operator::kGreater || requirement.op == Operator::kLess) {
      for (const std::string& value : requirement.values)
        if (!to_integer(value))
          errors.push_back(concat("values[0]: Invalid value: ", quote(value),
                                  ": for 'Gt', 'Lt' operators, the value must be an integer"));
    }
    for (std::size_t i = 0; i < requirement.values.size(); ++i) {
      const std::string& value = requirement.values[i];
      if (const auto wrong_value = check_label_value(value); !wrong_value.empty())
        errors.push_back(concat("values[", std::to_string(i), "][", requirement.key,
                                "]: Invalid value: ", quote(value), ": ", join(wrong_value, "; ")));
    }
    if (errors.empty()) return true;
    return wrong(errors.size() == 1 ? errors[0] : "[" + join(errors, ", ") + "]");
  }

  bool parse_values(std::set<std::string>& values) {
    const Item open = take_value();
    if (open.token != Token::kOpen) return wrong(found(open, " expected: '('"));
    const Item first = peek_value();
    if (first.token == Token::kClose) {
      take();
      values.insert("");
      return true;
    }
    if (first.token != Token::kIdentifier && first.token != Token::kComma)
      return wrong(found(first, ", expected: ',', ')' or identifier"));
    if (!parse_identifiers(values)) return false;
    take();  // the parenthesis that parse_identifiers stopped at
    return true;
  }

  bool parse_identifiers(std::set<std::string>& values) {
    while (true) {
      const Item item = take_value();
      if (item.token == Token::kIdentifier) {
        values.insert(item.text);
        const Item next = peek_value();
        if (next.token == Token::kComma) continue;
        if (next.token == Token::kClose) return true;
        return wrong(found(next, ", expected: ',' or ')'"));
      }
      if (item.token != Token::kComma) return wrong(found(item, ", expected: ',', or identifier"));
      if (values.empty()) values.insert("");
      const Token next = peek_value().token;
      if (next == Token::kClose) {
        values.insert("");
        return true;
      }
      if (next == Token::kComma) values.insert("");
    }
  }

  bool parse_exact(std::set<std::string>& values) {
    const Token next = peek_value().token;
    if (next == Token::kEnd || next == Token::kComma) {
      values.insert("");
      return true;
    }
    const Item item = take_value();
    if (item.token != Token::kIdentifier) return wrong(found(item, ", expected: identifier"));
    values.insert(item.text);
    return true;
  }

  std::vector<Item> items_;
  std::size_t at_ = 0;
  std::string error_;
};

Outcome<LabelSelector> LabelSelector::parse(std::string_view text) {
  LabelSelector selector;
  LabelSelectorParser parser(text);
  if (!parser.parse(selector.requirements_)) return refuse(bad_request(parser.error()));
  return selector;
}

bool LabelSelector::matches(const Labels& labels) const {
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& one) {
    const auto it = labels.find(one.key);
    const bool there = it != labels.end();
    const auto listed = [&] {
      return std::find(one.values.begin(), one.values.end(), it->second) != one.values.end();
    };
    switch (one.op) {
      case Operator::kIn:
        return there && listed();
      case Operator::kNotIn:
        return !there || !listed();
      case Operator::kExists:
        return there;
      case Operator::kDoesNotExist:
        return !there;
      case Operator::kGreater:
      case Operator::kLess: {
        if (!there) return false;
        const auto label = to_integer(it->second);
        const auto bound = to_integer(one.values.front());
        if (!label || !bound) return false;
        return one.op == Operator::kGreater ? *label > *bound : *label < *bound;
      }
    }
    return false;
  });
}

namespace {

std::vector<std::string> split_terms(std::string_view text) {
  std::vector<std::string> terms;
  std::string term;
  bool escaped = false;
  for (const char c : text) {
    if (!escaped && c == ',') {
      terms.push_back(std::move(term));
      term.clear();
      continue;
    }
    escaped = !escaped && c == '\\';
    term += c;
  }
  terms.push_back(std::move(term));
  std::sort(terms.begin(), terms.end());
  return terms;
}

Outcome<std::string> unescape(std::string_view value) {
  std::string plain;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '\\') {
      if (i + 1 == value.size())
        return refuse(bad_request("invalid field selector: invalid escape sequence: \\"));
      const char next = value[++i];
      if (next != '\\' && next != ',' && next != '=')
        return refuse(bad_request(
            concat("invalid field selector: invalid escape sequence: \\", std::string(1, next))));
      plain += next;
    } else if (c == ',' || c == '=') {
      // Go prints the number of the character.
      return refuse(bad_request("invalid field selector: unescaped character in value: " +
                                std::to_string(static_cast<int>(c))));
    } else {
      plain += c;
    }
  }
  return plain;
}

bool knows(const ResourceType& type, const std::string& field) {
  return field == "metadata.name" || (type.namespaced && field == "metadata.namespace") ||
         std::find(type.selectable_fields.begin(), type.selectable_fields.end(), field) !=
             type.selectable_fields.end();
}

std::string unknown_field(const ResourceType& type, const std::string& field) {
  std::vector<std::string> known = {"\"metadata.name\""};
  if (type.namespaced) known.emplace_back("\"metadata.namespace\"");
  for (const std::string& one : type.selectable_fields) known.push_back(quote(one));
  return concat(quote(field), " is not a known field selector: only ", join(known, ", "));
}

}  // namespace

Outcome<FieldSelector> FieldSelector::parse(const ResourceType& type, std::string_view text) {
  FieldSelector selector;
  for (const std::string& part : split_terms(text)) {
    if (part.empty()) continue;
    const std::size_t at = part.find_first_of("!=");
    std::size_t length = 0;
    Term term;
    for (std::size_t i = at; i < part.size() && length == 0; ++i) {
      const std::string_view rest = std::string_view(part).substr(i);
      if (rest.starts_with("!=") || rest.starts_with("==")) {
        length = 2;
      } else if (rest.starts_with("=")) {
        length = 1;
      } else {
        continue;
      }
      term.field = part.substr(0, i);
      term.equal = rest.front() == '=';
      Outcome<std::string> value = unescape(rest.substr(length));
      if (!value) return refuse(std::move(value).error());
      term.value = *std::move(value);
    }
    if (length == 0)
      return refuse(
          bad_request(concat("invalid selector: '", text, "'; can't understand '", part, "'")));
    if (!knows(type, term.field)) return refuse(bad_request(unknown_field(type, term.field)));
    selector.terms_.push_back(std::move(term));
  }
  return selector;
}

bool FieldSelector::matches(const Object& object) const {
  std::optional<Json> dom;
  for (const Term& term : terms_) {
    std::string value;
    if (term.field == "metadata.name") {
      value = object.key().name;
    } else if (term.field == "metadata.namespace") {
      value = object.key().ns;
    } else {
      if (!dom) dom = object.dom();
      const Json& found = at_path(*dom, term.field);
      if (found.is_string()) value = found.get<std::string>();
    }
    if ((value == term.value) != term.equal) return false;
  }
  return true;
}

std::string FieldSelector::required_name() const {
  for (const Term& term : terms_)
    if (term.equal && term.field == "metadata.name") return term.value;
  return {};
}

}  // namespace gb::api
