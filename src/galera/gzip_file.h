// A gzip file, read as the text that it holds; its end is proven, not assumed.
//
// What gzip(1) reports and goes on from is an error here: a file that breaks off, checksums and
// lengths that do not fit, and bytes behind the end that are no gzip. Several members one behind
// the other are one text, as gzip has it.
//
// Errors: NotFound (no such file), Invalid (not readable), Corruption: the message says what is
// wrong, without the file's name.
// Thread safety: an object is used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"
#include "base/text.h"

namespace gb::galera {

class GzipFile {
 public:
  // Sees the bytes of the file itself in order, each once: for a digest.
  using Tap = std::function<void(Bytes)>;

  static Result<GzipFile> open(const std::string& path, Tap tap = {});
  GzipFile(GzipFile&&) noexcept;
  GzipFile& operator=(GzipFile&&) noexcept;
  ~GzipFile();

  // At least one byte of the text, at most as many as there is room for; 0 at the end, which is
  // only told once the whole file was found to be right.
  Result<std::size_t> read(std::span<char> into);

 private:
  struct Impl;
  explicit GzipFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gb::galera
