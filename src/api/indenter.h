// JSON with line breaks and two spaces for each level, as nlohmann's dump(2) writes it, from
// compact JSON: text in, text out, in parts of any size. A DOM of a long list takes many times its
// text.
//
// Thread safety: none; one indenter belongs to one text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gb::api {

class Indenter {
 public:
  // Appends to `out`. The text must be JSON: it is not checked, and strings and numbers stay as
  // they are. White space between values is left out, and no newline is put at the end.
  void feed(std::string_view part, std::string& out);

 private:
  void break_line(std::string& out) const;
  void put(char c, std::string& out);

  std::size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool opened_ = false;  // the last that came was { or [
};

}  // namespace gb::api
