// An oracle: a program of test/differential/oracles that answers each line of its input with a line
// of numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gb::differential {

// The answers, one for each question; none when the oracle failed, which it says on stderr.
[[nodiscard]] std::vector<std::vector<std::int64_t>> ask(const std::string& oracle,
                                                         const std::vector<std::string>& questions);

}  // namespace gb::differential
