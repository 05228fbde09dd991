#include "galera/definitions_tokens.h"

#include <algorithm>

#include "base/text.h"

namespace gb::galera {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

class Lexer {
 public:
  Lexer(std::string_view sql, SqlQuoting quoting) : sql_(sql), quoting_(quoting) {}

  Result<std::vector<Token>> run() {
    while (at_ < sql_.size()) GB_TRY(step());
    return std::move(out_);
  }

  std::vector<Token> first(std::size_t count) {
    std::size_t found = 0;
    while (at_ < sql_.size() && found < count && step()) {
      const TokenKind kind = out_.back().kind;
      if (kind != TokenKind::kSpace && kind != TokenKind::kComment) ++found;
    }
    return std::move(out_);
  }

  Result<std::size_t> find(std::string_view keyword) {
    while (at_ < sql_.size()) {
      GB_TRY(step());
      if (TokenWalk(out_, out_.size() - 1).is_word(keyword)) return start_;
    }
    return std::string_view::npos;
  }

 private:
  Status step() {
    start_ = at_;
    return one();
  }
  void skip() { at_ += width_at(sql_.substr(at_), quoting_.second_byte); }
  void skip_word() {
    while (at_ < sql_.size() && is_word_byte(peek())) skip();
  }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0';
  }
  void emit(TokenKind kind) { out_.push_back({kind, sql_.substr(start_, at_ - start_)}); }

  Status one() {
    const char c = peek();
    if (is_space(c)) {
      while (at_ < sql_.size() && is_space(peek())) ++at_;
      emit(TokenKind::kSpace);
      return {};
    }
    if (c == '`') return quoted('`', TokenKind::kName, false);
    if (c == '\'') return quoted('\'', TokenKind::kString, !quoting_.no_backslash_escapes);
    if (c == '"') {
      if (quoting_.ansi_quotes) return quoted('"', TokenKind::kName, false);
      return quoted('"', TokenKind::kString, !quoting_.no_backslash_escapes);
    }
    if (c == '#' || (c == '-' && peek(1) == '-' && (is_space(peek(2)) || at_ + 2 >= sql_.size()))) {
      while (at_ < sql_.size() && peek() != '\n') ++at_;
      emit(TokenKind::kComment);
      return {};
    }
    if (c == '/' && peek(1) == '*') return block_comment();
    if (executable_ && c == '*' && peek(1) == '/') {
      executable_ = false;
      at_ += 2;
      emit(TokenKind::kComment);
      return {};
    }
    if (c == '@') return variable();
    if (is_word_byte(c)) {
      skip_word();
      emit(TokenKind::kWord);
      return {};
    }
    ++at_;
    emit(TokenKind::kPunct);
    return {};
  }

  Status skip_quoted(char quote, bool escapes) {
    ++at_;
    while (at_ < sql_.size()) {
      const char c = peek();
      if (c == '\\' && escapes) {
        at_ += 2;
      } else if (c == quote) {
        if (peek(1) != quote) {
          ++at_;
          return {};
        }
        at_ += 2;
      } else {
        skip();
      }
    }
    return fail(Code::kCorruption,
                "a definition ends inside of a quoted text that begins at byte " +
                    std::to_string(start_) + " of it");
  }

  Status quoted(char quote, TokenKind kind, bool escapes) {
    GB_TRY(skip_quoted(quote, escapes));
    emit(kind);
    return {};
  }

  Status block_comment() {
    // /*!50001 and /*M!100100: the digits are the version from which on the rest is code.
    const std::size_t mark = peek(2) == '!' ? 3 : (peek(2) == 'M' && peek(3) == '!') ? 4 : 0;
    if (mark != 0) {
      at_ += mark;
      while (is_digit(peek())) ++at_;
      executable_ = true;
      emit(TokenKind::kComment);
      return {};
    }
    const std::size_t end = sql_.find("*/", at_ + 2);
    if (end == std::string_view::npos)
      return fail(Code::kCorruption, "a definition ends inside of a comment that begins at byte " +
                                         std::to_string(start_) + " of it");
    at_ = end + 2;
    emit(TokenKind::kComment);
    return {};
  }

  // A variable's name may hold dots and be quoted; so may the host of `user`@`host`.
  Status variable() {
    ++at_;
    if (peek() == '@') ++at_;
    const char c = peek();
    if (c == '`' || c == '\'' || c == '"') {
      GB_TRY(skip_quoted(c, c != '`' && !quoting_.no_backslash_escapes));
    } else {
      while (at_ < sql_.size() && (is_word_byte(peek()) || peek() == '.')) skip();
    }
    emit(TokenKind::kVariable);
    return {};
  }

  std::string_view sql_;
  SqlQuoting quoting_;
  std::size_t at_ = 0;
  std::size_t start_ = 0;
  bool executable_ = false;
  std::vector<Token> out_;
};

}  // namespace

