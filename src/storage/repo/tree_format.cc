#include "storage/repo/tree_format.h"

#include <algorithm>
#include <optional>

#include "storage/repo/pack_format.h"
#include "storage/repo/wire.h"

namespace gb::storage::repo {
namespace {

constexpr std::uint8_t kPageFormat = 1;
constexpr std::uint8_t kTableFormat = 1;

// The two low bits of a column's first varint.
constexpr std::uint64_t kInlineRaw = 0;
constexpr std::uint64_t kInlineZstd = 1;
constexpr std::uint64_t kOneBlob = 2;
constexpr std::uint64_t kManyBlobs = 3;

// References are coded against the one before: a chunk's new blobs follow each other in one pack,
// so that most cost one byte.
class RefCoder {
 public:
  // The number that stands for `ref`; `tail` gets what must follow it.
  std::uint64_t code(const Ref& ref, std::string& tail) {
    std::uint64_t out = 0;
    if (last_ && last_->pack == ref.pack) {
      const auto expected = std::int64_t{last_->ordinal} + 1;
      out = zigzag(std::int64_t{ref.ordinal} - expected) << 1;
    } else {
      out = std::uint64_t{ref.pack.backup} << 1 | 1;
      put_varint(tail, ref.pack.number);
      put_varint(tail, ref.ordinal);
    }
    last_ = ref;
    return out;
  }

  Ref read(std::uint64_t code, WireReader& in) {
    Ref ref;
    if ((code & 1) == 0) {
      // 33 bits hold every distance between two ordinals.
      if (!last_ || code >> 1 > std::uint64_t{1} << 33) {
        in.fail();
        return {};
      }
      const std::int64_t ordinal = std::int64_t{last_->ordinal} + 1 + unzigzag(code >> 1);
      if (ordinal < 0 || ordinal > std::int64_t{UINT32_MAX}) in.fail();
      ref = {last_->pack, static_cast<std::uint32_t>(ordinal)};
    } else {
      if (code >> 1 > UINT32_MAX) in.fail();
      ref.pack.backup = static_cast<std::uint32_t>(code >> 1);
      ref.pack.number = in.varint32();
      ref.ordinal = in.varint32();
      if (last_ && last_->pack == ref.pack) in.fail();  // one list has one form
    }
    last_ = ref;
    return ref;
  }

