#include "jobs/left_blocks.h"

#include <algorithm>
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

std::vector<GateHolder> holders_of(const BlockMark& mark) {
  std::vector<GateHolder> holders;
  for (const std::string& instance : mark.instances)
    holders.push_back({mark.ns, instance, mark.restore, mark.uid});
  return holders;
}

// In the status of its restore, for as long as that is there: of the instances of the mark only
// `still` are blocked. Nothing is said of others, nor written when it says so already.
Status tell_left(storage::Catalog& catalog, const BlockMark& mark,
                 const std::vector<std::string>& still) {
  const auto told = catalog.modify(
      {api::kRestores, mark.ns, mark.restore}, [&](const api::Object& object) -> Result<api::Json> {
        if (object.uid() != mark.uid) return fail(Code::kNotFound, "another one has its name");
        api::Json dom = object.dom();
        std::vector<std::string> left =
            facts::texts(api::at_path(dom, std::string("status.") + kTrafficLeftBlocked));
        std::erase_if(left, [&](const std::string& one) {
          return std::ranges::find(mark.instances, one) != mark.instances.end();
        });
        left.insert(left.end(), still.begin(), still.end());
        if (left.empty())
          dom["status"].erase(kTrafficLeftBlocked);
        else
          dom["status"][kTrafficLeftBlocked] = left;
        return dom;
      });
  if (!told && told.error().code != Code::kNotFound) return fail(told.error());
  return {};
}

// As a mark would tell it.
BlockMark mark_of(const GateHolder& holder) {
  return {holder.ns, holder.uid, holder.restore, {holder.instance}};
}

}  // namespace

Status record_left(storage::Catalog& catalog, storage::BlobStore& store, const BlockMark& mark,
                   const std::vector<std::string>& still) {
  GB_TRY(tell_left(catalog, mark, still));
  return settle_block_mark(store, mark, still);
}

LeftBlocks::Restore LeftBlocks::state_of(const GateHolder& holder) const {
  // Also when its object is deleted: it gives back itself before it ends.
  if (environment_.own_jobs->has(holder.uid)) return Restore::kRuns;
  const auto object = environment_.catalog->get({api::kRestores, holder.ns, holder.restore});
  if (!object || (*object)->uid() != holder.uid) return Restore::kUnknown;
  return api::is_terminal_phase(api::phase_of((*object)->dom())) ? Restore::kEnded : Restore::kRuns;
}

bool LeftBlocks::is_left(const GateHolder& holder) {
  const Restore state = state_of(holder);
  if (state == Restore::kUnknown) unknown_now_.insert(holder.uid);
  return state == Restore::kEnded || (state == Restore::kUnknown && unknown_.contains(holder.uid));
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
  if (!given_back && stop.stop_requested()) return given_back;
  if (!given_back) {
    log::warn("what a restore left blocked could not be given back",
              {{"namespace", holder.ns},
               {"instance", holder.instance},
               {"restore", holder.restore},
               {"error", given_back.error().text()}});
    const api::ObjectPtr about = object_of(holder);
    if (about != nullptr && told_.insert(who).second)
      environment_.event(
          *about, kube::EventType::kWarning, "TrafficLeftBlocked",
          "applications are still kept away from instance \"" + holder.instance +
              "\" after the restore has ended, and cannot be let in: " + given_back.error().text());
    return given_back;
  }
  told_.erase(who);
  {
    const std::scoped_lock lock(mutex_);
    for (auto* seen : {&gates_, &nodes_})
      std::erase_if(*seen, [&](const GateHolder& one) { return same_block(one, holder); });
  }
  log::warn("applications are let in again after a restore that has ended",
            {{"namespace", holder.ns}, {"instance", holder.instance}, {"restore", holder.restore}});
  return {};
}

Status LeftBlocks::open(const GateHolder& holder, const std::stop_token& stop) {
  return said(holder, environment_.gates->open(holder, stop), stop);
}

Status LeftBlocks::give_back_nodes(const BlockMark& mark, const GateHolder& holder, bool has_ended,
                                   const std::stop_token& stop) {
  const auto endpoint =
      environment_.instance_of_job(holder.ns, holder.instance, mark.nodes_of(holder.instance));
  // Of an instance that is configured no longer nobody here could reach a node.
  if (!endpoint && endpoint.error().code == Code::kNotFound && environment_.keeps_house) return {};
  if (!endpoint) return said(holder, fail(endpoint.error()), stop);
  // What another restore has blocked is its own; what it found blocked is given back later.
  if (has_ended) GB_TRY(is_free_by_catalog(environment_, holder.ns, *endpoint, false));
  return said(holder,
              environment_.engine->give_back_traffic(
                  *endpoint, mark.read_only_before_on(holder.instance), stop),
              stop);
}

Result<std::vector<std::string>> LeftBlocks::give_back_those_of(const api::Object& restore,
                                                                std::stop_token stop) {
  const std::string& uid = restore.uid();
  if (environment_.gates != nullptr) {
    const auto shut = environment_.gates->shut(stop);
    // Without the right to look at Services none was blocked, and none will ever be seen.
    if (!shut && shut.error().code != Code::kForbidden) return fail(shut.error());
    Status opened;
    for (const GateHolder& holder : shut.value_or(std::vector<GateHolder>()))
      if (holder.uid == uid)
        if (Status done = open(holder, stop); !done) opened = std::move(done);
    GB_TRY(opened);
  }
  const auto mark = read_block_mark(store(), restore.key().ns, uid);
  // None; or one that nobody can read, which must not keep the restore from ending.
  if (!mark && (mark.error().code == Code::kNotFound || mark.error().code == Code::kCorruption))
    return std::vector<std::string>();
  if (!mark) return fail(mark.error());
  std::vector<std::string> left;
  for (const GateHolder& holder : holders_of(*mark))
    if (const Status done = give_back_nodes(*mark, holder, /*has_ended=*/false, stop); !done) {
      if (stop.stop_requested()) return fail(done.error());
      left.push_back(holder.instance);
    }
  GB_TRY(settle_block_mark(store(), *mark, left));
  return left;
}

