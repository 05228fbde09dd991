// Checks of a restore's plan: whether the target takes what the backup holds, in engines, names and
// ways to log in, before anything is touched.
//
// Errors: Invalid, when it does not: the message names what, the hint what to do; else those of
// Connection. Thread safety: functions; those with a connection by who owns it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "galera/connection.h"
#include "galera/model.h"
#include "galera/plan.h"

namespace gb::galera {

// The engine of every table is there.
Status check_engines(Connection& connection, const Selection& selection);

// So is every plugin by which an account of the backup logs in that has to be made.
Status check_login_plugins(Connection& connection, const std::vector<Account>& accounts);

// A target may take no table without a primary key.
Status check_primary_keys(Connection& connection, const Selection& selection);

// Tables that are encrypted need a plugin that has their keys.
Status check_encryption(Connection& connection, const Selection& selection);

// A plugin that judges passwords refuses those of which only the hash is known.
Status check_passwords(Connection& connection, const std::vector<Account>& accounts);

// The servers (CREATE SERVER) that tables name are there, or come with the accounts: `coming`. The
// text: what is not known.
Result<std::string> check_foreign_servers(Connection& connection, const Selection& selection,
                                          const std::vector<ServerObject>& coming);

// So are the functions of libraries that views call. What other programs call, and only miss when
// they run, is told in `notes`. The text: what is not known.
Result<std::string> check_library_functions(Connection& connection, const InstanceModel& model,
                                            const Selection& selection,
                                            std::vector<std::string>& notes);

// Whoever lets an account be a proxy must have been allowed to.
Status check_proxies(Connection& connection, const std::vector<Account>& accounts);

// The target keeps the names of schemas, tables, sequences and views as they are. The text: what is
// not known.
Result<std::string> check_table_names(Connection& connection, const Facts& source,
                                      const Selection& selection);

// What of the selected schemas cannot come back as it was at the source: what the dump noted of
// them, and rows that only the node gets that the restore writes through. `node`: empty when the
// target is no cluster of several.
[[nodiscard]] std::vector<std::string> known_losses(const InstanceModel& model,
                                                    const Selection& selection,
                                                    const std::string& node);

// A foreign key that the source holds and no server makes again, in a sentence: its parent has lost
// the key, or the character set, that it refers to.
struct UnfitForeignKey {
  const Table* table = nullptr;
  std::string note;
};
// Corruption for a table that cannot be read.
Result<std::vector<UnfitForeignKey>> unfit_foreign_keys(const Selection& selection);

// Accounts whose SUPER means less on a target of this version than at the source, and what was
// taken out of it; empty: none.
[[nodiscard]] std::string lost_with_super(const InstanceModel& model,
                                          const std::string& target_version);

// Whether a function is declared DETERMINISTIC, NO SQL or READS SQL DATA.
[[nodiscard]] bool says_what_it_does(const Program& function);

// The decisions, without a server. `engines`: in lower case.
[[nodiscard]] Status fit_engines(const std::set<std::string>& engines, const Selection& selection);
[[nodiscard]] Result<std::string> fit_table_names(int lower_case_table_names, const Facts& source,
                                                  const Selection& selection);

}  // namespace gb::galera
