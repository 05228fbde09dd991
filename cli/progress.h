// How far a long job is, on standard error: a bar that is redrawn on a terminal, else a line every
// 10 s and with every new phase.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "api/object.h"
#include "base/clock.h"

namespace gb::cli {

// What a bar shows of an object of a job that has run for so long, in at most `width` columns.
[[nodiscard]] std::string progress_bar(const api::Json& object, std::chrono::seconds elapsed,
                                       std::size_t width);
// The same as a line of a log.
[[nodiscard]] std::string progress_line(const api::Json& object);

// One thread.
class Progress {
 public:
  Progress();
  explicit Progress(const Clock& clock);
  ~Progress();  // takes the bar away: what is printed next says how it ended
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void show(const api::Json& object);
  // A line of its own, above the bar.
  void note(const std::string& text);

 private:
  void clear();

  const Clock& clock_;
  const bool terminal_;
  bool drawn_ = false;
  std::string last_phase_;
  const SteadyTime begun_;
  std::optional<SteadyTime> last_;  // when a line was written
};

}  // namespace gb::cli
