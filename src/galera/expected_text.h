// Whether the texts of a backup that a restore executes as they are say what its model says of
// them.
//
// They come from the source, which may be anything that speaks the protocol of a server, and are
// executed on a target that may belong to somebody else, by an account that may do everything
// there. So a text has to begin as the server prints an object of that kind, of that name and in
// that schema, and what is not a program's body has to hold nothing else. That it is one statement
// is the protocol's: our connections never ask for several in a packet (CLIENT_MULTI_STATEMENTS).
// What a program does when it runs, as its definer, is not looked at.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "galera/definitions_tokens.h"
#include "galera/engine.h"
#include "galera/model.h"
#include "galera/plan.h"

namespace gb::galera {

// Those that say something else, each as "trigger `nova`.`t` (GRANT)": what it is to be, and the
// first words that it has instead. `accounts`: those and the servers of CREATE SERVER, too.
[[nodiscard]] std::vector<std::string> unexpected_texts(const InstanceModel& model,
                                                        const std::vector<const Schema*>& schemas,
                                                        bool accounts);

// Corruption, when a text that a restore of the selected schemas would execute is one of them.
[[nodiscard]] Status check_texts(const InstanceModel& model, const Selection& selection,
                                 Content content);

// What may stand between CREATE and the kind of what is created: OR REPLACE, ALGORITHM, DEFINER,
// SQL SECURITY, AGGREGATE. The walk stands behind it then.
void skip_attributes(TokenWalk& walk);

// Whether the walk stands at what makes a function of a library (… RETURNS STRING SONAME 'x.so'),
// behind the function's name. One that is written in SQL has its parameters there.
[[nodiscard]] bool is_of_library(const TokenWalk& walk);

}  // namespace gb::galera
