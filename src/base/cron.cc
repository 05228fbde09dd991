#include "base/cron.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <vector>

#include "base/text.h"

namespace gb {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::sys_days;
using std::chrono::weekday;
using std::chrono::year_month_day;

// Longer than any cron expression sleeps: 29 February is 8 years away around a century, and needs
// as much as 40 when it must be a certain day of the week.
constexpr std::chrono::years kHorizon{48};

constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays{"sun", "mon", "tue", "wed",
                                                    "thu", "fri", "sat"};

struct Field {
  std::string_view name;
  unsigned least;
  unsigned most;
  std::span<const std::string_view> names;  // the first is `least`
};

constexpr std::array<Field, 5> kFields{{{"minute", 0, 59, {}},
                                        {"hour", 0, 23, {}},
                                        {"day of month", 1, 31, {}},
                                        {"month", 1, 12, kMonths},
                                        {"day of week", 0, 6, kWeekdays}}};

struct Macro {
  std::string_view name;
  std::string_view meaning;
};
constexpr std::array<Macro, 7> kMacros{{{"@yearly", "0 0 1 1 *"},
                                        {"@annually", "0 0 1 1 *"},
                                        {"@monthly", "0 0 1 * *"},
                                        {"@weekly", "0 0 * * 0"},
                                        {"@daily", "0 0 * * *"},
                                        {"@midnight", "0 0 * * *"},
                                        {"@hourly", "0 * * * *"}}};

tl::unexpected<Error> wrong(const Field& field, std::string_view text, const std::string& why) {
  return fail(Code::kInvalid, std::string(field.name) + " \"" + std::string(text) + "\": " + why);
}

Result<unsigned> parse_number(const Field& field, std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size()) return value;
  return wrong(field, text, "is not a number");
}

Result<unsigned> parse_value(const Field& field, std::string_view text) {
  const auto named = std::ranges::find(field.names, to_lower(text));
  if (named != field.names.end())
    return field.least + static_cast<unsigned>(named - field.names.begin());
  GB_TRY_ASSIGN(const unsigned value, parse_number(field, text));
  if (value < field.least || value > field.most) {
    std::string why =
        "must be from " + std::to_string(field.least) + " to " + std::to_string(field.most);
    if (field.names.size() == 7 && value == 7) why += "; Sunday is 0";
    return wrong(field, text, why);
  }
  return value;
}

struct Values {
  std::bitset<60> bits;
  bool star = false;
};

// "*", "5", "1-5", each with "/step"; "5/10" is from 5 on.
Status add_part(const Field& field, std::string_view part, Values& values) {
  const std::vector<std::string> stepped = split(part, '/');
  const std::vector<std::string> range = split(stepped[0], '-');
  if (stepped.size() > 2 || range.size() > 2)
    return wrong(field, part, "is not a value, a range or a step, such as 5, 1-5 or */10");
  unsigned first = field.least;
  unsigned last = field.most;
  const bool star = stepped[0] == "*" || stepped[0] == "?";
  if (!star) {
    GB_TRY_ASSIGN(first, parse_value(field, range[0]));
    last = first;
    if (range.size() == 2) {
      GB_TRY_ASSIGN(last, parse_value(field, range[1]));
    } else if (stepped.size() == 2) {
      last = field.most;
    }
  }
  if (first > last) return wrong(field, part, "the range ends before it begins");
  unsigned step = 1;
  if (stepped.size() == 2) {
    GB_TRY_ASSIGN(step, parse_number(field, stepped[1]));
    if (step == 0) return wrong(field, part, "the step must be 1 or more");
  }
  values.star = values.star || (star && step == 1);
  for (unsigned value = first; value <= last; value += std::min(step, last - value + 1))
    values.bits.set(value);
  return {};
}

Result<Values> parse_field(const Field& field, std::string_view text) {
  Values values;
  for (const std::string& part : split(text, ',')) GB_TRY(add_part(field, part, values));
  return values;
}

