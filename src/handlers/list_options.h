// What a list, a watch or a deletecollection was asked for, and the token that carries a list from
// page to page: metav1.ListOptions with the rules of k8s.io/apimachinery.
//
// Thread safety: values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/errors.h"
#include "api/meta.h"
#include "api/schema.h"
#include "api/selectors.h"

namespace gb::handlers {

struct ListOptions {
  enum class Match { kUnset, kExact, kNotOlderThan };

  api::LabelSelector labels;
  api::FieldSelector fields;
  bool watch = false;
  bool bookmarks = false;
  std::string resource_version;  // as given; "" and "0" have meanings of their own
  Match match = Match::kUnset;
  std::int64_t limit = 0;
  std::string continue_token;
  std::optional<std::int64_t> timeout_seconds;
  std::optional<bool> send_initial_events;

  // "" and "0": any state will do.
  [[nodiscard]] bool any_version() const {
    return resource_version.empty() || resource_version == "0";
  }
  // The revision that was asked for; the message says what is wrong with it.
  [[nodiscard]] Result<std::uint64_t> revision() const;
  [[nodiscard]] bool selects(const api::Object& object) const {
    return labels.matches(object.labels()) && fields.matches(object);
  }
  [[nodiscard]] bool selects_all() const { return labels.empty() && fields.empty(); }
};

// 400 for what cannot be read, 422 for what does not go together.
api::Outcome<ListOptions> parse_list_options(const api::ResourceType& type,
                                             const api::Query& query);

// `start` is "namespace/name" of the first object of the next page, or anything that sorts before
// it. `revision` -1: continue with the newest state, since the list's own has expired.
struct ContinueToken {
  std::int64_t revision = 0;
  std::string start;
};
std::string encode_continue(const ContinueToken& token);
api::Outcome<ContinueToken> decode_continue(std::string_view text);  // 400

}  // namespace gb::handlers
