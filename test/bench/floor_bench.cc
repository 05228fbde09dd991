// What no reader of a server can do without: every row over the binary protocol, by several
// connections, each value stepped over and dropped. And the same bytes copied once in memory.
//
//   floor_bench HOST PORT USER PASSWORD_FILE THREADS [CA_FILE]
//
// Prints one line of JSON. CPU is that of this process; the server's is whoever asks to look at.
#include <mysql.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "test/bench/process_usage.h"

namespace {

using Clock = std::chrono::steady_clock;
using Handle = std::unique_ptr<MYSQL, decltype(&mysql_close)>;

double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "floor_bench: %s\n", what.c_str());
  std::exit(1);
}

struct Server {
  std::string host;
  unsigned port = 0;
  std::string user;
  std::string password;
  std::string ca_file;
};

Handle connect(const Server& server) {
  Handle handle(mysql_init(nullptr), &mysql_close);
  std::size_t packet = std::size_t{1} << 30;
  mysql_optionsv(handle.get(), MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
  if (!server.ca_file.empty())
    mysql_ssl_set(handle.get(), nullptr, nullptr, server.ca_file.c_str(), nullptr, nullptr);
  if (mysql_real_connect(handle.get(), server.host.c_str(), server.user.c_str(),
                         server.password.c_str(), nullptr, server.port, nullptr, 0) == nullptr)
    give_up(mysql_error(handle.get()));
  // Like the engine's: the server's send buffer grows once.
  const std::string padded = "DO 1 /*" + std::string(std::size_t{1} << 20, ' ') + "*/";
  for (const std::string& sql : {std::string("SET NAMES binary"), padded})
    if (mysql_real_query(handle.get(), sql.data(), sql.size()) != 0)
      give_up(mysql_error(handle.get()));
  return handle;
}

std::vector<std::string> largest_first(MYSQL* mysql) {
  const std::string sql =
      "SELECT CONCAT('`', TABLE_SCHEMA, '`.`', TABLE_NAME, '`') FROM information_schema.TABLES "
      "WHERE "
      "TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', "
      "'performance_schema') ORDER BY DATA_LENGTH DESC";
  if (mysql_real_query(mysql, sql.data(), sql.size()) != 0) give_up(mysql_error(mysql));
  const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(mysql_store_result(mysql),
                                                                        &mysql_free_result);
  std::vector<std::string> out;
  while (MYSQL_ROW row = mysql_fetch_row(result.get())) out.emplace_back(row[0]);
  return out;
}

// Of a value in a packet: a fixed width, or one that stands before it.
constexpr unsigned kByLengthByte = 100;
constexpr unsigned kByLength = 101;

unsigned width_of(const MYSQL_FIELD& field) {
  switch (field.type) {
    case MYSQL_TYPE_TINY:
      return 1;
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_YEAR:
      return 2;
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_FLOAT:
      return 4;
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_DOUBLE:
      return 8;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_TIMESTAMP:
    case MYSQL_TYPE_TIME:
      return kByLengthByte;
    default:
      return kByLength;
  }
}

struct Scan {
  std::vector<unsigned> widths;
  std::uint64_t bytes = 0;
};

std::uint64_t take_length(unsigned char*& row) {
  const unsigned first = *row++;
  const unsigned size = first < 251 ? 0 : first == 252 ? 2 : first == 253 ? 3 : 8;
  if (size == 0) return first;
  std::uint64_t length = 0;
  std::memcpy(&length, row, size);
  row += size;
  return length;
}

void step_over(void* data, unsigned column, unsigned char** row) {
  if (row == nullptr) return;
  auto& scan = *static_cast<Scan*>(data);
  const unsigned char* const begin = *row;
  const unsigned width = scan.widths[column];
  if (width == kByLengthByte)
    *row += 1 + **row;
  else if (width == kByLength)
    *row += take_length(*row);
  else
    *row += width;
  scan.bytes += static_cast<std::uint64_t>(*row - begin);
}

void read_table(MYSQL* mysql, const std::string& table, std::uint64_t& rows, std::uint64_t& bytes) {
  const std::unique_ptr<MYSQL_STMT, decltype(&mysql_stmt_close)> statement(mysql_stmt_init(mysql),
                                                                           &mysql_stmt_close);
  const std::string sql = "SELECT * FROM " + table;
  MYSQL_STMT* const s = statement.get();
  if (mysql_stmt_prepare(s, sql.data(), sql.size()) != 0) give_up(mysql_stmt_error(s));
  Scan scan;
  const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> columns(
      mysql_stmt_result_metadata(s), &mysql_free_result);
  for (unsigned i = 0; i < mysql_num_fields(columns.get()); ++i)
    scan.widths.push_back(width_of(*mysql_fetch_field_direct(columns.get(), i)));
  mysql_stmt_attr_set(s, STMT_ATTR_CB_USER_DATA, &scan);
  mysql_stmt_attr_set(s, STMT_ATTR_CB_RESULT, reinterpret_cast<const void*>(&step_over));
  if (mysql_stmt_execute(s) != 0) give_up(mysql_stmt_error(s));
  int fetched = 0;
  while ((fetched = mysql_stmt_fetch(s)) == 0 || fetched == MYSQL_DATA_TRUNCATED) ++rows;
  if (fetched != MYSQL_NO_DATA) give_up(table + ": " + mysql_stmt_error(s));
  bytes += scan.bytes;
}

double copy_once(std::uint64_t bytes) {
  const std::vector<char> from(std::size_t{64} << 20, 'x');
  std::vector<char> to(from.size());
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  const auto begin = Clock::now();
  for (std::uint64_t done = 0; done < bytes; done += kBlock) {
    const std::size_t at = done % from.size();
    std::memcpy(to.data() + at, from.data() + at, kBlock);
    asm volatile("" : : "r"(to.data()) : "memory");  // or it would be left out
  }
  return since(begin);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6 && argc != 7)
    give_up("usage: floor_bench HOST PORT USER PASSWORD_FILE THREADS [CA_FILE]");
  Server server{
      argv[1], static_cast<unsigned>(std::atoi(argv[2])), argv[3], {}, argc == 7 ? argv[6] : ""};
  std::ifstream file(argv[4]);
  std::getline(file, server.password);
  mysql_library_init(0, nullptr, nullptr);
  std::vector<Handle> handles;
  for (int i = 0; i < std::atoi(argv[5]); ++i) handles.push_back(connect(server));
  const std::vector<std::string> tables = largest_first(handles.at(0).get());

  std::atomic<std::size_t> next{0};
  std::atomic<std::uint64_t> rows{0};
  std::atomic<std::uint64_t> bytes{0};
  const double cpu = cpu_seconds();
  const auto begin = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (Handle& handle : handles)
      threads.emplace_back([&, mysql = handle.get()] {
        std::uint64_t its_rows = 0;
        std::uint64_t its_bytes = 0;
        for (std::size_t i = next++; i < tables.size(); i = next++)
          read_table(mysql, tables[i], its_rows, its_bytes);
        rows += its_rows;
        bytes += its_bytes;
      });
  }
  nlohmann::json out = {{"wall", since(begin)},    {"cpu", cpu_seconds() - cpu},
                        {"rows", rows.load()},     {"bytes", bytes.load()},
                        {"tables", tables.size()}, {"copy", copy_once(bytes)}};
  std::printf("%s\n", out.dump().c_str());
}
