// A MariaDB server of our own for as long as it takes to look at some data: a folder, a process and
// a Unix socket that nobody else can reach, gone when the object is.
//
// It listens on no network, serves the user who runs this program alone (its folder has mode 0700),
// gives way to whatever else the machine does (niced), keeps its memory small, and never waits for
// the disk: what it holds is thrown away. Where the kernel has Landlock, it writes nothing outside
// of its folder and connects to nobody, whatever it is told (sandbox.h). It ends with this process,
// however that ends; a folder that a killed process left is removed by the next start() in the same
// place.
//
// The thread that calls start() has to outlive the object: the kernel ends the server with it.
//
// Errors of start(): NotFound (mariadbd or mariadb-install-db is not installed), Invalid (the
// folder cannot be used), NoSpace, Unavailable (it did not come up: the end of its log is in the
// message), Cancelled. Every message has its hint. Thread safety: all const methods, from any
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "galera/endpoint.h"
#include "galera/model.h"

namespace gb::galera {

// The text() of a scratch server's only address, as a backup's status names its donor.
inline constexpr const char* kScratchNode = "scratch-server";

// What a scratch server is made with.
struct ServerPrograms {
  std::string server;   // mariadbd
  std::string install;  // mariadb-install-db
  std::string version;  // as the server tells it: "10.11.19-MariaDB"
};

// `server`: the program to take; empty: mariadbd of the PATH, else of the folders that packages
// put it into. NotFound names where it was looked for.
Result<ServerPrograms> find_server_programs(const std::string& server, std::stop_token stop);

struct ScratchOptions {
  std::string place;  // the folder that its own is made in; empty: that for temporary files
  std::uint64_t buffer_pool = std::uint64_t{256} << 20;  // bytes that InnoDB keeps in memory
  int nice = 10;
  std::chrono::seconds patience{120};  // until it answers
  std::uint64_t page_size = 16384;     // of InnoDB, in bytes: how large a row may be
};

// Removes what processes that were killed left in this place; start() does it, too.
void sweep_scratch_place(const std::string& place);

class ScratchServer {
 public:
  // A server with nothing in it but what MariaDB itself brings; one account, root.
  static Result<std::unique_ptr<ScratchServer>> start(const ServerPrograms& programs,
                                                      const ScratchOptions& options,
                                                      std::stop_token stop);
  virtual ~ScratchServer() = default;

  // How it is reached, under the name of the instance whose data it is to hold.
  [[nodiscard]] virtual Endpoint endpoint(const std::string& instance) const = 0;
  // Makes what a restore of `model` takes for granted on a target: the accounts that its programs
  // run as and that are not in it, and the plugins by which its accounts log in, as far as they are
  // installed. Errors: those of Connection.
  virtual Status make_ready(const InstanceModel& model, std::stop_token stop) const = 0;
  // Which definition is not as in `model`, which was restored here, as one phrase ("table `a`.`b`
  // was altered"); empty: none. Whether an event is enabled is not compared.
  virtual Result<std::string> compare_definitions(const InstanceModel& model,
                                                  std::stop_token stop) const = 0;
  // Bytes that are free where it lies.
  [[nodiscard]] virtual std::uint64_t free_bytes() const = 0;
  // `error`, with the end of the server's log when the reason is that it is gone.
  [[nodiscard]] virtual Error explain(Error error) const = 0;
};

}  // namespace gb::galera
