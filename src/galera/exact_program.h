// What SHOW CREATE prints of a routine or an event otherwise than its author wrote it: comments and
// the members of an ENUM that a function returns, and all of an event up to its DO, come in UTF-8
// and with backslashes before what is special. The rest comes in the character set of the author's
// client, under which the whole is to be made again, and under NO_BACKSLASH_ESCAPES a backslash is
// one of the text.
//
// A comment that ALTER gave a routine in letters which its character set lacks cannot be said in
// it, and is left as it was printed.
//
// The session must speak `SET NAMES binary`. Errors: those of Connection; Corruption for a text
// that cannot be read. Thread safety: by who owns the connection.
#pragma once

#include <string>

#include "base/error.h"
#include "galera/connection.h"
#include "galera/model.h"

namespace gb::galera {

// `routine` as it was printed; `comment`: what information_schema says. The text, all of it in the
// client's character set.
Result<std::string> exact_routine_sql(Connection& connection, const std::string& schema,
                                      const Program& routine, const std::string& comment);
Result<std::string> exact_event_sql(Connection& connection, const Program& event);

// Whether a text of this client's character set has to be converted to be UTF-8.
[[nodiscard]] bool is_foreign_text(const std::string& text, const std::string& character_set);

// UTF-8 in another character set; as it is where that has not all of its letters.
Result<std::string> in_character_set(Connection& connection, const std::string& text,
                                     const std::string& character_set);

}  // namespace gb::galera
