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
    : clock_(clock), time_(clock.now()), at_(clock.steady_now()) {
  // One that is farther ahead is granted nothing: a server that begins again and again would follow
  // it step by step.
  if (known != WallTime{} && time_ > known + kIdle) time_ = known;
}

WallTime PrudentClock::now() {
  const WallTime wall = clock_.now();
  const SteadyTime steady = clock_.steady_now();
  time_ += std::chrono::duration_cast<std::chrono::microseconds>(steady - at_);
  at_ = steady;
  if (!is_ahead(wall, time_)) {
    time_ = wall;
    ahead_since_.reset();
    return time_;
  }
  if (!ahead_since_) {
    ahead_since_ = steady;
    log::warn(
        "the clock is ahead of what is known here: it is believed after a day, until then "
        "nothing expires by it",
        {{"clock", to_rfc3339(wall)}, {"believed", to_rfc3339(time_)}});
  }
  if (steady - *ahead_since_ >= kProof) {
    time_ = wall;
    ahead_since_.reset();
  }
  return time_;
}

WallTime known_time(storage::BlobStore& store, const storage::Catalog& catalog) {
  const auto remembered = remembered_time(store);
  if (remembered) return *remembered;
  if (remembered.error().code != Code::kNotFound)
    log::warn("the time that was known last can not be read: the newest object tells it",
              {{"error", remembered.error().text()}});
  return newest_time(catalog);
}

Status remember_time(storage::BlobStore& store, WallTime believed) {
  const std::string text =
      storage::seal_json(R"({"format":1,"time":)" + storage::json_string(to_rfc3339(believed)));
  return storage::put(store, kClockKey, as_bytes(text));
}

}  // namespace gb::jobs
