#include "galera/connection.h"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <sys/socket.h>

#include <utility>

#include "galera/connection_internal.h"

namespace gb::galera {
namespace {

Result<Rows> read_result(NativeConnection& native) {
  Rows out;
  MYSQL_RES* result = mysql_store_result(native.mysql);
  if (result == nullptr) {
    if (mysql_errno(native.mysql) != 0) return fail(connection_error(native));
    return out;
  }
  const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> guard(result, &mysql_free_result);
  const unsigned width = mysql_num_fields(result);
  const MYSQL_FIELD* fields = mysql_fetch_fields(result);
  for (unsigned i = 0; i < width; ++i)
    out.columns.emplace_back(fields[i].name, fields[i].name_length);
  out.rows.reserve(mysql_num_rows(result));
  while (MYSQL_ROW row = mysql_fetch_row(result)) {
    const unsigned long* lengths = mysql_fetch_lengths(result);
    Row& cells = out.rows.emplace_back(width);
    for (unsigned i = 0; i < width; ++i)
      if (row[i] != nullptr) cells[i].emplace(row[i], lengths[i]);
  }
  return out;
}

}  // namespace

Error cancelled(const Address& node) {
  return Error{Code::kCancelled, "stopped while talking to " + node.text(), {}, {}, nullptr};
}

NativeConnection::~NativeConnection() {
  if (mysql != nullptr) mysql_close(mysql);
}

void Interruptible::Shut::operator()() const {
  if (socket < 0) return;
  // Closing it then tells the server at once. Else one that is sending waits for minutes (seen: 100
  // s), with the locks of its session: all that we closed was our way to it.
  const linger at_once{1, 0};
  (void)::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  (void)::shutdown(socket, SHUT_RDWR);
}

Interruptible::Interruptible(NativeConnection& native)
    : callback_(native.stop, Shut{static_cast<int>(mysql_get_socket(native.mysql))}) {}

Error server_error(unsigned number, const std::string& text, const Endpoint& endpoint,
                   const Address& node) {
  const std::string at = node.text();
  const auto make = [](Code code, std::string message, std::string hint = {}) {
    return Error{code, std::move(message), std::move(hint), std::nullopt, nullptr};
  };
  switch (number) {
    case ER_ACCESS_DENIED_ERROR:
    case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
      return make(
          Code::kForbidden,
          "user \"" + endpoint.user + "\" was refused by " + at +
              " (wrong password, or the server requires TLS): " + text,
          "check the user and the password, and whether the account may connect without TLS");
    case ER_DBACCESS_DENIED_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_COLUMNACCESS_DENIED_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
    case ER_PROCACCESS_DENIED_ERROR:
    case ER_HOST_NOT_PRIVILEGED:
      return make(Code::kForbidden,
                  "user \"" + endpoint.user + "\" lacks a privilege on " + at + ": " + text,
                  "grant the privilege that the message names");
    case ER_UNKNOWN_COM_ERROR:  // what a node outside the primary component answers to everything
      return make(Code::kUnavailable,
                  "node " + at + " is not part of the primary component: " + text,
                  "wait until the cluster has a quorum, or bootstrap it");
    case CR_CONN_HOST_ERROR:
    case CR_CONNECTION_ERROR:
    case CR_UNKNOWN_HOST:
      return make(Code::kUnavailable, "node " + at + " cannot be reached: " + text,
                  "check that the server runs and that " + at + " is reachable from here");
    case CR_SSL_CONNECTION_ERROR:
      return make(
          Code::kUnavailable, "no verified TLS connection to " + at + ": " + text,
          "check that the server offers TLS and that its certificate is signed by the given CA "
          "for this host name");
    case CR_SERVER_GONE_ERROR:
    case CR_SERVER_LOST:
    case CR_SERVER_LOST_EXTENDED:
    case CR_SERVER_HANDSHAKE_ERR:
    case CR_MALFORMED_PACKET:
    case ER_SERVER_SHUTDOWN:
    case ER_NORMAL_SHUTDOWN:
    case ER_CONNECTION_KILLED:
    case ER_QUERY_INTERRUPTED:
    case ER_ABORTING_CONNECTION:
    case ER_NEW_ABORTING_CONNECTION:
      return make(Code::kUnavailable, "the connection to " + at + " was lost: " + text,
                  "see the server's error log; try again when the node is back");
    case ER_CON_COUNT_ERROR:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_USER_LIMIT_REACHED:
      return make(Code::kExhausted, "node " + at + " takes no more connections: " + text,
                  "raise max_connections, or use fewer threads");
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_LOCK_DEADLOCK:
    case ER_TABLE_DEF_CHANGED:
      return make(Code::kConflict, "node " + at + ": " + text);
    case ER_BAD_DB_ERROR:
    case ER_NO_SUCH_TABLE:
    case ER_NO_SUCH_TABLE_IN_ENGINE:
      return make(Code::kNotFound, "node " + at + ": " + text);
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
      return make(Code::kNoSpace, "the disk of node " + at + " is full: " + text,
                  "free space on the database's volume");
    default:
      return make(Code::kInternal,
                  "node " + at + " answered error " + std::to_string(number) + ": " + text);
  }
}

Error connection_error(NativeConnection& native) {
  native.last_errno = mysql_errno(native.mysql);
  if (native.stop.stop_requested()) {
    // The server goes on with a statement whose client left; it is told once.
    if (!std::exchange(native.killed, true))
      kill_connection(native.endpoint, native.node, mysql_thread_id(native.mysql));
    return cancelled(native.node);
  }
  return server_error(native.last_errno, mysql_error(native.mysql), native.endpoint, native.node);
}

Error statement_error(NativeConnection& native, st_mysql_stmt* statement) {
  native.last_errno = mysql_stmt_errno(statement);
  if (native.stop.stop_requested()) return connection_error(native);
  std::string text = mysql_stmt_error(statement);
  // A connection that breaks within a result leaves its error on the connection only, or nowhere.
  if (native.last_errno == 0) {
    native.last_errno = mysql_errno(native.mysql);
    text = mysql_error(native.mysql);
  }
  if (native.last_errno == 0) {
    native.last_errno = CR_SERVER_LOST;
    text = "it ended within a result";
  }
  return server_error(native.last_errno, text, native.endpoint, native.node);
}

Connection::Connection(std::unique_ptr<NativeConnection> native) : native_(std::move(native)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

void Connection::use_stop(std::stop_token stop) {
  native_->stop = std::move(stop);
}

Status Connection::send(std::string_view sql) {
  native_->last_errno = 0;
  const Interruptible interruptible(*native_);
  if (native_->stop.stop_requested()) return fail(cancelled(native_->node));
  if (mysql_send_query(native_->mysql, sql.data(), sql.size()) != 0)
    return fail(connection_error(*native_));
  return {};
}

Result<Rows> Connection::receive() {
  const Interruptible interruptible(*native_);
  if (mysql_read_query_result(native_->mysql) != 0) return fail(connection_error(*native_));
  return read_result(*native_);
}

Result<Rows> Connection::query(std::string_view sql) {
  GB_TRY(send(sql));
  return receive();
}

Result<Cell> Connection::scalar(std::string_view sql) {
  GB_TRY_ASSIGN(Rows rows, query(sql));
  if (rows.rows.empty() || rows.rows[0].empty()) return Cell{};
  return std::move(rows.rows[0][0]);
}

Status Connection::exec(std::string_view sql) {
  auto rows = query(sql);
  if (!rows) return fail(std::move(rows).error());
  return {};
}

unsigned Connection::warning_count() const {
  return mysql_warning_count(native_->mysql);
}

Result<std::vector<ServerWarning>> Connection::warnings() {
  GB_TRY_ASSIGN(const Rows rows, query("SHOW WARNINGS"));
  std::vector<ServerWarning> out;
  for (const Row& row : rows.rows)
    out.push_back({row.at(0).value_or(""),
                   static_cast<unsigned>(std::stoul(row.at(1).value_or("0"))),
                   row.at(2).value_or("")});
  return out;
}

unsigned Connection::last_errno() const {
  return native_->last_errno;
}
std::uint64_t Connection::id() const {
  return mysql_thread_id(native_->mysql);
}
std::string Connection::server_version() const {
  return mysql_get_server_info(native_->mysql);
}
const Address& Connection::node() const {
  return native_->node;
}
bool Connection::encrypted() const {
  return mysql_get_ssl_cipher(native_->mysql) != nullptr;
}
bool Connection::backslash_escapes() const {
  return (native_->mysql->server_status & SERVER_STATUS_NO_BACKSLASH_ESCAPES) == 0;
}

void kill_connection(const Endpoint& endpoint, const Address& node, std::uint64_t id) {
  if (id == 0) return;
  const ConnectOptions quick{std::chrono::seconds(2), std::chrono::seconds(2)};
  if (auto other = Connection::open(endpoint, node, quick, {}))
    (void)other->exec("KILL " + std::to_string(id));
}

}  // namespace gb::galera
