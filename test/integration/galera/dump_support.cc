#include "test/integration/galera/dump_support.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "galera/column_codec.h"
#include "galera/row_digest.h"

namespace gb::galera::test {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string number_of(const std::string& address) {  // 127.A.B.N:PORT
  const std::string host = address.substr(0, address.rfind(':'));
  return host.substr(host.rfind('.') + 1);
}

class MemoryTable final : public TableSink {
 public:
  MemoryTable(MemorySink& sink, std::string schema, std::string table)
      : sink_(sink), schema_(std::move(schema)), table_(std::move(table)) {}
  Status chunk(unsigned range, std::uint64_t cut, std::uint64_t rows,
               std::span<const Bytes> columns) override {
    if (sink_.on_chunk) GB_TRY(sink_.on_chunk(schema_, table_));
    Chunk chunk;
    chunk.rows = rows;
    for (const Bytes column : columns) chunk.columns.emplace_back(as_text(column));
    const std::lock_guard lock(sink_.mutex);
    sink_.tables[{schema_, table_}].ranges[range].emplace_back(cut, std::move(chunk));
    return {};
  }
  Status finish(const TableTotals& totals) override {
    const std::lock_guard lock(sink_.mutex);
    sink_.tables[{schema_, table_}].totals = totals;
    return {};
  }

 private:
  MemorySink& sink_;
  std::string schema_;
  std::string table_;
};

std::map<std::string, ValueKind> kinds_of(const Table& table) {
  std::map<std::string, ValueKind> out;
  for (const Column& column : table.columns) out[column.name] = column.kind;
  return out;
}

}  // namespace

std::vector<std::uint64_t> TableSeen::cuts() const {
  std::vector<std::uint64_t> out;
  for (const auto& [range, chunks] : ranges)
    for (const auto& [cut, chunk] : chunks) out.push_back(cut);
  return out;
}

bool bed_has(const char* name) {
  return !variable(name).empty();
}

Endpoint bed_endpoint() {
  Endpoint out;
  out.name = "test";
  for (const std::string& node : split(variable("GB_TEST_NODES"), ',')) {
    const std::size_t colon = node.rfind(':');
    if (colon == std::string::npos) continue;
    out.nodes.push_back(
        {node.substr(0, colon), static_cast<std::uint16_t>(std::stoi(node.substr(colon + 1)))});
  }
  out.user = variable("GB_TEST_USER");
  std::ifstream file(variable("GB_TEST_PASSWORD_FILE"));
  std::getline(file, out.password);
  out.tls_ca_file = variable("GB_TEST_CA_FILE");
  if (!out.tls_ca_file.empty()) out.tls = TlsMode::kRequired;
  return out;
}

