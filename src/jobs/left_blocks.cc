#include "jobs/left_blocks.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "api/types.h"
#include "base/log.h"
#include "jobs/facts.h"
#include "jobs/targets.h"

namespace gb::jobs {
namespace {

bool same_block(const GateHolder& a, const GateHolder& b) {
  return a.uid == b.uid && a.instance == b.instance;
}

}  // namespace

LeftBlocks::Restore LeftBlocks::state_of(const GateHolder& holder) const {
  const auto object = environment_.catalog->get({api::kRestores, holder.ns, holder.restore});
  if (!object || (*object)->uid() != holder.uid) return Restore::kUnknown;
  return api::is_terminal_phase(api::phase_of((*object)->dom())) ? Restore::kEnded : Restore::kRuns;
}

// What an event about a block is about: its restore, also when that is not there any more.
api::ObjectPtr LeftBlocks::object_of(const GateHolder& holder) const {
  const auto object = environment_.catalog->get({api::kRestores, holder.ns, holder.restore});
  if (object && (*object)->uid() == holder.uid) return *object;
  auto made = api::Object::make(
      api::kRestores, 0,
      {{"apiVersion", api::kGroupVersion},
       {"kind", "GaleraRestore"},
       {"metadata", {{"name", holder.restore}, {"namespace", holder.ns}, {"uid", holder.uid}}}});
  return made ? *made : nullptr;
}

Status LeftBlocks::said(const GateHolder& holder, Status given_back, const std::stop_token& stop) {
  const std::string who = holder.uid + "/" + holder.instance;
  if (!given_back) {
    const api::ObjectPtr about = object_of(holder);
    if (!stop.stop_requested() && about != nullptr && told_.insert(who).second)
      environment_.event(*about, kube::EventType::kWarning, "TrafficLeftBlocked",
                         "applications are still kept away from instance \"" + holder.instance +
                             "\" after the restore has ended, and can not be let in: " +
                             given_back.error().text());
    return given_back;
  }
  told_.erase(who);
  {
    const std::scoped_lock lock(mutex_);
    std::erase_if(gates_, [&](const GateHolder& seen) { return same_block(seen, holder); });
  }
  log::warn("applications are let in again after a restore that has ended",
            {{"namespace", holder.ns}, {"instance", holder.instance}, {"restore", holder.restore}});
  return {};
}

Status LeftBlocks::open(const GateHolder& holder, const std::stop_token& stop) {
  return said(holder, environment_.gates->open(holder, stop), stop);
}

Status LeftBlocks::open_those_of(const std::string& uid, std::stop_token stop) {
  if (environment_.gates == nullptr) return {};
  GB_TRY_ASSIGN(const std::vector<GateHolder> holders, environment_.gates->shut(stop));
  Status first;
  for (const GateHolder& holder : holders) {
    if (holder.uid != uid) continue;
    if (Status opened = open(holder, stop); !opened && first) first = std::move(opened);
  }
  return first;
}

void LeftBlocks::learn(const api::Object& restore, const api::Json& status) {
  // A tool may not know the cluster: a server does it.
  if (!environment_.keeps_house) return;
  std::vector<GateHolder> left;
  for (std::string& instance : facts::texts(api::member(status, kTrafficLeftBlocked)))
    left.push_back({restore.key().ns, std::move(instance), restore.key().name, restore.uid()});
  const std::scoped_lock lock(mutex_);
  if (left.empty())
    nodes_.erase(restore.uid());
  else
    nodes_[restore.uid()] = std::move(left);
}

Status LeftBlocks::forget_nodes(const GateHolder& holder) {
  const auto changed = environment_.catalog->modify(
      {api::kRestores, holder.ns, holder.restore},
      [&](const api::Object& object) -> Result<api::Json> {
        if (object.uid() != holder.uid) return fail(Code::kNotFound, "another one has its name");
        api::Json dom = object.dom();
        api::Json still = api::Json::array();
        for (const std::string& instance :
             facts::texts(api::member(dom["status"], kTrafficLeftBlocked)))
          if (instance != holder.instance) still.push_back(instance);
        if (still.empty())
          dom["status"].erase(kTrafficLeftBlocked);
        else
          dom["status"][kTrafficLeftBlocked] = std::move(still);
        return dom;
      });
  if (!changed && changed.error().code != Code::kNotFound) return fail(changed.error());
  const std::scoped_lock lock(mutex_);
  std::vector<GateHolder>& left = nodes_[holder.uid];
  std::erase_if(left, [&](const GateHolder& one) { return same_block(one, holder); });
  if (left.empty()) nodes_.erase(holder.uid);
  return {};
}

std::vector<GateHolder> LeftBlocks::last_seen() const {
  const std::scoped_lock lock(mutex_);
  std::vector<GateHolder> all = gates_;
  for (const auto& [uid, left] : nodes_) all.insert(all.end(), left.begin(), left.end());
  return all;
}

Status LeftBlocks::look_at_gates(const std::stop_token& stop) {
  GB_TRY_ASSIGN(const std::vector<GateHolder> holders, environment_.gates->shut(stop));
  {
    const std::scoped_lock lock(mutex_);
    gates_ = holders;
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

void LeftBlocks::look_at_nodes(const std::stop_token& stop) {
  const auto left = nodes_;
  for (const auto& [uid, holders] : left)
    for (const GateHolder& holder : holders) {
      const auto endpoint = environment_.instances->resolve(holder.ns, holder.instance);
      Status done;
      if (!endpoint && endpoint.error().code != Code::kNotFound) {
        done = said(holder, fail(endpoint.error()), stop);
      } else if (endpoint) {
        // What another restore has blocked is its own; what it found blocked is given back later.
        if (!is_free_by_catalog(environment_, holder.ns, *endpoint, false)) continue;
        done = said(holder, environment_.engine->give_back_traffic(*endpoint, stop), stop);
      }
      // Of an instance that is configured no longer nobody here could reach a node.
      if (done) done = forget_nodes(holder);
      if (!done && !stop.stop_requested())
        log::warn("what an ended restore left blocked could not be given back",
                  {{"instance", holder.instance}, {"error", done.error().text()}});
    }
}

void LeftBlocks::look(std::stop_token stop) {
  look_at_nodes(stop);
  if (environment_.gates == nullptr) return;
  const Status looked = look_at_gates(stop);
  // A server that may not look at Services has not blocked one either.
  if (!looked && looked.error().code != Code::kForbidden && !stop.stop_requested())
    log::warn("it can not be seen whether a restore left applications shut out",
              {{"error", looked.error().text()}});
}

}  // namespace gb::jobs
