#include "base/time_zone.h"

#include <date/tz.h>

#include <exception>

namespace gb {

Result<TimeZone> TimeZone::find(std::string_view name) {
  TimeZone zone;
  if (name == "UTC") return zone;
  try {
    zone.zone_ = date::locate_zone(name);
  } catch (const std::exception&) {
    return fail(Code::kInvalid, "there is no time zone \"" + std::string(name) + "\"",
                "use a name of the tz database, such as UTC or Europe/Prague");
  }
  return zone;
}

TimeZone::Period TimeZone::period_at(WallSeconds time) const {
  if (zone_ == nullptr) return {WallSeconds::min(), WallSeconds::max(), std::chrono::seconds{0}};
  const date::sys_info info = zone_->get_info(time);
  return {info.begin, info.end, info.offset};
}

}  // namespace gb
