#include "cli/signals.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace gb::cli {
namespace {

std::stop_source& source() {
  static std::stop_source instance;
  return instance;
}

}  // namespace

void install_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
  source();
  // Waits for a signal as long as the process lives; nothing joins it.
  std::thread([set] {
    int signal = 0;
    sigwait(&set, &signal);
    source().request_stop();
    sigwait(&set, &signal);
    ::_exit(128 + signal);
  }).detach();
}

std::stop_token interrupt_token() {
  return source().get_token();
}

}  // namespace gb::cli
