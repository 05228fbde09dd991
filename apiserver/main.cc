// galera-backup-apiserver: docs/configuration.md has its flags and its file.

#include <pthread.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <stop_token>
#include <thread>

#include "apiserver/config.h"
#include "apiserver/server.h"
#include "base/file_limit.h"
#include "base/log.h"

namespace gb::apiserver {
namespace {

struct Flags {
  std::string config;
  bool check_config = false;
  std::optional<std::string> bind_address;
  std::optional<std::uint16_t> port;
  std::optional<std::string> kubeconfig;
  std::optional<std::string> log_level;
};

int print_error(const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.text().c_str());
  return 1;
}

Result<Config> configure(const Flags& flags) {
  GB_TRY_ASSIGN(Config config, read_config(flags.config));
  if (flags.bind_address) {
    if (const Status usable = check_bind_address(*flags.bind_address); !usable)
      return fail(Code::kInvalid, "--bind-address " + usable.error().message, usable.error().hint);
    config.serving.bind_address = *flags.bind_address;
  }
  if (flags.port) config.serving.port = *flags.port;
  if (flags.kubeconfig) config.cluster = ClusterConfig{*flags.kubeconfig};
  if (flags.log_level) {
    GB_TRY_ASSIGN(config.log_level, parse_log_level(*flags.log_level));
  }
  return config;
}

int run(const Flags& flags, std::stop_token stop) {
  auto config = configure(flags);
  if (!config) return print_error(config.error());
  if (const Status checked = check_files(*config); !checked) return print_error(checked.error());
  if (flags.check_config) {
    std::printf("%s", describe(*config).c_str());
    return 0;
  }
  log::configure(config->log_level, config->log_format);
  if (const Status served = serve(*config, std::move(stop)); !served)
    return print_error(served.error());
  return 0;
}

}  // namespace
}  // namespace gb::apiserver

int main(int argc, char** argv) {
  gb::raise_file_limit();
  gb::apiserver::Flags flags;
  CLI::App app{"Backups and restores of MariaDB Galera clusters as a Kubernetes API",
               "galera-backup-apiserver"};
  app.set_version_flag("--version", GB_VERSION);
  app.add_option("--config", flags.config, "The configuration file")->required();
  app.add_flag("--check-config", flags.check_config,
               "Check the file and every file that it names, print what was understood, exit");
  app.add_option("--bind-address", flags.bind_address, "Instead of serving.bindAddress");
  app.add_option("--secure-port", flags.port, "Instead of serving.port")
      ->check(CLI::Range(1, 65535));
  app.add_option("--kubeconfig", flags.kubeconfig, "Instead of cluster.kubeconfig");
  app.add_option("--log-level", flags.log_level, "Instead of log.level");
  CLI11_PARSE(app, argc, argv);

  // Blocked before any thread is made, so that only the thread below gets them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
  static std::stop_source stop;
  std::thread([signals] {
    int signal = 0;
    sigwait(&signals, &signal);
    stop.request_stop();
  }).detach();
  try {
    return gb::apiserver::run(flags, stop.get_token());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
