// Time by which backups may be removed for good. It never runs faster than a steady clock: when the
// wall clock jumps, ahead or back, it is believed only after it has stayed there for a day. Until
// then the earlier of the two counts, so that things are only kept longer.
//
// What is believed is kept in the store (docs/repository-format.md, clock.json): the objects can
// not tell the next server, because schedules write them by the wall clock, wrong as it may be.
#pragma once

#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "storage/blob/blob_store.h"
#include "storage/catalog/catalog.h"

namespace gb::jobs {

// Whether a date can only have been written by a clock that was ahead: clocks that have not jumped
// differ by less.
[[nodiscard]] bool is_ahead(WallTime date, WallTime now);

// Orders dates: what is ahead comes before everything else, as if it were the oldest.
[[nodiscard]] std::pair<bool, WallTime> newness(WallTime date, WallTime now);

// Thread safety: one caller at a time.
class PrudentClock {
 public:
  // `known`: a time that has been (WallTime{}: none is known); a clock that is far ahead of it, or
  // behind, has to prove itself, too.
  PrudentClock(const Clock& clock, WallTime known);
  [[nodiscard]] WallTime now();
  // As of the last now(): whether the clock was set back and is not believed yet. What it dates is
  // then newer than it seems.
  [[nodiscard]] bool set_back() const { return jump_ && jump_->back; }
  // As of the last now(): the time that is believed, for remember_time.
  [[nodiscard]] WallTime believed() const { return believed_; }

 private:
  struct Jump {
    bool back;
    SteadyTime since;
  };
  void note_jump(WallTime wall);

  const Clock& clock_;
  WallTime believed_;
  SteadyTime at_;
  std::optional<Jump> jump_;
};

// The time that the store remembers; where it remembers none, or it cannot be read (which is
// logged), the latest time in any object of the catalog.
[[nodiscard]] WallTime known_time(storage::BlobStore& store, const storage::Catalog& catalog);
Status remember_time(storage::BlobStore& store, WallTime believed);

}  // namespace gb::jobs
