// SQL text of MariaDB cut into tokens, so that names are found and changed without ever touching
// what stands in a string or a comment.
//
// The tokens of a text, joined, are the text again, byte for byte. What an executable comment
// (/*!50001 … */) holds is code and is cut too. Bytes of 0x80 and above belong to words. In some
// character sets of Asia the second byte of a character may be a backslash or a backtick, which is
// told apart where the character set is named.
//
// Thread safety: pure functions; a Token views the text that it was cut from.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace gb::galera {

enum class TokenKind {
  kSpace,
  kComment,   // a whole comment, or the opening or closing mark of an executable one
  kWord,      // an unquoted name, a keyword, a number
  kName,      // `quoted`, or "quoted" under ANSI_QUOTES
  kString,    // 'text' or "text"
  kVariable,  // @name, @@name, and the @host of an account
  kPunct,     // any other byte
};

struct Token {
  TokenKind kind = TokenKind::kSpace;
  std::string_view text;
};

// The character sets of which a second byte may look like ASCII, by how a first one is known.
enum class SecondByte {
  kNone,        // UTF-8 and all others
  kAfterSjis,   // sjis, cp932: after 0x81 to 0x9F and 0xE0 to 0xFC
  kAfterUpper,  // big5, gbk: after 0x81 to 0xFE
};

// How many bytes the character has that `text` begins with, as far as a quote or a backslash may be
// among them: 1 or 2.
[[nodiscard]] std::size_t width_at(std::string_view text, SecondByte rule);

// What of the sql_mode and of the client's character set changes where a token ends.
struct SqlQuoting {
  bool ansi_quotes = false;
  bool no_backslash_escapes = false;
  SecondByte second_byte = SecondByte::kNone;
};
[[nodiscard]] SqlQuoting quoting_of(std::string_view sql_mode, std::string_view character_set = {});

// Corruption when a string, a quoted name or a comment does not end.
[[nodiscard]] Result<std::vector<Token>> tokenize(std::string_view sql, SqlQuoting quoting = {});

// Its first tokens, `count` of them that are neither blanks nor comments; fewer where it ends, or
// where it cannot be read on: behind a program's name it may be in another character set.
[[nodiscard]] std::vector<Token> first_tokens(std::string_view sql, std::size_t count,
                                              SqlQuoting quoting = {});

// The byte of `sql` at which this keyword (upper case) stands first, neither quoted nor in a
// comment; npos. What follows it may be in another character set.
[[nodiscard]] Result<std::size_t> position_of_word(std::string_view sql, std::string_view keyword,
                                                   SqlQuoting quoting = {});

// The name that a kWord or kName token stands for, quotes taken off.
[[nodiscard]] std::string name_of(const Token& token, SqlQuoting quoting = {});
// The bytes of a kString token, escapes undone.
[[nodiscard]] std::string string_of(const Token& token, SqlQuoting quoting = {});

// A walk over the tokens that mean something: spaces and comments are stepped over.
class TokenWalk {
 public:
  explicit TokenWalk(const std::vector<Token>& tokens, std::size_t from = 0);

  [[nodiscard]] bool end() const { return at_ >= tokens_->size(); }
  [[nodiscard]] std::size_t position() const { return at_; }  // of the current token
  [[nodiscard]] const Token& token() const;                   // an empty kSpace at the end
  void next();

  [[nodiscard]] bool is_word(std::string_view keyword) const;  // upper case; any case matches
  [[nodiscard]] bool is_punct(char c) const;
  [[nodiscard]] bool is_name() const;  // a kWord or a kName
  bool take_word(std::string_view keyword);
  bool take_punct(char c);

 private:
  void settle();
  const std::vector<Token>* tokens_;
  std::size_t at_;
};

// The text from token `first` up to token `last`, that one not included.
[[nodiscard]] std::string text_between(const std::vector<Token>& tokens, std::size_t first,
                                       std::size_t last);

}  // namespace gb::galera
