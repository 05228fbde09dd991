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

Status LeftGates::open(const GateHolder& holder, const std::stop_token& stop) {
  GB_TRY(environment_.gates->open(holder, stop));
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

Status LeftGates::look_at_all(const std::stop_token& stop) {
  GB_TRY_ASSIGN(const std::vector<GateHolder> holders, environment_.gates->shut(stop));
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
