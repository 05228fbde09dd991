#include "galera/left_dumps.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".sql.gz";
constexpr std::string_view kUnfinished = ".tmp";
constexpr std::string_view kDump = "_backup_";
constexpr std::string_view kGrants = "_backup-grants_";
constexpr std::string_view kNewerWord = "openstack";

constexpr std::string_view kLastLine = "-- Dump completed";
constexpr std::string_view kVersionLine = "-- Server version";
constexpr std::size_t kHead = 8192;  // the comments that a dump begins with are a tenth of it
constexpr std::size_t kTail = 512;
constexpr std::size_t kReadPiece = std::size_t{256} << 10;

struct Name {
  std::string word;
  std::string stamp;
};

std::optional<Name> parse_name(std::string_view file, std::string_view middle) {
  if (!file.ends_with(kEnding)) return std::nullopt;
  file.remove_suffix(kEnding.size());
  // An instance's name has no underscore in it, so the first one ends it.
  const std::size_t at = file.find(middle);
  if (at == std::string_view::npos || at == 0 || at != file.find('_')) return std::nullopt;
  Name name{std::string(file.substr(0, at)), std::string(file.substr(at + middle.size()))};
  if (name.stamp.empty()) return std::nullopt;
  return name;
}

std::optional<WallTime> make_time(int year, int month, int day, int hour, int minute, int second) {
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second);
}

bool all_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

int number(std::string_view text) {
  int value = 0;
  for (const char c : text) value = value * 10 + (c - '0');
  return value;
}

// "-- Dump completed on 2026-11-20  2:00:07": the hour has no leading zero.
std::optional<WallTime> time_of_last_line(std::string_view line) {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  const std::string text(line.substr(kLastLine.size()));
  // NOLINTNEXTLINE(cert-err34-c): what does not fit is refused by make_time
  if (std::sscanf(text.c_str(), " on %4d-%2d-%2d %2d:%2d:%2d", &year, &month, &day, &hour, &minute,
                  &second) != 6)
    return std::nullopt;
  return make_time(year, month, day, hour, minute, second);
}

std::string server_version_in(std::string_view head) {
  std::size_t at = head.find(kVersionLine);
  if (at == std::string_view::npos) return {};
  at += kVersionLine.size();
  return std::string(trim(head.substr(at, head.find('\n', at) - at)));
}

std::string_view last_line(std::string_view tail) {
  const std::string_view text = trim(tail);
  const std::size_t at = text.rfind('\n');
  return at == std::string_view::npos ? text : text.substr(at + 1);
}

Status stopped() {
  return fail(Code::kCancelled, "interrupted");
}

}  // namespace

bool word_says_nothing(std::string_view word) {
  return word == kNewerWord;
}

std::optional<WallTime> time_of_stamp(std::string_view stamp) {
  constexpr std::string_view kShape = "0000-00-00_00-00-00";
  if (stamp.size() != kShape.size()) return std::nullopt;
  for (std::size_t i = 0; i < kShape.size(); ++i)
    if (kShape[i] == '0' ? !all_digits(stamp.substr(i, 1)) : stamp[i] != kShape[i])
      return std::nullopt;
  return make_time(number(stamp.substr(0, 4)), number(stamp.substr(5, 2)),
                   number(stamp.substr(8, 2)), number(stamp.substr(11, 2)),
                   number(stamp.substr(14, 2)), number(stamp.substr(17, 2)));
}

Result<LeftDumps> find_left_dumps(const std::string& folder) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory)
    return fail(Code::kNotFound, "there is no folder " + folder,
                "name the folder that the volume's files are in: OSK's job writes into backup/data "
                "of its volume");
  if (error)
    return fail(Code::kInvalid, "the folder " + folder + " cannot be read: " + error.message(),
                "read it as a user who may; OSK's job writes as its own user");
  LeftDumps found;
  std::vector<std::pair<std::string, std::string>> grants;  // file, path
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const fs::directory_entry& entry = *entries;
    const std::string file = entry.path().filename().string();
    std::error_code ignored;
    if (!entry.is_regular_file(ignored)) continue;
    if (file.ends_with(kUnfinished)) {
      const std::string_view whole =
          std::string_view(file).substr(0, file.size() - kUnfinished.size());
      if (parse_name(whole, kDump) || parse_name(whole, kGrants)) found.unfinished.push_back(file);
    } else if (auto name = parse_name(file, kDump)) {
      LeftDump dump;
      dump.file = file;
      dump.path = entry.path().string();
      dump.word = std::move(name->word);
      dump.stamp = std::move(name->stamp);
      dump.time = time_of_stamp(dump.stamp);
      const std::uintmax_t bytes = entry.file_size(ignored);
      dump.bytes = ignored ? 0 : bytes;
      found.dumps.push_back(std::move(dump));
    } else if (parse_name(file, kGrants)) {
      grants.emplace_back(file, entry.path().string());
    }
  }
  if (error)
    return fail(Code::kInvalid, "the folder " + folder + " cannot be read: " + error.message());
  for (const auto& [file, path] : grants) {
    const Name name = *parse_name(file, kGrants);
    const auto dump = std::ranges::find_if(found.dumps, [&](const LeftDump& d) {
      return d.word == name.word && d.stamp == name.stamp;
    });
    if (dump == found.dumps.end())
      found.lone_grants.push_back(file);
    else
      dump->grants_path = path;
  }
  std::ranges::sort(found.dumps, {}, [](const LeftDump& d) { return std::tie(d.time, d.file); });
  std::ranges::sort(found.unfinished);
  std::ranges::sort(found.lone_grants);
  return found;
}

