#include "http/gzip.h"

#include <zlib.h>

#include <memory>

namespace gb::http {

Result<std::vector<Piece>> gzip(const std::vector<Piece>& pieces) {
  constexpr std::size_t kOut = 65536;
  z_stream stream{};
  constexpr int kGzipWindow = 15 + 16;
  if (deflateInit2(&stream, 1, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return fail(Code::kInternal, "no memory to compress a response");
  const std::unique_ptr<z_stream, decltype(&deflateEnd)> end(&stream, &deflateEnd);

  std::vector<Piece> compressed;
  std::string out(kOut, '\0');
  const auto reset_out = [&] {
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
  };
  const auto keep_out = [&] {
    out.resize(out.size() - stream.avail_out);
    compressed.push_back(std::make_shared<const std::string>(std::move(out)));
    out.assign(kOut, '\0');
    reset_out();
  };
  reset_out();
  for (std::size_t i = 0; i <= pieces.size(); ++i) {
    const bool last = i == pieces.size();
    stream.next_in =
        last ? nullptr : reinterpret_cast<Bytef*>(const_cast<char*>(pieces[i]->data()));
    stream.avail_in = last ? 0 : static_cast<uInt>(pieces[i]->size());
    int result = Z_OK;
    do {
      if (stream.avail_out == 0) keep_out();
      result = deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH);
      if (result == Z_STREAM_ERROR) return fail(Code::kInternal, "zlib failed to compress");
    } while (last ? result != Z_STREAM_END : stream.avail_in > 0);
  }
  keep_out();
  return compressed;
}

}  // namespace gb::http
