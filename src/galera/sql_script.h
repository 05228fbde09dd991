// The statements of an SQL script one by one, as a client that is fed the script would send them:
// what mariadb-dump writes, of any size, never more of it in memory than one statement.
//
// Quotes, comments and the client's DELIMITER lines are understood. Nothing else of a client is:
// where its commands (`\!`, SOURCE, …) stand in a script, the server refuses them as a statement.
//
// Errors of next(): those of the reader; Corruption when the script ends within a statement;
// Exhausted for a statement larger than a server takes (1 GiB).
// Thread safety: an object is used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "galera/connection.h"
#include "galera/definitions_tokens.h"

namespace gb::galera {

class SqlScript {
 public:
  // As many bytes as it likes, 0 at the end.
  using Reader = std::function<Result<std::size_t>(std::span<char>)>;

  struct Statement {
    std::string_view text;     // without its delimiter; valid until the next call
    std::uint64_t number = 0;  // from 1
    std::uint64_t line = 0;    // where it begins, from 1
  };

  explicit SqlScript(Reader reader) : reader_(std::move(reader)) {}

  // No value at the end. `backslash_escapes`: whether a backslash in a string takes the character
  // behind it along, which depends on the sql_mode that the script has set so far.
  Result<std::optional<Statement>> next(bool backslash_escapes);

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }  // of the script, read so far

 private:
  enum class In { kCode, kQuote, kLineComment, kBlockComment };

  Status need(std::size_t ahead);
  Result<bool> take_delimiter_line();
  void scan_quote(bool backslash_escapes);
  Result<bool> scan_code();
  Statement statement(std::size_t end);

  Reader reader_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of the statement
  std::size_t at_ = 0;     // what was scanned
  bool ended_ = false;
  In in_ = In::kCode;
  char quote_ = 0;
  bool any_code_ = false;  // of the statement, beside comments and blanks
  std::string delimiter_ = ";";
  std::uint64_t line_ = 1;  // at begin_
  std::uint64_t number_ = 0;
  std::uint64_t bytes_ = 0;
};

// The statement as a message may show it: its kind and the object that it is about, no data.
[[nodiscard]] std::string statement_kind(std::string_view text);

struct ScriptReport {
  std::uint64_t statements = 0;
  // A statement that the server accepted with a warning, one sentence each, the first few.
  std::vector<std::string> notes;
  std::uint64_t with_warnings = 0;
};

struct ScriptOptions {
  // Whether a statement may be there at all; none: every one.
  std::function<bool(std::string_view, SqlQuoting)> allowed = {};
  std::vector<unsigned> tolerated = {};  // error numbers of the server that become notes
  // Called after each statement with the bytes of the script so far; an error of it ends the run.
  std::function<Status(std::uint64_t)> between = {};
  // Called with the number and the text of a refusal: whether it put right what was missing, so
  // that the statement is to be tried once more. It works on a connection of its own.
  std::function<Result<bool>(unsigned, const std::string&)> mend = {};
};

// Runs a script to its end on one connection, or to the first statement that is refused.
//
// Errors: those of SqlScript and of the functions of `options`; Corruption names a statement that
// is not allowed, and its line; Invalid the statement that was refused, its line and the server's
// error number, never data; Unavailable, NoSpace and Cancelled as Connection's.
Result<ScriptReport> run_script(Connection& connection, SqlScript& script,
                                const ScriptOptions& options);

}  // namespace gb::galera
