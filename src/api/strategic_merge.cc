#include "api/strategic_merge.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/text.h"

namespace gb::api {
namespace {

constexpr std::string_view kDirective = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kDeleteFromList = "$deleteFromPrimitiveList";
constexpr std::string_view kElementOrder = "$setElementOrder";

constexpr std::string_view kBadPrimitiveList = "invalid patch format of primitive list";
constexpr std::string_view kBadRetainKeys = "invalid patch format of retainKeys";
constexpr std::string_view kBadElementOrder = "invalid patch format of setElementOrder list";

tl::unexpected<ApiError> bad_patch(std::string_view why) {
  return refuse(bad_request(std::string(why)));
}

tl::unexpected<ApiError> bad_directive(const Json& directive, const Json& where) {
  return bad_patch(concat("unknown patch type: ", to_text(directive), " in map: ", to_text(where)));
}

tl::unexpected<ApiError> no_merge_key(const Json& element, const std::string& key) {
  return bad_patch(
      concat("map: ", to_text(element), " does not contain declared merge key: ", key));
}

// The schema of a field; null: not known, and a merge patch is all that can be done.
const Schema* schema_of(const Schema* parent, const std::string& field) {
  if (parent == nullptr) return nullptr;
  if (parent->type == SchemaType::kMap) return &parent->items.front();
  const Property* property =
      parent->type == SchemaType::kObject ? find_property(*parent, field) : nullptr;
  return property == nullptr ? nullptr : &property->schema;
}

// How a list is patched.
struct ListRule {
  bool merged = false;  // else replaced
  std::string key;      // the field that tells its elements apart; empty: they do so themselves
  const Schema* element = nullptr;
};

ListRule rule_of(const Schema* list) {
  if (list == nullptr || list->type != SchemaType::kArray) return {};
  ListRule rule;
  rule.merged = list->merged_by_patch;
  if (rule.merged && !list->list_map_keys.empty()) rule.key = list->list_map_keys.front();
  rule.element = &list->items.front();
  return rule;
}

const Json& identity(const Json& element, const std::string& key) {
  return key.empty() ? element : member(element, key);
}

using Places = std::map<Json, std::size_t>;

Places places_of(const Json& list, const std::string& key) {
  Places places;
  for (std::size_t i = 0; i < list.size(); ++i) places.emplace(identity(list[i], key), i);
  return places;
}

// All elements are of one kind: objects with their merge key, or plain values.
Outcome<void> check_elements(std::initializer_list<const Json*> lists, const std::string& key) {
  const Json* first = nullptr;
  for (const Json* list : lists) {
    for (const Json& element : *list) {
      if (first == nullptr) first = &element;
      if (element.is_array()) {
        ApiError error = unprocessable();
        error.message = "lists of lists are not supported";
        return refuse(std::move(error));
      }
      if (element.is_null() || element.is_object() != first->is_object() ||
          element.is_string() != first->is_string())
        return bad_patch("list element types are not identical");
      if (element.is_object() && key.empty())
        return bad_patch("cannot merge lists without merge key for struct");
      if (!key.empty() && !element.is_object())
        return bad_patch(concat("expected a map, but received a ", element.type_name()));
      if (!key.empty() && !element.contains(key)) return no_merge_key(element, key);
    }
  }
  return {};
}

// Takes out of a value that was not there before what means nothing then: nulls, and what carries a
// directive. False: that is the value itself.
bool keep_plain(Json& value) {
  if (value.is_object()) {
    if (value.contains(kDirective)) return false;
    for (auto it = value.begin(); it != value.end();)
      it = it->is_null() || !keep_plain(*it) ? value.erase(it) : std::next(it);
  } else if (value.is_array()) {
    Json kept = Json::array();
    for (Json& one : value)
      if (keep_plain(one)) kept.push_back(std::move(one));
    value = std::move(kept);
  }
  return true;
}

// Elements that are ordered by `places`; those without one stay behind the others.
std::vector<Json> sorted_by(const Places& places, std::vector<Json> elements,
                            const std::string& key) {
  std::vector<std::pair<std::size_t, std::size_t>> ranks;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const auto it = places.find(identity(elements[i], key));
    ranks.emplace_back(it == places.end() ? std::string::npos : it->second, i);
  }
  std::ranges::sort(ranks);
  std::vector<Json> sorted;
  sorted.reserve(elements.size());
  for (const auto& [place, i] : ranks) sorted.push_back(std::move(elements[i]));
  return sorted;
}

// What `order` names in its order, the others in that of `before`. Between one and the other
// `before` decides; what is new in it comes first.
Json in_order(Json merged, const Json& order, const Json& before, const std::string& key) {
  const Places wanted = places_of(order, key);
  const Places had = places_of(before, key);
  std::vector<Json> named;
  std::vector<Json> others;
  for (Json& one : merged)
    (wanted.contains(identity(one, key)) ? named : others).push_back(std::move(one));
  named = sorted_by(wanted, std::move(named), key);
  others = sorted_by(had, std::move(others), key);
  const auto precedes = [&](const Json& one, const Json& other) {
    const auto a = had.find(identity(one, key));
    const auto b = had.find(identity(other, key));
    return a != had.end() && b != had.end() && a->second < b->second;
  };
  Json all = Json::array();
  auto next = others.begin();
  for (Json& one : named) {
    for (; next != others.end() && precedes(*next, one); ++next) all.push_back(std::move(*next));
    all.push_back(std::move(one));
  }
  for (; next != others.end(); ++next) all.push_back(std::move(*next));
  return all;
}

Outcome<void> merge_object(const Schema* schema, Json& original, Json patch);

Json without(const Json& list, const std::set<Json>& gone, const std::string& key) {
  Json kept = Json::array();
  for (const Json& one : list)
    if (!gone.contains(identity(one, key))) kept.push_back(one);
  return kept;
}

// Carries out the elements that are directives and takes them out of `patch`.
Outcome<void> take_directives(const std::string& key, Json& original, Json& patch) {
  Json plain = Json::array();
  std::set<Json> gone;
  bool replace = false;
  for (Json& element : patch) {
    const Json directive = member(element, kDirective);
    if (!element.contains(kDirective)) {
      plain.push_back(std::move(element));
    } else if (directive == "replace") {
      replace = true;
    } else if (directive == "merge") {
      return bad_patch("merging lists cannot yet be specified in the patch");
    } else if (directive != "delete") {
      return bad_directive(directive, element);
    } else if (!element.contains(key)) {
      return no_merge_key(element, key);
    } else {
      gone.insert(element[key]);
    }
  }
  patch = Json::array();
  if (replace) {
    original = std::move(plain);
  } else {
    original = without(original, gone, key);
    patch = std::move(plain);
  }
  return {};
}

Outcome<Json> merge_objects(const ListRule& rule, Json original, Json patch) {
  if (Outcome<void> taken = take_directives(rule.key, original, patch); !taken)
    return refuse(std::move(taken).error());
  if (Outcome<void> fits = check_elements({&original, &patch}, rule.key); !fits)
    return refuse(std::move(fits).error());
  Json merged = original;
  Places places = places_of(merged, rule.key);
  for (const Json& element : patch) {
    const auto [there, is_new] = places.emplace(element[rule.key], merged.size());
    if (is_new) {
      merged.push_back(element);
    } else if (Outcome<void> done = merge_object(rule.element, merged[there->second], element);
               !done) {
      return refuse(std::move(done).error());
    }
  }
  return in_order(std::move(merged), patch, original, rule.key);
}

Outcome<Json> merge_values(const Json& original, const Json& patch) {
  if (Outcome<void> fits = check_elements({&original, &patch}, ""); !fits)
    return refuse(std::move(fits).error());
  Json merged = Json::array();
  std::set<Json> seen;
  for (const Json* list : {&original, &patch})
    for (const Json& one : *list)
      if (seen.insert(one).second) merged.push_back(one);
  return in_order(std::move(merged), patch, original, "");
}

Outcome<Json> merge_list(const ListRule& rule, const Json& original, Json patch) {
  if (!rule.merged) return patch;
  const auto is_object = [](const Json& one) { return one.is_object(); };
  const bool objects = std::any_of(original.begin(), original.end(), is_object) ||
                       std::any_of(patch.begin(), patch.end(), is_object);
  if (!objects || rule.key.empty()) return merge_values(original, patch);
  if (!std::all_of(patch.begin(), patch.end(), is_object))
    return bad_patch("list element types are not identical");
  return merge_objects(rule, original, std::move(patch));
}

// The list that "$setElementOrder/finalizers" is about; nothing when the key is not of that form.
std::string list_of(std::string_view key, std::string_view directive) {
  if (key.size() <= directive.size() || key[directive.size()] != '/') return {};
  return std::string(key.substr(directive.size() + 1));
}

// A list of keys where an object keeps only these; each that the patch sets must be among them.
Outcome<void> retain_keys(Json& original, Json& patch) {
  const auto it = patch.find(kRetainKeys);
  if (it == patch.end()) return {};
  if (!it->is_array()) return bad_patch(kBadRetainKeys);
  std::set<std::string> kept;
  for (const Json& key : *it)
    if (key.is_string()) kept.insert(key.get<std::string>());
  patch.erase(it);
  for (const auto& [key, value] : patch.items())
    if (!value.is_null() && !key.starts_with(kDeleteFromList) && !key.starts_with(kElementOrder) &&
        !kept.contains(key))
      return bad_patch(kBadRetainKeys);
  for (auto at = original.begin(); at != original.end();)
    at = kept.contains(at.key()) ? std::next(at) : original.erase(at);
  return {};
}

// What the patch sets stands in the order that it demands.
Outcome<void> check_order(const Json& patch, const Json& order, const std::string& key) {
  if (order.empty()) return {};
  std::size_t at = 0;
  for (const Json& element : patch) {
    if (member(element, kDirective).is_string()) continue;
    while (at < order.size() && identity(order[at], key) != identity(element, key)) ++at;
    if (at++ == order.size())
      return bad_patch(concat("The order in patch list:\n", to_text(patch), "\n doesn't match ",
                              kElementOrder, " list:\n", to_text(order), "\n"));
  }
  return {};
}

// $setElementOrder: the list as the patch leaves it, in the order that it demands.
Outcome<void> order_list(const Schema* schema, Json& original, Json& patch,
                         const std::string& field, const Json& order) {
  if (field.empty() || !order.is_array()) return bad_patch(kBadElementOrder);
  const bool had = original.contains(field);
  const bool given = patch.contains(field);
  if ((had && !original[field].is_array()) || (given && !patch[field].is_array()))
    return bad_patch(concat("expected a list, but ", field, " is none"));
  if (!had && !given) return {};
  const ListRule rule = rule_of(schema_of(schema, field));
  const Json before = had ? original[field] : Json::array();
  Json wanted = given ? std::move(patch[field]) : Json::array();
  patch.erase(field);
  if (Outcome<void> fits = check_order(wanted, order, rule.key); !fits) return fits;
  Json merged = before;
  if (given && !had) {
    keep_plain(wanted);
    merged = std::move(wanted);
  } else if (given) {
    Outcome<Json> done = merge_list(rule, before, std::move(wanted));
    if (!done) return refuse(std::move(done).error());
    merged = *std::move(done);
  }
  if (Outcome<void> fits = check_elements({&merged, &order}, rule.key); !fits) return fits;
  original[field] = in_order(std::move(merged), order, before, rule.key);
  return {};
}

Outcome<void> order_lists(const Schema* schema, Json& original, Json& patch) {
  std::vector<std::pair<std::string, Json>> orders;
  for (auto it = patch.begin(); it != patch.end();) {
    if (!it.key().starts_with(kElementOrder)) {
      ++it;
      continue;
    }
    orders.emplace_back(list_of(it.key(), kElementOrder), std::move(*it));
    it = patch.erase(it);
  }
  for (const auto& [field, order] : orders)
    if (Outcome<void> done = order_list(schema, original, patch, field, order); !done) return done;
  return {};
}

// $deleteFromPrimitiveList.
Outcome<void> delete_from_list(Json& original, const std::string& field, const Json& values) {
  if (field.empty() || !values.is_array()) return bad_patch(kBadPrimitiveList);
  const auto it = original.find(field);
  if (it == original.end() || !it->is_array()) return {};
  if (Outcome<void> fits = check_elements({&*it, &values}, ""); !fits) return fits;
  *it = without(*it, std::set<Json>(values.begin(), values.end()), "");
  return {};
}

Outcome<void> merge_field(const Schema* schema, Json& original, const std::string& field,
                          Json value) {
  if (field.starts_with(kDeleteFromList))
    return delete_from_list(original, list_of(field, kDeleteFromList), value);
  // The keys of maps are data: a database schema may be called $x.
  if (field.starts_with('$') && schema != nullptr && schema->type == SchemaType::kObject)
    return bad_patch(concat("unknown directive ", quote(field), " in a strategic merge patch"));
  const auto it = original.find(field);
  if (value.is_null()) {
    if (it != original.end()) original.erase(it);
    return {};
  }
  const Schema* below = schema_of(schema, field);
  if (it != original.end() && it->is_object() && value.is_object())
    return merge_object(below, *it, std::move(value));
  if (it != original.end() && it->is_array() && value.is_array()) {
    Outcome<Json> merged = merge_list(rule_of(below), *it, std::move(value));
    if (!merged) return refuse(std::move(merged).error());
    *it = *std::move(merged);
    return {};
  }
  if (keep_plain(value))
    original[field] = std::move(value);
  else
    original.erase(field);
  return {};
}

Outcome<void> merge_object(const Schema* schema, Json& original, Json patch) {
  if (const auto directive = patch.find(kDirective); directive != patch.end()) {
    if (*directive != "replace" && *directive != "delete") return bad_directive(*directive, patch);
    const bool replace = *directive == "replace";
    patch.erase(directive);
    original = replace ? std::move(patch) : Json::object();
    return {};
  }
  if (Outcome<void> retained = retain_keys(original, patch); !retained) return retained;
  if (Outcome<void> ordered = order_lists(schema, original, patch); !ordered) return ordered;
  for (auto& [field, value] : patch.items())
    if (Outcome<void> merged = merge_field(schema, original, field, std::move(value)); !merged)
      return merged;
  return {};
}

}  // namespace

Outcome<Json> strategic_merge(const Schema& schema, const Json& current, Json patch) {
  Json merged = current;
  if (Outcome<void> done = merge_object(&schema, merged, std::move(patch)); !done)
    return refuse(std::move(done).error());
  return merged;
}

}  // namespace gb::api
