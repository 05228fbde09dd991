#include "jobs/cancel.h"

#include <nlohmann/json.hpp>

#include "api/text.h"
#include "api/types.h"
#include "base/text.h"
#include "jobs/finish.h"
#include "jobs/follower.h"

namespace gb::jobs {
namespace {

tl::unexpected<Error> ended(const api::ObjectKey& key, const std::string& phase) {
  const std::string noun(noun_of(key));
  return fail(Code::kConflict,
              noun + " \"" + key.name + "\" is " + phase + ": there is nothing left to cancel",
              "to remove it: kubectl delete " + key.resource + "." + api::kGroup + " " + key.name +
                  " -n " + key.ns);
}

}  // namespace

Result<api::ObjectPtr> ask_to_cancel(const Environment& environment, const api::ObjectKey& key,
                                     const kube::User& user, bool dry_run) {
  const auto asked = [&](const api::Object& object) -> Result<api::Json> {
    api::Json dom = object.dom();
    const std::string phase = api::phase_of(dom);
    const bool checked = api::is_terminal_phase(phase);
    if (checked && place_of_work(dom).is_null()) return ended(key, phase);
    api::Json& place = checked ? dom["status"][kCheck] : dom["status"];
    if (!cancelled_by(place))
      place["cancellation"] = {{"time", to_rfc3339(environment.clock->now())}, {"user", user.name}};
    // What follows has no job of its own; between two restores it ends at once.
    if (phase == kFollowing &&
        api::text_member(api::member(dom["status"], "follow"), "active").empty())
      end_following(dom["status"], user.name, environment.clock->now());
    return dom;
  };
  if (!dry_run) return environment.catalog->modify(key, asked);
  GB_TRY_ASSIGN(api::ObjectPtr object, environment.catalog->get(key));
  GB_TRY(asked(*object));
  return object;
}

}  // namespace gb::jobs