Result<DumpFacts> check_dump(const std::string& path, const GzipFile::Tap& tap,
                             const std::stop_token& stop) {
  GB_TRY_ASSIGN(GzipFile file, GzipFile::open(path, tap));
  DumpFacts facts;
  std::string head;
  std::string tail;
  std::vector<char> piece(kReadPiece);
  while (true) {
    if (stop.stop_requested()) return fail(stopped().error());
    GB_TRY_ASSIGN(const std::size_t got, file.read(piece));
    if (got == 0) break;
    facts.sql_bytes += got;
    if (head.size() < kHead) head.append(piece.data(), std::min(got, kHead - head.size()));
    const std::size_t keep = std::min(got, kTail);
    tail.append(piece.data() + (got - keep), keep);
    if (tail.size() > kTail) tail.erase(0, tail.size() - kTail);
  }
  if (facts.sql_bytes == 0)
    return fail(Code::kCorruption,
                "it holds nothing: its job found no schema to dump, or could not look for any");
  const std::string_view last = last_line(tail);
  if (!last.starts_with(kLastLine))
    return fail(Code::kCorruption,
                "its gzip data is whole, but the dump in it is not: mariadb-dump's last line (" +
                    std::string(kLastLine) + ") is not there");
  facts.server_version = server_version_in(head);
  facts.ended = time_of_last_line(last);
  return facts;
}

Status check_grants(const std::string& path, const std::stop_token& stop) {
  GB_TRY_ASSIGN(GzipFile file, GzipFile::open(path));
  const SqlScript::Reader read = text_of(std::move(file));
  std::string line;
  std::uint64_t lines = 0;
  std::vector<char> piece(kReadPiece);
  const auto whole = [&] {
    const std::string_view text = trim(line);
    return text.empty() || (text.ends_with(";") &&
                            (text.starts_with("GRANT ") || text.starts_with("SET DEFAULT ROLE ")));
  };
  const auto bad = [&] {
    return fail(Code::kCorruption,
                "line " + std::to_string(lines + 1) + " of it is not a whole GRANT statement");
  };
  while (true) {
    if (stop.stop_requested()) return stopped();
    GB_TRY_ASSIGN(const std::size_t got, read(piece));
    if (got == 0) break;
    std::string_view rest(piece.data(), got);
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      line += rest.substr(0, end);
      if (!whole()) return bad();
      line.clear();
      ++lines;
      rest.remove_prefix(end + 1);
    }
    line += rest;
  }
  if (!whole()) return bad();
  return {};
}

Result<std::optional<std::string>> make_missing_definer(Connection& connection, unsigned number,
                                                        const std::string& refusal) {
  constexpr unsigned kNoSuchUser = 1449;  // ER_NO_SUCH_USER: "… definer ('root'@'%') does …"
  const std::size_t begin = refusal.find("('");
  const std::size_t middle = refusal.rfind("'@'");
  const std::size_t end = refusal.rfind("')");
  if (number != kNoSuchUser || begin == std::string::npos || middle == std::string::npos ||
      end == std::string::npos || begin + 2 > middle || middle + 3 > end)
    return std::optional<std::string>();
  const std::string account = quote_text(refusal.substr(begin + 2, middle - begin - 2)) + "@" +
                              quote_text(refusal.substr(middle + 3, end - middle - 3));
  GB_TRY(connection.exec("CREATE USER IF NOT EXISTS " + account + " ACCOUNT LOCK"));
  GB_TRY(connection.exec("GRANT ALL PRIVILEGES ON *.* TO " + account));
  return std::optional<std::string>(account);
}

SqlScript::Reader text_of(GzipFile file) {
  return [file = std::make_shared<GzipFile>(std::move(file))](std::span<char> into) {
    return file->read(into);
  };
}

SqlScript::Reader grants_text_of(GzipFile file) {
  struct State {
    GzipFile file;
    bool escape = false;  // a backslash was the last byte
  };
  return [state = std::make_shared<State>(std::move(file))](
             std::span<char> into) -> Result<std::size_t> {
    while (true) {
      GB_TRY_ASSIGN(const std::size_t got, state->file.read(into));
      if (got == 0) return 0;
      // Never more bytes than there were: they are written over those that were read.
      std::size_t out = 0;
      for (std::size_t i = 0; i < got; ++i) {
        const char c = into[i];
        if (!std::exchange(state->escape, false)) {
          if (c == '\\')
            state->escape = true;
          else
            into[out++] = c;
        } else if (c == 'n' || c == 't' || c == '0') {
          into[out++] = c == 'n' ? '\n' : c == 't' ? '\t' : '\0';
        } else {
          into[out++] = c;
        }
      }
      if (out > 0) return out;
    }
  };
}

}  // namespace gb::galera
