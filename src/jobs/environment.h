// What every part of this room works with: the dependencies, and the few questions all of them ask.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "jobs/jobs.h"
#include "jobs/own_jobs.h"
#include "jobs/record.h"
#include "jobs/slots.h"
#include "storage/crypto/digest.h"

namespace gb::jobs {

// Thread safety: const after construction.
struct Environment : Dependencies {
  Executor executor;
  std::shared_ptr<OwnJobs> own_jobs = std::make_shared<OwnJobs>();
  // A scratch server takes memory and disk of this machine: there is one at a time.
  std::shared_ptr<Slots> trials = std::make_shared<Slots>(1);

  // `name` empty: the first. Invalid says which there are.
  [[nodiscard]] Result<const Store*> find_store(const std::string& name) const;
  // Where a backup is that was taken before: in the store that it names or, when no store has that
  // name any more (it was given another, or this server another configuration), in the one that
  // holds its manifest. Only then a store is read. NotFound when none does.
  [[nodiscard]] Result<const Store*> store_of(const api::Json& backup) const;

  // The instance on whose `nodes` ("host:port"; none: not told) a job has worked. NotFound, too, to
  // a tool, which gives its one cluster any name, where that has none of these nodes.
  [[nodiscard]] Result<galera::Endpoint> instance_of_job(
      const std::string& ns, const std::string& name, const std::vector<std::string>& nodes) const;

  // Whether `user` may `verb` this object, which a spec names. Forbidden in Kubernetes' words;
  // always allowed where there is no authorizer.
  [[nodiscard]] Status authorize(const kube::User& user, const kube::Attributes& attributes) const;
  [[nodiscard]] Status authorize_creation(const kube::User& user, const std::string& resource,
                                          const std::string& ns) const;
  // Whether `user` may hold backups, which is to change them, whenever that is done.
  [[nodiscard]] Status authorize_holding(const kube::User& user, const std::string& ns) const;
  // Whether `user` may bring back what belonged to namespaces that are gone.
  [[nodiscard]] Status authorize_undeleting_everywhere(const kube::User& user) const;
  [[nodiscard]] Status authorize_instances(const kube::User& user, const std::string& ns,
                                           const std::vector<std::string>& instances) const;
  [[nodiscard]] Status authorize_store(const kube::User& user, const std::string& store) const;

  // How many of the `wanted` threads a job may have whose threads take `bytes_each`, so that
  // `parallel_backups` of its kind stay within `memory`; never less than one.
  [[nodiscard]] unsigned threads_within_memory(unsigned wanted, std::uint64_t bytes_each) const;

  void event(const api::Object& about, kube::EventType type, std::string_view reason,
             std::string_view message) const;
};

[[nodiscard]] std::string name_of(const api::Json& object);
[[nodiscard]] std::string namespace_of(const api::Json& object);
[[nodiscard]] std::string uid_of(const api::Json& object);
// What the server makes for an object of this name and uid: the value of the label that names it,
// its uid where the name is longer than the 63 characters that a label holds; and a name that ends
// with `suffix`, cut where it would be longer than the 253 of a name, and told apart by the uid.
[[nodiscard]] std::string label_naming(const std::string& name, const std::string& uid);
[[nodiscard]] std::string derived_name(const std::string& name, const std::string& uid,
                                       const std::string& suffix);
// What makes an object that the server creates itself one of its own: its uid and
// creationTimestamp.
void give_identity(const Environment& environment, api::Json& object);
// What a dry run answers: the object as it would begin, which stands at no revision.
[[nodiscard]] Result<api::ObjectPtr> not_recorded(std::string_view resource, api::Json object);

// The newest good backup (facts.h; by its snapshot) of a namespace (empty: of all) that `accept`
// takes; null when none. One that a clock dated that was ahead is taken only where there is no
// other.
[[nodiscard]] api::ObjectPtr newest_backup(const storage::Catalog& catalog, WallTime now,
                                           const std::string& ns,
                                           const std::function<bool(const api::Json&)>& accept);

// When a backup's snapshot was taken: of its instances the latest; its start when that is missing.
[[nodiscard]] WallTime snapshot_time_of(const api::Json& backup);

// status.digest ("sha256:…") as bytes; empty when there is none.
[[nodiscard]] std::optional<storage::Sha256> digest_of(const api::Json& backup);
[[nodiscard]] std::string digest_text(const storage::Sha256& digest);

}  // namespace gb::jobs