std::vector<GateHolder> LeftBlocks::last_seen() const {
  const std::scoped_lock lock(mutex_);
  std::vector<GateHolder> all = gates_;
  all.insert(all.end(), nodes_.begin(), nodes_.end());
  return all;
}

Status LeftBlocks::look_at_gates(const std::stop_token& stop) {
  GB_TRY_ASSIGN(const std::vector<GateHolder> holders, environment_.gates->shut(stop));
  {
    const std::scoped_lock lock(mutex_);
    gates_ = holders;
  }
  for (const GateHolder& holder : holders) {
    if (!is_left(holder) || open(holder, stop)) continue;  // correct_status() tells what is open
    (void)tell_left(*environment_.catalog, mark_of(holder), {holder.instance});
  }
  return {};
}

std::vector<GateHolder> LeftBlocks::told_in_status() const {
  std::vector<GateHolder> told;
  for (const api::ObjectPtr& object : environment_.catalog->list(api::kRestores, "").objects) {
    // Hardly any says so, and this is done again and again.
    if (object->json().find(kTrafficLeftBlocked) == std::string::npos) continue;
    const api::Json dom = object->dom();
    // Of one that is about to end here it is told before the mark is settled.
    if (!api::is_terminal_phase(api::phase_of(dom)) || environment_.own_jobs->has(object->uid()))
      continue;
    for (std::string& instance :
         facts::texts(api::at_path(dom, std::string("status.") + kTrafficLeftBlocked)))
      told.push_back({object->key().ns, std::move(instance), object->key().name, object->uid()});
  }
  return told;
}

Status LeftBlocks::correct_status(const std::vector<GateHolder>& told) {
  if (told.empty()) return {};
  GB_TRY_ASSIGN(const auto marks, list_block_marks(store()));
  const std::vector<GateHolder> seen = last_seen();
  for (const GateHolder& one : told) {
    const bool marked =
        std::ranges::any_of(marks, [&](const auto& mark) { return mark.second == one.uid; });
    const bool shut =
        std::ranges::any_of(seen, [&](const GateHolder& held) { return same_block(held, one); });
    if (!marked && !shut) GB_TRY(tell_left(*environment_.catalog, mark_of(one), {}));
  }
  return {};
}

Status LeftBlocks::look_at_nodes(const std::stop_token& stop) {
  GB_TRY_ASSIGN(const auto marks, list_block_marks(store()));
  std::vector<BlockMark> left;
  std::vector<GateHolder> holders;
  for (const auto& [ns, uid] : marks) {
    // Before the mark is read: what does not run here by now has left it, or taken it away.
    if (environment_.own_jobs->has(uid)) continue;
    auto mark = read_block_mark(store(), ns, uid);
    if (!mark && mark.error().code == Code::kNotFound) continue;
    if (!mark) {
      log::warn("what a restore left blocked cannot be told", {{"error", mark.error().text()}});
      continue;
    }
    const std::vector<GateHolder> of_mark = holders_of(*mark);
    if (!is_left(of_mark.front())) continue;
    holders.insert(holders.end(), of_mark.begin(), of_mark.end());
    left.push_back(std::move(*mark));
  }
  {
    const std::scoped_lock lock(mutex_);
    nodes_ = std::move(holders);
  }
  for (const BlockMark& mark : left) look_at(mark, stop);
  return {};
}

void LeftBlocks::look_at(const BlockMark& mark, const std::stop_token& stop) {
  std::vector<std::string> still;
  for (const GateHolder& holder : holders_of(mark))
    if (!give_back_nodes(mark, holder, /*has_ended=*/true, stop)) still.push_back(holder.instance);
  const Status recorded = record_left(*environment_.catalog, store(), mark, still);
  if (!recorded && !stop.stop_requested())
    log::warn("what is given back could not be recorded: it is tried again",
              {{"restore", mark.restore}, {"error", recorded.error().text()}});
}

void LeftBlocks::look(std::stop_token stop) {
  unknown_now_.clear();
  const std::vector<GateHolder> told = told_in_status();
  // A tool may not know the cluster: a server does it.
  if (environment_.keeps_house)
    if (const Status looked = look_at_nodes(stop); !looked && !stop.stop_requested())
      log::warn("it cannot be seen whether a restore left nodes read_only",
                {{"error", looked.error().text()}});
  Status looked;
  if (environment_.gates != nullptr) {
    looked = look_at_gates(stop);
    // A server that may not look at Services has not blocked one either.
    if (!looked && looked.error().code != Code::kForbidden && !stop.stop_requested())
      log::warn("it cannot be seen whether a restore left applications shut out",
                {{"error", looked.error().text()}});
  }
  // What fails here is done by the next look.
  if (environment_.keeps_house && looked) (void)correct_status(told);
  unknown_ = std::move(unknown_now_);
}

}  // namespace gb::jobs
