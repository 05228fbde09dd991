// libmariadb's handle, for the files of this room that speak its protocol themselves (the dump's
// reader, the loader's array binding). Include <mysql.h> first where its functions are used.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "galera/connection.h"

struct st_mysql;
struct st_mysql_stmt;

namespace gb::galera {

struct NativeConnection {
  st_mysql* mysql = nullptr;
  Endpoint endpoint;
  Address node;
  std::stop_token stop;
  unsigned last_errno = 0;
  bool killed = false;  // the server was asked to end what a stopped call left behind

  NativeConnection() = default;
  NativeConnection(const NativeConnection&) = delete;
  NativeConnection& operator=(const NativeConnection&) = delete;
  ~NativeConnection();
};

// While it lives, a stop of the connection's token shuts the socket, which ends any call that waits
// in libmariadb. Every blocking call of libmariadb stands below one.
class Interruptible {
 public:
  explicit Interruptible(NativeConnection& native);

 private:
  struct Shut {
    int socket;
    void operator()() const;
  };
  std::stop_callback<Shut> callback_;
};

// The error of the last call on the connection, or on the statement: Cancelled when it was stopped.
[[nodiscard]] Error connection_error(NativeConnection& native);
[[nodiscard]] Error statement_error(NativeConnection& native, st_mysql_stmt* statement);

// The error of a call that was not made, since its token was triggered before.
[[nodiscard]] Error cancelled(const Address& node);

// What an error number of the server or of libmariadb means to our callers.
[[nodiscard]] Error server_error(unsigned number, const std::string& text, const Endpoint& endpoint,
                                 const Address& node);

}  // namespace gb::galera
