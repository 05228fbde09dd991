#include "jobs/left_gates.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "api/types.h"
#include "base/log.h"

namespace gb::jobs {

LeftGates::Restore LeftGates::state_of(const GateHolder& holder) const {
  const auto object = environment_.catalog->get({api::kRestores, holder.ns, holder.restore});
  if (!object || (*object)->uid() != holder.uid) return Restore::kUnknown;
  return api::is_terminal_phase(api::phase_of((*object)->dom())) ? Restore::kEnded : Restore::kRuns;
}

// What an event about a gate is about: its restore, also when that is not there any more.
api::ObjectPtr LeftGates::object_of(const GateHolder& holder) const {
  const auto object = environment_.catalog->get({api::kRestores, holder.ns, holder.restore});
  if (object && (*object)->uid() == holder.uid) return *object;
  auto made = api::Object::make(
      api::kRestores, 0,
      {{"apiVersion", api::kGroupVersion},
       {"kind", "GaleraRestore"},
       {"metadata", {{"name", holder.restore}, {"namespace", holder.ns}, {"uid", holder.uid}}}});
  return made ? *made : nullptr;
}

Status LeftGates::open(const GateHolder& holder, const std::stop_token& stop) {
  const std::string who = holder.uid + "/" + holder.instance;
  if (Status opened = environment_.gates->open(holder, stop); !opened) {
    const api::ObjectPtr about = object_of(holder);
    if (!stop.stop_requested() && about != nullptr && told_.insert(who).second)
      environment_.event(
          *about, kube::EventType::kWarning, "TrafficLeftBlocked",
          "applications are still kept away from instance \"" + holder.instance +
              "\" after the restore has ended, and can not be let in: " + opened.error().text());
    return opened;
  }
  told_.erase(who);
  {
    const std::scoped_lock lock(mutex_);
    std::erase_if(last_seen_, [&](const GateHolder& seen) {
      return seen.uid == holder.uid && seen.instance == holder.instance;
    });
  }
  log::warn("applications are let in again after a restore that has ended",
            {{"namespace", holder.ns}, {"instance", holder.instance}, {"restore", holder.restore}});
  return {};
}

Status LeftGates::open_those_of(const std::string& uid, std::stop_token stop) {
  if (environment_.gates == nullptr) return {};
  GB_TRY_ASSIGN(const std::vector<GateHolder> holders, environment_.gates->shut(stop));
  Status first;
  for (const GateHolder& holder : holders) {
    if (holder.uid != uid) continue;
    if (Status opened = open(holder, stop); !opened && first) first = std::move(opened);
  }
  return first;
}

std::vector<GateHolder> LeftGates::last_seen() const {
  const std::scoped_lock lock(mutex_);
  return last_seen_;
}

Status LeftGates::look_at_all(const std::stop_token& stop) {
  GB_TRY_ASSIGN(const std::vector<GateHolder> holders, environment_.gates->shut(stop));
  {
    const std::scoped_lock lock(mutex_);
    last_seen_ = holders;
  }
  Status first;
  std::set<std::string> unknown;
  for (const GateHolder& holder : holders) {
    const Restore state = state_of(holder);
    if (state == Restore::kUnknown) unknown.insert(holder.uid);
    if (state == Restore::kRuns || (state == Restore::kUnknown && !unknown_.contains(holder.uid)))
      continue;
    if (Status opened = open(holder, stop); !opened && first) first = std::move(opened);
  }
  unknown_ = std::move(unknown);
  return first;
}

void LeftGates::look(std::stop_token stop) {
  if (environment_.gates == nullptr) return;
  const Status looked = look_at_all(stop);
  // A server that may not look at Services has not blocked one either.
  if (!looked && looked.error().code != Code::kForbidden && !stop.stop_requested())
    log::warn("it can not be seen whether a restore left applications shut out",
              {{"error", looked.error().text()}});
}

}  // namespace gb::jobs
