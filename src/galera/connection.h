// One connection to a MariaDB server: RAII over libmariadb, whose headers stay out of this one.
//
// What holds for every connection: the certificate is verified before anything of ours is sent
// (where the endpoint requires TLS); only authentication methods that do not give the password away
// are accepted; LOCAL INFILE is off, so no server can ask for our files; several statements in one
// text are refused; a peer that vanished is noticed within about 30 s, whatever we wait for.
//
// Errors (a server's error number is kept, see last_errno()):
//   Forbidden    1045 wrong password or TLS required; 1044 1142 1143 1227 1370 missing privilege
//   Unavailable  no connection, or it was lost; the node is not Primary (1047), or shuts down
//   Exhausted    too many connections
//   Conflict     1205 1213 1412: deadlock, certification failure, a table changed under us
//   NotFound     1049 1146: no such schema, no such table
//   NoSpace      the server's disk is full
//   Cancelled    the stop token of use_stop() (or open()) was triggered
//   Internal     every other refusal of a statement of ours
//
// Thread safety: an object is used by one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "galera/endpoint.h"

namespace gb::galera {

using Cell = std::optional<std::string>;  // no value: NULL
using Row = std::vector<Cell>;
// Its text; empty for NULL and for a column that is not there.
[[nodiscard]] inline std::string cell(const Row& row, std::size_t i) {
  return i < row.size() ? row[i].value_or("") : "";
}

struct Rows {
  std::vector<std::string> columns;
  std::vector<Row> rows;
};

struct ServerWarning {
  std::string level;  // Note, Warning, Error
  unsigned number = 0;
  std::string message;
};

struct ConnectOptions {
  std::chrono::seconds connect_timeout{10};  // for the socket and for each answer of the handshake
  std::chrono::seconds read_timeout{0};  // without a byte from the server; 0: as long as it takes
};

struct NativeConnection;  // connection_internal.h

class Connection {
 public:
  static Result<Connection> open(const Endpoint& endpoint, const Address& node,
                                 const ConnectOptions& options, std::stop_token stop);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  // The token that the following calls listen to: a stop ends the call at once, closes the
  // connection, and asks the server to kill what still runs there.
  void use_stop(std::stop_token stop);

  // A statement whose result is small: everything is kept in memory.
  Result<Rows> query(std::string_view sql);
  // The first cell of the first row; no value when it is NULL or when there is no row.
  Result<Cell> scalar(std::string_view sql);
  // A statement without a result, or whose result does not matter.
  Status exec(std::string_view sql);

  // The two halves of a statement, to have several connections answer at the same time. What was
  // sent is received before anything else is done.
  Status send(std::string_view sql);
  Result<Rows> receive();

  [[nodiscard]] unsigned warning_count() const;      // of the last statement
  Result<std::vector<ServerWarning>> warnings();     // SHOW WARNINGS
  [[nodiscard]] unsigned last_errno() const;         // of the last failed call; 0: none
  [[nodiscard]] std::uint64_t id() const;            // CONNECTION_ID()
  [[nodiscard]] std::string server_version() const;  // "10.11.19-MariaDB-…"
  [[nodiscard]] const Address& node() const;
  [[nodiscard]] bool encrypted() const;
  // Whether the server reads a backslash in a string as an escape, by the sql_mode that it has now.
  [[nodiscard]] bool backslash_escapes() const;

  // For files of this room that need libmariadb itself.
  [[nodiscard]] NativeConnection& native() { return *native_; }

 private:
  explicit Connection(std::unique_ptr<NativeConnection> native);
  std::unique_ptr<NativeConnection> native_;
};

// Ends another connection of the same server, best effort.
void kill_connection(const Endpoint& endpoint, const Address& node, std::uint64_t id);

}  // namespace gb::galera
