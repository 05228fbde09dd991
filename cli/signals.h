// SIGINT and SIGTERM as a stop_token: the first one asks what runs to end, the second one ends it.
#pragma once

#include <stop_token>

namespace gb::cli {

// Call once, before any thread is made.
void install_signals();
[[nodiscard]] std::stop_token interrupt_token();

}  // namespace gb::cli
