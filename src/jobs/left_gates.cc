#include "jobs/left_gates.h"

#include <functional>
#include <nlohmann/json.hpp>

#include "api/types.h"
#include "base/log.h"

namespace gb::jobs {
namespace {

bool has_ended(const Environment& environment, const GateHolder& holder) {
  const auto object = environment.catalog->get({api::kRestores, holder.ns, holder.restore});
  if (!object) return object.error().code == Code::kNotFound;
  return (*object)->uid() != holder.uid || api::is_terminal_phase(api::phase_of((*object)->dom()));
}

Status open_where(const Environment& environment,
                  const std::function<bool(const GateHolder&)>& fits, const std::stop_token& stop) {
  if (environment.gates == nullptr) return {};
  GB_TRY_ASSIGN(const std::vector<GateHolder> holders, environment.gates->shut(stop));
  Status first;
  for (const GateHolder& holder : holders) {
    if (!fits(holder)) continue;
    Status opened = environment.gates->open(holder, stop);
    if (opened)
      log::warn(
          "applications are let in again after a restore that has ended",
          {{"namespace", holder.ns}, {"instance", holder.instance}, {"restore", holder.restore}});
    else if (first)
      first = std::move(opened);
  }
  return first;
}

}  // namespace

Status open_gates_of(const Environment& environment, const std::string& uid, std::stop_token stop) {
  return open_where(environment, [&](const GateHolder& holder) { return holder.uid == uid; }, stop);
}

void open_left_gates(const Environment& environment, std::stop_token stop) {
  const Status opened = open_where(
      environment, [&](const GateHolder& holder) { return has_ended(environment, holder); }, stop);
  // A server that may not look at Services has not blocked one either.
  if (!opened && opened.error().code != Code::kForbidden && !stop.stop_requested())
    log::warn("it can not be seen whether a restore left applications shut out",
              {{"error", opened.error().text()}});
}

}  // namespace gb::jobs
