#include "api/indenter.h"

namespace gb::api {

void Indenter::feed(std::string_view part, std::string& out) {
  for (const char c : part) {
    if (in_string_) {
      out += c;
      in_string_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
    } else if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
      put(c, out);
    }
  }
}

void Indenter::put(char c, std::string& out) {
  const bool closes = c == '}' || c == ']';
  if (closes && depth_ > 0) --depth_;
  // What is empty stays on its line.
  if (opened_ != closes) break_line(out);
  opened_ = c == '{' || c == '[';
  if (opened_) ++depth_;
  out += c;
  if (c == ',') break_line(out);
  if (c == ':') out += ' ';
  in_string_ = c == '"';
}

void Indenter::break_line(std::string& out) const {
  out += '\n';
  out.append(2 * depth_, ' ');
}

}  // namespace gb::api