std::size_t width_at(std::string_view text, SecondByte rule) {
  if (rule == SecondByte::kNone || text.size() < 2) return 1;
  const auto first = static_cast<unsigned char>(text[0]);
  const auto second = static_cast<unsigned char>(text[1]);
  const bool leads = rule == SecondByte::kAfterSjis
                         ? (first >= 0x81 && first <= 0x9F) || (first >= 0xE0 && first <= 0xFC)
                         : first >= 0x81 && first <= 0xFE;
  return leads && second >= 0x40 && second != 0x7F && second != 0xFF ? 2 : 1;
}

SqlQuoting quoting_of(std::string_view sql_mode, std::string_view character_set) {
  SqlQuoting out;
  if (character_set == "sjis" || character_set == "cp932")
    out.second_byte = SecondByte::kAfterSjis;
  else if (character_set == "big5" || character_set == "gbk")
    out.second_byte = SecondByte::kAfterUpper;
  for (const std::string& mode : split(sql_mode, ',')) {
    // ANSI, ORACLE and their like are listed with what they stand for.
    if (mode == "ANSI_QUOTES") out.ansi_quotes = true;
    if (mode == "NO_BACKSLASH_ESCAPES") out.no_backslash_escapes = true;
  }
  return out;
}

Result<std::vector<Token>> tokenize(std::string_view sql, SqlQuoting quoting) {
  return Lexer(sql, quoting).run();
}

std::vector<Token> first_tokens(std::string_view sql, std::size_t count, SqlQuoting quoting) {
  return Lexer(sql, quoting).first(count);
}

Result<std::size_t> position_of_word(std::string_view sql, std::string_view keyword,
                                     SqlQuoting quoting) {
  return Lexer(sql, quoting).find(keyword);
}

std::string name_of(const Token& token, SqlQuoting quoting) {
  if (token.kind != TokenKind::kName) return std::string(token.text);
  const char quote = token.text.front();
  const std::string_view body = token.text.substr(1, token.text.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < body.size();) {
    const std::size_t width = width_at(body.substr(i), quoting.second_byte);
    out += body.substr(i, width);
    i += body[i] == quote ? 2 : width;
  }
  return out;
}

std::string string_of(const Token& token, SqlQuoting quoting) {
  const char quote = token.text.front();
  const std::string_view body = token.text.substr(1, token.text.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < body.size(); ++i) {
    char c = body[i];
    if (width_at(body.substr(i), quoting.second_byte) == 2) {
      out += c;
      c = body[++i];
      out += c;
      continue;
    }
    if (c == '\\' && !quoting.no_backslash_escapes && i + 1 < body.size()) {
      c = body[++i];
      if (c == 'n')
        c = '\n';
      else if (c == 't')
        c = '\t';
      else if (c == 'r')
        c = '\r';
      else if (c == 'b')
        c = '\b';
      else if (c == '0')
        c = '\0';
      else if (c == 'Z')
        c = '\x1a';
      else if (c == '%' || c == '_')
        out += '\\';
    } else if (c == quote) {
      ++i;
    }
    out += c;
  }
  return out;
}

TokenWalk::TokenWalk(const std::vector<Token>& tokens, std::size_t from)
    : tokens_(&tokens), at_(from) {
  settle();
}

void TokenWalk::settle() {
  while (at_ < tokens_->size() &&
         ((*tokens_)[at_].kind == TokenKind::kSpace || (*tokens_)[at_].kind == TokenKind::kComment))
    ++at_;
}

const Token& TokenWalk::token() const {
  static const Token none;
  return end() ? none : (*tokens_)[at_];
}

void TokenWalk::next() {
  if (!end()) ++at_;
  settle();
}

bool TokenWalk::is_word(std::string_view keyword) const {
  const Token& t = token();
  return t.kind == TokenKind::kWord && t.text.size() == keyword.size() &&
         std::equal(keyword.begin(), keyword.end(), t.text.begin(), [](char k, char c) {
           return k == (c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
         });
}

bool TokenWalk::is_punct(char c) const {
  return token().kind == TokenKind::kPunct && token().text.front() == c;
}

bool TokenWalk::is_name() const {
  return token().kind == TokenKind::kWord || token().kind == TokenKind::kName;
}

bool TokenWalk::take_word(std::string_view keyword) {
  if (!is_word(keyword)) return false;
  next();
  return true;
}

bool TokenWalk::take_punct(char c) {
  if (!is_punct(c)) return false;
  next();
  return true;
}

std::string text_between(const std::vector<Token>& tokens, std::size_t first, std::size_t last) {
  std::string out;
  for (std::size_t i = first; i < last && i < tokens.size(); ++i) out += tokens[i].text;
  return out;
}

}  // namespace gb::galera
