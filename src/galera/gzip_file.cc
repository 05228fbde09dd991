#include "galera/gzip_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace gb::galera {
namespace {

constexpr std::size_t kPiece = std::size_t{256} << 10;
constexpr int kGzipOnly = 15 + 16;  // the largest window; no raw deflate, no zlib header

std::string at_byte(std::uint64_t at) {
  return " (at byte " + std::to_string(at) + " of the file)";
}

}  // namespace

struct GzipFile::Impl {
  int fd = -1;
  Tap tap;
  z_stream stream{};
  bool initialized = false;
  bool file_ended = false;
  bool in_member = false;  // some of a member was read, and its end was not
  bool any_member = false;
  bool proven = false;
  std::uint64_t bytes = 0;
  std::vector<unsigned char> input = std::vector<unsigned char>(kPiece);

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (initialized) inflateEnd(&stream);
    if (fd >= 0) ::close(fd);
  }

  Status fill() {
    ssize_t got = 0;
    do {
      got = ::read(fd, input.data(), input.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0)
      return fail(Code::kInvalid, std::string("it cannot be read: ") + std::strerror(errno));
    file_ended = got == 0;
    bytes += static_cast<std::uint64_t>(got);
    stream.next_in = input.data();
    stream.avail_in = static_cast<uInt>(got);
    if (tap && got > 0) tap(std::as_bytes(std::span(input.data(), static_cast<std::size_t>(got))));
    return {};
  }

  [[nodiscard]] std::uint64_t position() const { return bytes - stream.avail_in; }

  Error damaged(const std::string& what) const {
    return Error{Code::kCorruption, what + at_byte(position()), {}, {}, nullptr};
  }

  // The end of the file: right after a member, or not.
  Result<std::size_t> end() {
    if (bytes == 0) return fail(Code::kCorruption, "it is empty: not even a gzip header is there");
    if (in_member)
      return fail(Code::kCorruption, "it is truncated: its gzip data breaks off after " +
                                         std::to_string(bytes) + " bytes");
    proven = true;
    return 0;
  }

  Result<std::size_t> read(std::span<char> into) {
    if (proven || into.empty()) return 0;
    stream.next_out = reinterpret_cast<Bytef*>(into.data());
    stream.avail_out = static_cast<uInt>(into.size());
    while (stream.avail_out == into.size()) {
      if (stream.avail_in == 0) {
        GB_TRY(fill());
        if (file_ended) return end();
      }
      in_member = true;
      const int result = inflate(&stream, Z_NO_FLUSH);
      if (result == Z_STREAM_END) {
        in_member = false;
        any_member = true;
        inflateReset(&stream);
      } else if (result == Z_DATA_ERROR) {
        return fail(explain());
      } else if (result == Z_MEM_ERROR) {
        return fail(Code::kExhausted, "no memory to decompress it");
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return fail(Code::kInternal, "zlib failed with code " + std::to_string(result));
      }
    }
    return into.size() - stream.avail_out;
  }

  [[nodiscard]] Error explain() const {
    const std::string said = stream.msg == nullptr ? "" : stream.msg;
    const bool header = said == "incorrect header check";
    if (header && any_member) return damaged("behind its end there is something that is not gzip");
    if (header) return Error{Code::kCorruption, "it is not a gzip file", {}, {}, nullptr};
    if (said == "incorrect data check" || said == "incorrect length check")
      return damaged("it is damaged: its checksum does not fit what it holds");
    return damaged("it is damaged: " + (said.empty() ? "its data cannot be read" : said));
  }
};

GzipFile::GzipFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GzipFile::GzipFile(GzipFile&&) noexcept = default;
GzipFile& GzipFile::operator=(GzipFile&&) noexcept = default;
GzipFile::~GzipFile() = default;

Result<GzipFile> GzipFile::open(const std::string& path, Tap tap) {
  auto impl = std::make_unique<Impl>();
  impl->fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (impl->fd < 0)
    return fail(errno == ENOENT ? Code::kNotFound : Code::kInvalid,
                std::string("it cannot be opened: ") + std::strerror(errno));
  (void)::posix_fadvise(impl->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  if (inflateInit2(&impl->stream, kGzipOnly) != Z_OK)
    return fail(Code::kExhausted, "no memory to decompress it");
  impl->initialized = true;
  impl->tap = std::move(tap);
  return GzipFile(std::move(impl));
}

Result<std::size_t> GzipFile::read(std::span<char> into) {
  return impl_->read(into);
}

}  // namespace gb::galera
