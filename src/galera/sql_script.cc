#include "galera/sql_script.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/text.h"
#include "galera/dump_statement.h"

namespace gb::galera {
namespace {

constexpr std::size_t kScriptPiece = std::size_t{256} << 10;
constexpr std::size_t kLargest = std::size_t{1} << 30;  // the protocol's limit for one statement
constexpr std::size_t kNotesKept = 5;
constexpr std::string_view kDelimiterWord = "delimiter";

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

}  // namespace

// Makes sure of `ahead` bytes from at_ on, as far as the script goes.
Status SqlScript::need(std::size_t ahead) {
  while (!ended_ && buffer_.size() - at_ < ahead) {
    if (begin_ > 0) {
      buffer_.erase(0, begin_);
      at_ -= begin_;
      begin_ = 0;
    }
    if (buffer_.size() > kLargest)
      return fail(Code::kExhausted,
                  "a statement of it is larger than 1 GiB (line " + std::to_string(line_) + ")");
    const std::size_t had = buffer_.size();
    buffer_.resize(had + std::max(ahead, kScriptPiece));
    auto got = reader_(std::span(buffer_).subspan(had));
    buffer_.resize(had + (got ? *got : 0));
    if (!got) return fail(std::move(got).error());
    bytes_ += *got;
    ended_ = *got == 0;
  }
  return {};
}

SqlScript::Statement SqlScript::statement(std::size_t end) {
  Statement out;
  out.text = std::string_view(buffer_).substr(begin_, end - begin_);
  out.number = ++number_;
  out.line = line_;
  return out;
}

// "DELIMITER ;;" at the beginning of a line, where a statement might begin.
Result<bool> SqlScript::take_delimiter_line() {
  if (at_ > begin_ && buffer_[at_ - 1] != '\n') return false;
  GB_TRY(need(kDelimiterWord.size() + 1));
  const std::string_view word = std::string_view(buffer_).substr(at_, kDelimiterWord.size() + 1);
  if (word.size() <= kDelimiterWord.size() || !is_blank(word.back()) ||
      to_lower(word.substr(0, kDelimiterWord.size())) != kDelimiterWord)
    return false;
  std::size_t end = buffer_.find('\n', at_);
  while (end == std::string::npos && !ended_) {
    GB_TRY(need(buffer_.size() - at_ + 1));
    end = buffer_.find('\n', at_);
  }
  if (end == std::string::npos) end = buffer_.size();
  const std::string_view line = std::string_view(buffer_).substr(at_, end - at_);
  const std::string_view value = trim(line.substr(kDelimiterWord.size()));
  if (value.empty())
    return fail(
        Code::kCorruption,
        "it has a DELIMITER line that names none (line " +
            std::to_string(line_ + static_cast<std::uint64_t>(std::count(
                                       buffer_.begin() + begin_, buffer_.begin() + at_, '\n'))) +
            ")");
  delimiter_ = value;
  line_ += static_cast<std::uint64_t>(
      std::count(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                 buffer_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
  begin_ = at_ = end;
  return true;
}

void SqlScript::scan_quote(bool backslash_escapes) {
  // A backslash means nothing in `names`.
  const bool escapes = backslash_escapes && quote_ != '`';
  while (at_ < buffer_.size()) {
    const char c = buffer_[at_];
    if (c == '\\' && escapes) {
      // Its companion may not have been read yet.
      if (at_ + 1 >= buffer_.size() && !ended_) return;
      at_ = std::min(at_ + 2, buffer_.size());
    } else {
      ++at_;
      if (c == quote_) {  // a doubled quote begins a new one right behind, which is the same
        in_ = In::kCode;
        return;
      }
    }
  }
}

// One step outside of quotes and comments; true when a statement ends at at_.
Result<bool> SqlScript::scan_code() {
  const char c = buffer_[at_];
  const std::string_view rest = std::string_view(buffer_).substr(at_);
  if (rest.starts_with(delimiter_)) return true;
  if (c == '\'' || c == '"' || c == '`') {
    in_ = In::kQuote;
    quote_ = c;
  } else if (c == '#' || (rest.starts_with("--") && (rest.size() == 2 || is_blank(rest[2])))) {
    in_ = In::kLineComment;
    return false;
  } else if (rest.starts_with("/*") && !rest.starts_with("/*!") && !rest.starts_with("/*M!")) {
    // What stands in /*! … */ is code: it may hold quotes and comments.
    in_ = In::kBlockComment;
    at_ += 2;
    return false;
  }
  if (!is_blank(c)) any_code_ = true;
  ++at_;
  return false;
}

Result<std::optional<SqlScript::Statement>> SqlScript::next(bool backslash_escapes) {
  // What the last call returned goes now.
  any_code_ = false;
  in_ = In::kCode;
  while (true) {
    GB_TRY(need(std::max<std::size_t>(delimiter_.size(), 4)));
    if (at_ >= buffer_.size()) break;
    switch (in_) {
      case In::kQuote:
        scan_quote(backslash_escapes);
        break;
      case In::kLineComment: {
        const std::size_t end = buffer_.find('\n', at_);
        if (end != std::string::npos) in_ = In::kCode;
        at_ = end == std::string::npos ? buffer_.size() : end + 1;
        break;
      }
      case In::kBlockComment: {
        const std::size_t end = buffer_.find("*/", at_);
        if (end != std::string::npos) {
          in_ = In::kCode;
          at_ = end + 2;
        } else {
          at_ = ended_ ? buffer_.size() : buffer_.size() - 1;  // its * may be there already
        }
        break;
      }
      case In::kCode: {
        if (!any_code_) {
          // Blanks and whole comments before a statement are none of it.
          if (is_blank(buffer_[at_])) {
            ++at_;
            break;
          }
          GB_TRY_ASSIGN(const bool taken, take_delimiter_line());
          if (taken) break;
        }
        GB_TRY_ASSIGN(const bool ends, scan_code());
        if (!ends) break;
        // The blanks and the comments before it count as lines that were read.
        std::size_t from = begin_;
        while (from < at_ && is_blank(buffer_[from])) ++from;
        const auto lines = [&](std::size_t a, std::size_t b) {
          return static_cast<std::uint64_t>(
              std::count(buffer_.begin() + static_cast<std::ptrdiff_t>(a),
                         buffer_.begin() + static_cast<std::ptrdiff_t>(b), '\n'));
        };
        line_ += lines(begin_, from);
        begin_ = from;
        const std::size_t end = at_;
        const bool something = any_code_;
        Statement found;
        if (something) found = statement(end);
        line_ += lines(begin_, end);
        begin_ = at_ = end + delimiter_.size();
        any_code_ = false;
        if (something) return found;
        break;
      }
    }
  }
  if (any_code_ || in_ == In::kQuote || in_ == In::kBlockComment)
    return fail(Code::kCorruption, "it ends within a statement (the one that begins at line " +
                                       std::to_string(line_) + ")");
  begin_ = at_;
  return std::optional<Statement>();
}

std::string statement_kind(std::string_view text) {
  // Comments before the statement, and the marks of a conditional one, say nothing of it.
  const auto skip = [&] {
    while (!text.empty()) {
      if (is_blank(text.front())) {
        text.remove_prefix(1);
      } else if (text.starts_with("-- ") || text.starts_with("#") || text.starts_with("--\n")) {
        const std::size_t end = text.find('\n');
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      } else if (text.starts_with("/*!") || text.starts_with("/*M!")) {
        text.remove_prefix(text.find('!') + 1);
        while (!text.empty() && (std::isdigit(static_cast<unsigned char>(text.front())) != 0))
          text.remove_prefix(1);
      } else if (text.starts_with("*/")) {
        text.remove_prefix(2);
      } else {
        return;
      }
    }
  };
  skip();
  std::string out;
  // Words up to the name of the object; of an unknown statement its first word.
  for (int words = 0; words < 6 && !text.empty(); ++words) {
    if (text.front() == '`') {
      std::size_t end = text.find('`', 1);
      while (end != std::string_view::npos && text.substr(end + 1).starts_with("`"))
        end = text.find('`', end + 2);
      if (end == std::string_view::npos) break;
      out += (out.empty() ? "" : " ") + std::string(text.substr(0, end + 1));
      break;
    }
    std::size_t size = 0;
    while (size < text.size() &&
           (std::isalpha(static_cast<unsigned char>(text[size])) != 0 || text[size] == '_'))
      ++size;
    if (size == 0) break;
    const std::string word = to_lower(text.substr(0, size));
    if (words > 0 && word != "into" && word != "table" && word != "tables" && word != "database" &&
        word != "view" && word != "if" && word != "not" && word != "exists")
      break;
    out += (out.empty() ? "" : " ") + std::string(text.substr(0, size));
    text.remove_prefix(size);
    skip();
  }
  return out.empty() ? "a statement" : out;
}

Result<ScriptReport> run_script(Connection& connection, SqlScript& script,
                                const ScriptOptions& options) {
  ScriptReport report;
  const auto name = [](const SqlScript::Statement& s) {
    return "statement " + std::to_string(s.number) + " (line " + std::to_string(s.line) + ", " +
           statement_kind(s.text) + ")";
  };
  while (true) {
    GB_TRY_ASSIGN(const std::optional<SqlScript::Statement> statement,
                  script.next(connection.backslash_escapes()));
    if (!statement) return report;
    ++report.statements;
    const SqlQuoting quoting{.no_backslash_escapes = !connection.backslash_escapes()};
    if (options.allowed && !options.allowed(statement->text, quoting))
      return fail(Code::kCorruption,
                  "statement " + std::to_string(statement->number) + " (line " +
                      std::to_string(statement->line) + ") is none that a dump holds: " +
                      statement_beginning(statement->text, quoting),
                  "look at that line, and load the file nowhere until you know who wrote it");
    Status done = connection.exec(statement->text);
    if (!done && options.mend && connection.last_errno() != 0) {
      GB_TRY_ASSIGN(const bool mended, options.mend(connection.last_errno(), done.error().message));
      if (mended) done = connection.exec(statement->text);
    }
    if (!done) {
      const Code code = done.error().code;
      const unsigned number = connection.last_errno();
      if (code == Code::kUnavailable || code == Code::kNoSpace || code == Code::kCancelled)
        return wrap(name(*statement), std::move(done).error());
      // The server's own words quote the statement, and with it data.
      const std::string refused =
          name(*statement) + " was refused by the server with error " + std::to_string(number);
      if (std::ranges::find(options.tolerated, number) == options.tolerated.end())
        return fail(Code::kInvalid, refused);
      ++report.with_warnings;
      if (report.notes.size() < kNotesKept) report.notes.push_back(refused);
    } else if (connection.warning_count() > 0) {
      GB_TRY_ASSIGN(const std::vector<ServerWarning> warnings, connection.warnings());
      const auto serious =
          std::ranges::find_if(warnings, [](const ServerWarning& w) { return w.level != "Note"; });
      if (serious != warnings.end()) {
        ++report.with_warnings;
        if (report.notes.size() < kNotesKept)
          report.notes.push_back(name(*statement) + " was accepted with warning " +
                                 std::to_string(serious->number));
      }
    }
    if (options.between) GB_TRY(options.between(script.bytes()));
  }
}

}  // namespace gb::galera
