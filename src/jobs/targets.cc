#include "jobs/targets.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "api/text.h"
#include "api/types.h"
#include "galera/scratch_server.h"
#include "jobs/facts.h"
#include "jobs/follower.h"

namespace gb::jobs {
namespace {

// `who` works on `other` of `other_ns`, which is `instance` of `ns`, or has a server in common.
// What another namespace calls its own is not told.
Status is_taken(const std::string& who, const std::string& other_ns, const std::string& other,
                const std::string& ns, const std::string& instance) {
  if (other_ns != ns)
    return fail(Code::kConflict,
                "a " + who.substr(0, who.find(' ')) +
                    " of another namespace is running on a server of instance \"" + instance + "\"",
                "wait until it has ended");
  std::string message = who + " is running on instance \"" + other + "\"";
  if (other != instance) message += ", which has servers in common with \"" + instance + "\"";
  return fail(Code::kConflict, std::move(message),
              "wait until it has ended, or delete it to cancel it");
}

// The instances that a job works on now, by what is recorded of it.
std::set<std::string> worked_on_by(const api::Json& job, bool restore) {
  const std::string phase = api::phase_of(job);
  // What follows touches nothing: what it takes in are restores of their own.
  if (phase.empty() || phase == kFollowing || api::is_terminal_phase(phase)) return {};
  if (restore) return facts::targets_of(job);
  if (phase == "Verifying") return {};  // what was read is looked at in the store
  std::set<std::string> read;
  for (const std::string& name : api::read_backup_spec(job).database_instances) read.insert(name);
  for (const api::Json& instance : api::at_path(job, "status.instances"))
    if (api::text_member(instance, "node") == galera::kScratchNode)
      read.erase(api::text_member(instance, "name"));  // a dump that is adopted
  return read;
}

// The command line is for when no server is left: of what is recorded only a job counts whose
// process lives on this machine. It knows one cluster alone, whatever the name.
bool counts(const Environment& environment, const api::Json& job) {
  return environment.keeps_house ||
         Executor::from_json(api::member(place_of_work(job), "executor")).life() ==
             Executor::Life::kAlive;
}

}  // namespace

Status Targets::is_free(const std::string& ns, const galera::Endpoint& instance,
                        bool exclusive) const {
  for (const Use& use : uses_) {
    if (!exclusive && !use.exclusive) continue;
    if ((use.ns == ns && use.instance == instance.name) ||
        galera::share_a_server(use.nodes, instance.nodes))
      return is_taken(use.who, use.ns, use.instance, ns, instance.name);
  }
  return {};
}

Status Targets::may_hold(const std::string& ns, const galera::Endpoint& instance, bool exclusive) {
  const std::scoped_lock lock(mutex_);
  return is_free(ns, instance, exclusive);
}

Result<std::unique_ptr<Targets::Hold>> Targets::hold(const std::string& ns,
                                                     const std::vector<galera::Endpoint>& instances,
                                                     const std::string& who, bool exclusive) {
  const std::scoped_lock lock(mutex_);
  for (const galera::Endpoint& instance : instances) GB_TRY(is_free(ns, instance, exclusive));
  auto hold = std::make_unique<Hold>(*this);
  for (const galera::Endpoint& instance : instances)
    uses_.push_back({hold.get(), ns, instance.name, instance.nodes, who, exclusive});
  return hold;
}

Targets::Hold::~Hold() {
  const std::scoped_lock lock(owner_.mutex_);
  std::erase_if(owner_.uses_, [this](const Use& use) { return use.hold == this; });
}

Status is_free_by_catalog(const Environment& environment, const std::string& ns,
                          const galera::Endpoint& instance, bool exclusive,
                          const api::Object* mine) {
  for (const char* resource : {api::kRestores, api::kBackups}) {
    const bool restores = resource == std::string_view(api::kRestores);
    if (!restores && !exclusive) continue;
    storage::Snapshot seen;
    if (mine != nullptr) {
      GB_TRY_ASSIGN(seen, environment.catalog->list_at(resource, "", mine->revision()));
    } else {
      seen = environment.catalog->list(resource, "");
    }
    for (const api::ObjectPtr& object : seen.objects) {
      if (mine != nullptr && object->uid() == mine->uid()) continue;
      const api::Json dom = object->dom();
      if (!counts(environment, dom)) continue;
      const std::string& other_ns = object->key().ns;
      for (const std::string& other : worked_on_by(dom, restores)) {
        bool same = other_ns == ns && other == instance.name;
        if (!same && environment.keeps_house)
          if (const auto endpoint = environment.instances->resolve(other_ns, other))
            same = galera::share_a_server(endpoint->nodes, instance.nodes);
        if (same)
          return is_taken((restores ? "restore \"" : "backup \"") + object->key().name + "\"",
                          other_ns, other, ns, instance.name);
      }
    }
  }
  return {};
}

}  // namespace gb::jobs
