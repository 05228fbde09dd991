// What a restore would do to a target, found out by looking only.
//
// Thread safety: functions; make_plan() by who owns the connection.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "galera/connection.h"
#include "galera/definitions.h"
#include "galera/engine.h"

namespace gb::galera {

struct SelectedSchema {
  const Schema* schema = nullptr;  // of the backup
  std::string target;              // its name there
};

struct Selection {
  std::vector<SelectedSchema> schemas;  // in the order of the backup
  SchemaNames names;                    // those that change their name
  [[nodiscard]] std::vector<std::string> sources() const;
};

// Invalid: a schema that is not in the backup (the message lists what is), a name that no schema
// may have, two schemas under one name.
Result<Selection> select_for_restore(const InstanceModel& model, const RestoreOptions& options);

// A plan, with what each failed check means to who asked for the restore.
struct CheckedPlan {
  RestorePlan plan;
  std::vector<Code> codes;  // one a check
  Address node;             // that the restore would write through
  std::string version;      // of its server
  bool galera = false;
  int cluster_size = 0;             // nodes that have what is written; 0 without Galera
  bool quiet = false;               // nobody else uses the target
  bool smaller_pages = false;       // of InnoDB, than where the backup was taken
  std::uint64_t dropped_bytes = 0;  // on the target's disk, of schemas that are replaced
};

// The first half: which node, and in which state. TargetReachable, TargetPrimary, TargetSynced,
// with `not_the_source` NotTheSource, ServerVersion. When one of them failed, the rest is not
// looked at.
[[nodiscard]] CheckedPlan check_target(const Endpoint& target, const Result<Topology>& topology,
                                       const InstanceModel& model, bool not_the_source);

// The second half, over a connection to that node. An error only when a question could not be
// asked.
Status check_contents(Connection& connection, const InstanceModel& model,
                      const RestoreOptions& options, const Selection& selection, CheckedPlan& out);

// The first failed check as an error; success when there is none.
Status ready(const CheckedPlan& plan, const std::string& target);

// `remark`, of one that passed: what is not known.
void add_check(CheckedPlan& plan, std::string check, Status result, std::string remark = {});

}  // namespace gb::galera
