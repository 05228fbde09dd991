#include "storage/blob/blob_store.h"

namespace gb::storage {
namespace {

constexpr std::size_t kMaxKey = 1000;
constexpr std::size_t kMaxSegment = 200;

bool segment_ok(std::string_view segment) {
  if (segment.empty() || segment.size() > kMaxSegment) return false;
  if (segment == "." || segment == "..") return false;
  for (const char c : segment) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!allowed) return false;
  }
  return true;
}

}  // namespace

Status check_key(std::string_view key) {
  bool ok = key.size() <= kMaxKey;
  for (std::size_t begin = 0; ok;) {
    const std::size_t end = key.find('/', begin);
    ok = segment_ok(key.substr(begin, end - begin));
    if (end == std::string_view::npos) break;
    begin = end + 1;
  }
  if (ok) return {};
  return fail(Code::kInvalid, "'" + std::string(key) + "' is not a key of a store",
              "use segments of letters, digits, '.', '_' and '-', joined by '/'");
}

Status put(BlobStore& store, std::string_view key, Bytes bytes) {
  GB_TRY_ASSIGN(const auto writer, store.writer(key));
  GB_TRY(writer->append(bytes));
  return writer->commit();
}

Status BlobStore::remove_all(std::span<const std::string> keys) {
  for (const std::string& key : keys) GB_TRY(remove(key));
  return {};
}

}  // namespace gb::storage
