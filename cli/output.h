// What the command line prints: results to standard output, everything else to standard error.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "base/error.h"

namespace gb::cli {

// "error: <message and causes>" and, on a line of its own, what to do.
void print_error(const Error& error);

// Columns padded to their widest cell, as kubectl prints them.
void print_table(const std::vector<std::string>& header,
                 const std::vector<std::vector<std::string>>& rows);

// -o json, yaml or name. False when `format` is none of them.
bool print_object(const api::Object& object, std::string_view format);

// How far a long job is: a bar that is redrawn on a terminal, else a line every 10 s. One thread.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();  // ends the line of the bar
  void show(const api::Json& object);

 private:
  const bool terminal_;
  bool drawn_ = false;
  std::string last_phase_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace gb::cli