template <std::size_t N>
std::bitset<N> narrow(const std::bitset<60>& bits) {
  std::bitset<N> result;
  for (std::size_t i = 0; i < N; ++i) result[i] = bits[i];
  return result;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (c == ' ' || c == '\t') {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

}  // namespace

Result<Cron> Cron::parse(std::string_view text) {
  if (text.starts_with("TZ=") || text.starts_with("CRON_TZ="))
    return fail(Code::kInvalid, "the time zone does not stand in the schedule",
                "use the field timeZone");
  if (text.starts_with("@")) {
    const auto macro = std::ranges::find(kMacros, text, &Macro::name);
    if (macro == kMacros.end())
      return fail(Code::kInvalid, "\"" + std::string(text) + "\" is not known",
                  "use @yearly, @monthly, @weekly, @daily, @hourly, or five fields");
    return parse(macro->meaning);
  }
  const std::vector<std::string> words = words_of(text);
  if (words.size() != kFields.size())
    return fail(Code::kInvalid,
                "a schedule has 5 fields (minute, hour, day of month, month, day of week), this "
                "one has " +
                    std::to_string(words.size()),
                "for every day at 2 o'clock, for example, write \"0 2 * * *\"");
  std::array<Values, kFields.size()> parsed;
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    GB_TRY_ASSIGN(parsed[i], parse_field(kFields[i], words[i]));
  }
  Cron cron;
  cron.minutes_ = parsed[0].bits;
  cron.hours_ = narrow<24>(parsed[1].bits);
  cron.days_ = narrow<32>(parsed[2].bits);
  cron.months_ = narrow<13>(parsed[3].bits);
  cron.weekdays_ = narrow<7>(parsed[4].bits);
  cron.any_day_ = parsed[2].star;
  cron.any_weekday_ = parsed[4].star;
  if (!cron.next(sys_days{std::chrono::January / 1 / 2000}, TimeZone()))
    return fail(Code::kInvalid, "no date matches: \"" + std::string(text) + "\"",
                "the months that it names have fewer days");
  return cron;
}

bool Cron::matches_day(year_month_day day, weekday weekday) const {
  const bool by_day = days_[static_cast<unsigned>(day.day())];
  const bool by_weekday = weekdays_[weekday.c_encoding()];
  return any_day_ || any_weekday_ ? by_day && by_weekday : by_day || by_weekday;
}

std::optional<WallSeconds> Cron::match(WallSeconds local, WallSeconds end) const {
  auto minute = std::chrono::ceil<minutes>(local);
  while (minute < end) {
    const auto day = std::chrono::floor<days>(minute);
    const year_month_day date(day);
    if (!months_[static_cast<unsigned>(date.month())]) {
      const auto month =
          std::chrono::year_month(date.year(), date.month()) + std::chrono::months{1};
      minute = sys_days(month / 1);
      continue;
    }
    const auto hour = std::chrono::floor<hours>(minute);
    if (!matches_day(date, weekday(day))) {
      minute = day + days{1};
    } else if (!hours_[static_cast<std::size_t>((hour - day).count())]) {
      minute = hour + hours{1};
    } else if (!minutes_[static_cast<std::size_t>((minute - hour).count())]) {
      minute += minutes{1};
    } else {
      return minute;
    }
  }
  return {};
}

std::optional<WallSeconds> Cron::next(WallSeconds time, const TimeZone& zone) const {
  auto from = std::chrono::floor<minutes>(time) + minutes{1};
  const auto horizon = from + std::chrono::duration_cast<minutes>(kHorizon);
  while (from < horizon) {
    const TimeZone::Period period = zone.period_at(from);
    const WallSeconds end = std::min<WallSeconds>(period.end, horizon);
    if (const auto local = match(from + period.offset, end + period.offset))
      return *local - period.offset;
    from = std::chrono::ceil<minutes>(end);
  }
  return {};
}

std::optional<WallSeconds> Cron::last(WallSeconds time, WallSeconds earliest,
                                      const TimeZone& zone) const {
  // Looks back further and further: a window that held nothing was half of this one.
  for (auto window = std::chrono::seconds(hours{1});; window *= 2) {
    const WallSeconds begin = std::max(earliest, time - window);
    std::optional<WallSeconds> found;
    for (auto due = next(begin - std::chrono::seconds{1}, zone); due && *due <= time;
         due = next(*due, zone))
      found = due;
    if (found || begin == earliest) return found;
  }
}

}  // namespace gb
