// Label and field selectors of lists, watches and deletecollection.
//
// Thread safety: const after parsing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/errors.h"
#include "api/object.h"
#include "api/schema.h"

namespace gb::api {

class LabelSelector {
 public:
  // "a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1,m<2". 400 with the text of k8s.io/apimachinery.
  static Outcome<LabelSelector> parse(std::string_view text);
  [[nodiscard]] bool matches(const Labels& labels) const;
  [[nodiscard]] bool empty() const { return requirements_.empty(); }

 private:
  enum class Operator { kIn, kNotIn, kExists, kDoesNotExist, kGreater, kLess };
  struct Requirement {
    std::string key;
    Operator op = Operator::kExists;
    std::vector<std::string> values;  // sorted
  };
  friend class LabelSelectorParser;
  std::vector<Requirement> requirements_;
};

class FieldSelector {
 public:
  // "metadata.name=x,status.phase!=Failed". 400 for a field that the resource does not know.
  static Outcome<FieldSelector> parse(const ResourceType& type, std::string_view text);
  // Reads the object's DOM only when a field outside metadata is asked for.
  [[nodiscard]] bool matches(const Object& object) const;
  [[nodiscard]] bool empty() const { return terms_.empty(); }
  // The one name that `metadata.name=x` asks for: authorization is told it.
  [[nodiscard]] std::string required_name() const;

 private:
  struct Term {
    std::string field;
    std::string value;
    bool equal = true;
  };
  std::vector<Term> terms_;
};

}  // namespace gb::api