void bed_node(const std::string& address, const std::string& verb) {
  const std::string command =
      variable("GB_TEST_BED_TOOL") + " node " + number_of(address) + " " + verb + " >&2";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

std::string bed_folder_of(const std::string& address) {
  return variable("GB_TEST_BED") + "/galera/node" + number_of(address);
}

Connection connect_to(const Endpoint& endpoint, const Address& node) {
  auto connection = Connection::open(endpoint, node, {}, {});
  if (!connection) throw std::runtime_error(connection.error().text());
  return std::move(*connection);
}

void sql(const std::vector<std::string>& statements) {
  const Endpoint endpoint = bed_endpoint();
  Connection connection = connect_to(endpoint, endpoint.nodes.front());
  for (const std::string& statement : statements) {
    const Status status = connection.exec(statement);
    if (!status) throw std::runtime_error(statement + ": " + status.error().text());
  }
}

std::string value_of(const std::string& select) {
  const Endpoint endpoint = bed_endpoint();
  Connection connection = connect_to(endpoint, endpoint.nodes.front());
  auto cell = connection.scalar(select);
  if (!cell) throw std::runtime_error(select + ": " + cell.error().text());
  return cell->value_or("NULL");
}

Result<std::unique_ptr<TableSink>> MemorySink::table(const std::string& schema,
                                                     const std::string& table,
                                                     const std::vector<std::string>& columns) {
  const std::lock_guard lock(mutex);
  tables[{schema, table}].columns = columns;
  return std::make_unique<MemoryTable>(*this, schema, table);
}

const Table& Dumped::table(const std::string& schema, const std::string& name) const {
  for (const Schema& s : model.schemas)
    for (const Table& t : s.tables)
      if (s.name == schema && t.name == name) return t;
  throw std::runtime_error("no table " + schema + "." + name + " in the model");
}

std::vector<std::map<std::string, Value>> Dumped::rows(const std::string& schema,
                                                       const std::string& name) const {
  std::vector<std::map<std::string, Value>> out;
  const TableSeen& seen = sink->tables.at({schema, name});
  const auto kinds = kinds_of(table(schema, name));
  for (const auto& [range, chunks] : seen.ranges) {
    for (const auto& [cut, chunk] : chunks) {
      const std::size_t first = out.size();
      out.resize(first + chunk.rows);
      for (std::size_t c = 0; c < seen.columns.size(); ++c) {
        const ValueKind kind = kinds.at(seen.columns[c]);
        auto column = decode_column(kind, chunk.rows, chunk.columns.at(c));
        if (!column) throw std::runtime_error(column.error().text());
        for (std::size_t r = 0; r < chunk.rows; ++r) {
          Value& value = out[first + r][seen.columns[c]];
          value.null = column->null[r] != 0;
          if (kind == ValueKind::kBytes)
            value.bytes = column->values[r];
          else
            value.number = column->numbers[r];
        }
      }
    }
  }
  return out;
}

void expect_whole(const Dumped& dumped) {
  for (const auto& [name, seen] : dumped.sink->tables) {
    const std::string full = name.first + "." + name.second;
    const Table& table = dumped.table(name.first, name.second);
    const auto kinds = kinds_of(table);
    ASSERT_TRUE(seen.totals) << full << " was never finished";
    EXPECT_EQ(*seen.totals, table.totals) << full;
    const std::uint64_t seed = row_seed(seen.columns);
    DigestSum sum;
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
    for (const auto& [range, chunks] : seen.ranges) {
      for (const auto& [cut, chunk] : chunks) {
        std::vector<DecodedColumn> columns;
        for (std::size_t c = 0; c < seen.columns.size(); ++c) {
          auto column = decode_column(kinds.at(seen.columns[c]), chunk.rows, chunk.columns.at(c));
          ASSERT_TRUE(column) << full << ": " << column.error().text();
          columns.push_back(std::move(*column));
          bytes += chunk.columns[c].size();
        }
        for (std::size_t r = 0; r < chunk.rows; ++r) {
          RowEncoding encoding;
          for (std::size_t c = 0; c < columns.size(); ++c) {
            const ValueKind kind = kinds.at(seen.columns[c]);
            if (columns[c].null[r] != 0)
              encoding.null();
            else if (kind == ValueKind::kBytes)
              encoding.bytes(columns[c].values[r]);
            else
              encoding.number(kind, columns[c].numbers[r]);
          }
          sum.add(encoding.hash(seed));
        }
        rows += chunk.rows;
      }
    }
    EXPECT_EQ(rows, table.totals.rows) << full;
    EXPECT_EQ(bytes, table.totals.bytes) << full;
    EXPECT_EQ(sum.digest(), table.totals.digest) << full;
  }
}

Status dump_into(Dumped& into, DumpOptions options, std::stop_token stop,
                 const Endpoint& endpoint) {
  static const SystemClock clock;
  Progress progress;
  const auto dump = Dump::make(endpoint, std::move(options), clock,
                               [](const std::string& line) { std::cerr << "  " << line << "\n"; });
  GB_TRY(dump->connect(stop));
  GB_TRY(dump->open_snapshot(stop));
  GB_TRY_ASSIGN(into.model, dump->run(*into.sink, progress, stop));
  return {};
}

Dumped dump(DumpOptions options) {
  Dumped out;
  const Status status = dump_into(out, std::move(options));
  if (!status) throw std::runtime_error(status.error().text());
  expect_whole(out);
  return out;
}

}  // namespace gb::galera::test