 private:
  std::optional<Ref> last_;
};

void read_column(WireReader& in, RefCoder& coder, ColumnEntry& out) {
  const std::uint64_t first = in.varint();
  const std::uint64_t rest = first >> 2;
  switch (first & 3) {
    case kInlineRaw:
      out.bytes = as_text(in.bytes(rest));
      out.plain = static_cast<std::uint32_t>(out.bytes.size());
      return;
    case kInlineZstd:
      out.codec = Codec::kZstd;
      out.plain = static_cast<std::uint32_t>(in.varint(kMaxBlobPlain));
      out.bytes = as_text(in.bytes(rest));
      return;
    case kOneBlob:
      out.blobs.push_back(coder.read(rest, in));
      return;
    default:
      if (rest < 2 || rest > kMaxPieces) in.fail();
      for (std::uint64_t i = 0; i < rest && !in.failed(); ++i)
        out.blobs.push_back(coder.read(in.varint(), in));
  }
}

ChunkEntry read_chunk(WireReader& in, std::uint32_t columns) {
  ChunkEntry chunk;
  chunk.cut = in.u64();
  chunk.rows = in.varint();
  if (columns > in.left()) in.fail();
  RefCoder coder;
  for (std::uint32_t i = 0; i < columns && !in.failed(); ++i)
    read_column(in, coder, chunk.columns.emplace_back());
  return chunk;
}

}  // namespace

void put_chunk(const ChunkEntry& chunk, std::string& out) {
  put_u64(out, chunk.cut);
  put_varint(out, chunk.rows);
  RefCoder coder;
  for (const ColumnEntry& column : chunk.columns) {
    std::string tail;
    if (column.blobs.empty()) {
      const bool zstd = column.codec == Codec::kZstd;
      put_varint(out, column.bytes.size() << 2 | (zstd ? kInlineZstd : kInlineRaw));
      if (zstd) put_varint(out, column.plain);
      out.append(column.bytes);
    } else if (column.blobs.size() == 1) {
      const std::uint64_t code = coder.code(column.blobs.front(), tail);
      put_varint(out, code << 2 | kOneBlob);
      out.append(tail);
    } else {
      put_varint(out, column.blobs.size() << 2 | kManyBlobs);
      for (const Ref& ref : column.blobs) {
        tail.clear();
        put_varint(out, coder.code(ref, tail));
        out.append(tail);
      }
    }
  }
}

Result<Page> Page::parse(std::string plain) {
  Page page;
  WireReader in(as_bytes(plain));
  const std::uint8_t format = in.u8();
  page.columns_ = static_cast<std::uint32_t>(in.varint(kMaxColumns));
  const std::uint64_t chunks = in.varint();
  if (format != kPageFormat || in.failed() || chunks > in.left())
    return fail(Code::kCorruption, "a page of chunks has a form that is not known");
  page.offsets_.reserve(chunks + 1);
  for (std::uint64_t i = 0; i < chunks; ++i) {
    page.offsets_.push_back(static_cast<std::uint32_t>(plain.size() - in.left()));
    (void)read_chunk(in, page.columns_);
    if (in.failed()) return fail(Code::kCorruption, "a page of chunks cannot be read");
  }
  if (!in.done()) return fail(Code::kCorruption, "a page of chunks is longer than its records");
  page.offsets_.push_back(static_cast<std::uint32_t>(plain.size()));
  page.plain_ = std::move(plain);
  return page;
}

Bytes Page::record(std::uint32_t position) const {
  return as_bytes(plain_).subspan(offsets_[position], offsets_[position + 1] - offsets_[position]);
}

std::uint64_t Page::cut(std::uint32_t position) const {
  return WireReader(record(position)).u64();
}

ChunkEntry Page::chunk(std::uint32_t position) const {
  WireReader in(record(position));
  return read_chunk(in, columns_);
}

std::string encode_page(std::uint32_t columns, std::uint32_t chunks, std::string_view records) {
  std::string out;
  out.reserve(records.size() + 11);
  out.push_back(static_cast<char>(kPageFormat));
  put_varint(out, columns);
  put_varint(out, chunks);
  out.append(records);
  return out;
}

std::uint64_t TableObject::chunks() const {
  std::uint64_t sum = 0;
  for (const Slice& slice : slices) sum += slice.count;
  return sum;
}

std::string encode_table(const TableObject& table) {
  std::string out;
  out.push_back(static_cast<char>(kTableFormat));
  put_varint(out, table.columns);
  put_varint(out, table.rows);
  put_varint(out, table.plain);
  put_varint(out, table.pages.size());
  RefCoder coder;
  std::string tail;
  for (const Ref& page : table.pages) {
    tail.clear();
    put_varint(out, coder.code(page, tail));
    out.append(tail);
  }
  put_varint(out, table.slices.size());
  for (const Slice& slice : table.slices) {
    put_varint(out, slice.page);
    put_varint(out, slice.first);
    put_varint(out, slice.count);
  }
  return out;
}

Result<TableObject> parse_table(Bytes plain) {
  WireReader in(plain);
  TableObject table;
  const std::uint8_t format = in.u8();
  table.columns = static_cast<std::uint32_t>(in.varint(kMaxColumns));
  table.rows = in.varint();
  table.plain = in.varint();
  const std::uint64_t pages = in.varint();
  if (format != kTableFormat || in.failed() || pages > in.left())
    return fail(Code::kCorruption, "a table object has a form that is not known");
  table.pages.reserve(pages);
  RefCoder coder;
  for (std::uint64_t i = 0; i < pages && !in.failed(); ++i)
    table.pages.push_back(coder.read(in.varint(), in));
  const std::uint64_t slices = in.varint();
  if (in.failed() || slices > in.left())
    return fail(Code::kCorruption, "a table object cannot be read");
  table.slices.reserve(std::min(slices, kMaxChunks));
  std::uint64_t chunks = 0;
  for (std::uint64_t i = 0; i < slices && !in.failed(); ++i) {
    Slice slice{in.varint32(), in.varint32(), in.varint32()};
    chunks += slice.count;
    if (slice.page >= pages || slice.count == 0 || chunks > kMaxChunks) in.fail();
    table.slices.push_back(slice);
  }
  if (!in.done()) return fail(Code::kCorruption, "a table object cannot be read");
  return table;
}

}  // namespace gb::storage::repo
