// Reads rows at the server's limit: a prepared SELECT over the binary protocol, unbuffered, whose
// values go from the network buffer into column encoders and the row's canonical encoding, and
// nowhere else.
//
// Thread safety: an object is used by one thread at a time. While a scan is open, its connection is
// used for nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "galera/column_codec.h"
#include "galera/connection.h"
#include "galera/model.h"
#include "galera/row_digest.h"

namespace gb::galera {

class RowReader {
 public:
  // `kinds` of the columns that every SELECT of this reader returns, in order. `encoders`, where
  // given, receive each row's values as well (one a column; they outlive the reader).
  RowReader(Connection& connection, std::vector<ValueKind> kinds,
            std::span<ColumnEncoder> encoders = {});
  ~RowReader();
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;

  // Sends the SELECT. Conflict when its columns are not of the expected kinds: the table was
  // changed.
  Status start(std::string_view select);
  // Reads one row; false after the last one. The scan is closed then, and after an error.
  Result<bool> next();
  // Closes a scan before its end, reading and dropping what the server already sent. No need after
  // next() gave false or failed.
  void close();

  [[nodiscard]] const RowEncoding& row() const;                   // the canonical encoding
  [[nodiscard]] std::string_view cell(std::size_t column) const;  // the part of one column in it

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The value of a canonical cell.
[[nodiscard]] std::uint64_t cell_number(std::string_view cell);    // not for kBytes
[[nodiscard]] std::string_view cell_bytes(std::string_view cell);  // only for kBytes

// Makes the server's send buffer large once a connection, which spares it a third of its work
// later.
Status grow_send_buffer(Connection& connection);

}  // namespace gb::galera
