#include "jobs/prudent_clock.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "api/text.h"
#include "api/types.h"
#include "base/log.h"
#include "base/text.h"
#include "storage/log/sealed_json.h"

namespace gb::jobs {
namespace {

constexpr std::string_view kClockKey = "clock.json";
constexpr std::chrono::minutes kDrift{5};  // what clocks differ by without having jumped
constexpr std::chrono::hours kIdle{1};     // without any sign of the time is nothing unusual
constexpr std::chrono::hours kProof{24};

Result<WallTime> remembered_time(storage::BlobStore& store) {
  GB_TRY_ASSIGN(const std::string text, store.get(kClockKey));
  api::Json dom;
  GB_TRY(storage::open_json(kClockKey, text, dom));
  const auto time = from_rfc3339(api::text_member(dom, "time"));
  if (!time) return fail(Code::kCorruption, "clock.json is damaged: it has no time");
  return *time;
}

WallTime newest_time(const storage::Catalog& catalog) {
  WallTime newest{};
  for (const char* resource : {api::kBackups, api::kRestores, api::kSchedules})
    for (const api::ObjectPtr& object : catalog.list(resource, "").objects) {
      const api::Json dom = object->dom();
      for (const auto& [part, field] :
           {std::pair("metadata", "creationTimestamp"), std::pair("status", "completionTime"),
            std::pair("status", "settledTime")})
        if (const auto time = from_rfc3339(api::text_member(api::member(dom, part), field)))
          newest = std::max(newest, *time);
    }
  return newest;
}

}  // namespace

bool is_ahead(WallTime date, WallTime now) {
  return date > now + kDrift;
}

std::pair<bool, WallTime> newness(WallTime date, WallTime now) {
  return {!is_ahead(date, now), date};
}

PrudentClock::PrudentClock(const Clock& clock, WallTime known)
    : clock_(clock), believed_(clock.now()), at_(clock.steady_now()) {
  if (known == WallTime{}) return;
  // One that is farther ahead is granted nothing: a server that begins again and again would follow
  // it step by step.
  if (believed_ > known + kIdle || is_ahead(known, believed_)) believed_ = known;
}

WallTime PrudentClock::now() {
  const WallTime wall = clock_.now();
  const SteadyTime steady = clock_.steady_now();
  believed_ += std::chrono::duration_cast<std::chrono::microseconds>(steady - at_);
  at_ = steady;
  if (is_ahead(wall, believed_) || is_ahead(believed_, wall)) {
    note_jump(wall);
  } else {
    believed_ = wall;
    jump_.reset();
  }
  return std::min(wall, believed_);
}

void PrudentClock::note_jump(WallTime wall) {
  const bool back = wall < believed_;
  if (!jump_ || jump_->back != back) {
    jump_ = {back, at_};
    log::warn(back ? "the clock is behind what is known here: it is believed after a day, until "
                     "then schedules' rules remove nothing"
                   : "the clock is ahead of what is known here: it is believed after a day, until "
                     "then nothing expires by it",
              {{"clock", to_rfc3339(wall)}, {"believed", to_rfc3339(believed_)}});
  }
  if (at_ - jump_->since < kProof) return;
  believed_ = wall;
  jump_.reset();
}

WallTime known_time(storage::BlobStore& store, const storage::Catalog& catalog) {
  const auto remembered = remembered_time(store);
  if (remembered) return *remembered;
  if (remembered.error().code != Code::kNotFound)
    log::warn("the time that was known last cannot be read: the newest object tells it",
              {{"error", remembered.error().text()}});
  return newest_time(catalog);
}

Status remember_time(storage::BlobStore& store, WallTime believed) {
  const std::string text =
      storage::seal_json(R"({"format":1,"time":)" + storage::json_string(to_rfc3339(believed)));
  return storage::put(store, kClockKey, as_bytes(text));
}

}  // namespace gb::jobs
