// What a connection still has to write: shared pieces, handed out in runs of at most one TLS
// record. Small pieces are put together into one record; large ones are never copied.
//
// Thread safety: none; guarded by its connection's mutex.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"

namespace gb::http {

class Outbox {
 public:
  static constexpr std::size_t kRun = 16384;  // the largest TLS record

  void add(Piece piece) {
    if (!piece->empty()) pieces_.push_back(std::move(piece));
  }
  void add(std::string text) { add(std::make_shared<const std::string>(std::move(text))); }
  [[nodiscard]] bool empty() const { return stage_.size() == staged_ && next_ == pieces_.size(); }
  // The next run, the same one until consume(): TLS wants an interrupted write repeated as it was.
  [[nodiscard]] std::string_view front();
  void consume(std::size_t bytes);

 private:
  std::vector<Piece> pieces_;
  std::size_t next_ = 0;    // the piece to go on with
  std::size_t offset_ = 0;  // in that piece
  std::string stage_;       // small pieces put together
  std::size_t staged_ = 0;  // bytes of the stage that were consumed
};

}  // namespace gb::http
