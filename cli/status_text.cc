#include "cli/status_text.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>

#include "api/text.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/status_report.h"
#include "jobs/facts.h"

namespace gb::cli {
namespace {

using api::Json;
using std::chrono::seconds;

// More are told by their number: it is to stay one screen.
constexpr std::size_t kMostProblems = 8;
constexpr std::size_t kMessageWidth = 160;

std::string ago(const Json& report, const Json& entry, const char* field) {
  const auto now = from_rfc3339(api::text_member(report, "time"));
  const auto then = from_rfc3339(api::text_member(entry, field));
  if (!now || !then) return "";
  const auto passed = std::chrono::floor<seconds>(*now - *then);
  return passed >= seconds(0) ? human_duration(passed) + " ago" : "in " + human_duration(-passed);
}

std::string size_of(const Json& bytes) {
  return bytes.is_number() ? to_quantity(bytes.get<std::uint64_t>()) : "-";
}

class Screen {
 public:
  explicit Screen(const Json& report)
      : report_(report), all_(api::text_member(report, "namespace").empty()) {}

  std::string text() {
    headline();
    problems();
    instances();
    running();
    stores();
    for (const std::string& note : notes_) text_ += "\n" + note + "\n";
    return text_;
  }

 private:
  // The name of something, with its namespace where several are shown.
  [[nodiscard]] std::string named(const Json& entry, const std::string& name) const {
    const std::string ns = api::text_member(entry, "namespace");
    return all_ && !ns.empty() ? ns + " " + name : name;
  }

  void table(Row header, std::vector<Row> rows, const std::vector<Json>& entries) {
    if (all_) {
      header.insert(header.begin(), "NAMESPACE");
      for (std::size_t i = 0; i < rows.size(); ++i)
        rows[i].insert(rows[i].begin(), api::text_member(entries[i], "namespace"));
    }
    text_ += "\n" + table_text(header, rows);
  }

  void headline() {
    const std::size_t count = report_["problems"].size();
    text_ = (all_ ? "All namespaces" : "Namespace " + api::text_member(report_, "namespace")) +
            " at " + api::text_member(report_, "time") + ": ";
    if (count > 0)
      text_ += std::to_string(count) + (count == 1 ? " problem" : " problems");
    else if (report_["instances"].empty())
      text_ += "there is no instance, and no backup";
    else
      text_ += "all is well";
    text_ += "\n";
  }

  void problems() {
    const Json& list = report_["problems"];
    if (!list.empty()) text_ += "\n";
    for (std::size_t i = 0; i < std::min(list.size(), kMostProblems); ++i) {
      const Json& one = list[i];
      const std::string since = ago(report_, one, "since");
      std::string message = api::text_member(one, "message");
      if (api::count_runes(message) > kMessageWidth)
        message = api::cut_runes(message, kMessageWidth - 1) + "…";
      text_ += "  ! " + named(one, api::text_member(one, "about")) +
               (since.empty() ? "" : " (" + since + ")") + ": " + printable(message) + "\n";
      if (const std::string hint = api::text_member(one, "hint"); !hint.empty())
        text_ += "    → " + printable(hint) + "\n";
    }
    if (list.size() > kMostProblems)
      text_ += "  … and " + std::to_string(list.size() - kMostProblems) +
               " more; -o yaml shows them all\n";
  }

  void instances() {
    std::vector<Row> rows;
    std::vector<Json> entries;
    for (const Json& one : report_["instances"]) {
      const Json& backup = api::member(one, "lastGoodBackup");
      entries.push_back(one);
      rows.push_back({api::text_member(one, "name"), backup_cell(backup),
                      backup.is_null() ? "-" : human_duration(seconds(backup["ageSeconds"])),
                      backup.is_null() ? "-" : (backup["verified"].get<bool>() ? "yes" : "NO"),
                      backup.is_null() ? "-" : size_of(backup["bytes"]), restore_cell(one),
                      next_cell(api::member(one, "nextBackup"))});
    }
    if (rows.empty()) return;
    table(
        {"INSTANCE", "LAST GOOD BACKUP", "AGE", "VERIFIED", "SIZE", "RESTORE TAKES", "NEXT BACKUP"},
        std::move(rows), entries);
  }

  static std::string backup_cell(const Json& backup) {
    if (backup.is_null()) return "NONE";
    return api::text_member(backup, "name") + (backup["partial"].get<bool>() ? " (a part)" : "");
  }

  std::string restore_cell(const Json& instance) {
    if (!instance.contains("restoreSeconds")) return "-";
    std::string time = "~" + human_duration(seconds(instance["restoreSeconds"]));
    if (const std::string from = api::text_member(instance["restoreEstimate"], "from");
        !from.empty()) {
      notes_.insert("~ is an estimate, from how long the last restore took.");
      return time;
    }
    notes_.insert("~? is a guess: nothing was restored there yet; a restore takes about " +
                  std::to_string(jobs::facts::kRestoreToBackup) +
                  " times as long as the backup did.");
    return time + "?";
  }

  std::string next_cell(const Json& next) {
    if (next.is_null()) return "not scheduled";
    const std::string schedule = " (" + api::text_member(next, "schedule") + ")";
    if (next["suspended"].get<bool>()) return "SUSPENDED" + schedule;
    const std::string when = ago(report_, next, "time");
    return (when.empty() ? "?" : when.starts_with("in ") ? when : "due") + schedule;
  }

  void running() {
    std::vector<Row> rows;
    std::vector<Json> entries;
    for (const Json& one : report_["running"]) {
      entries.push_back(one);
      std::vector<std::string> instances = one["instances"];
      rows.push_back({api::text_member(one, "object"), join(instances, ","),
                      api::text_member(one, "phase"), progress_cell(one),
                      one.contains("seconds") ? human_duration(seconds(one["seconds"])) : "-"});
    }
    if (!rows.empty())
      table({"RUNNING", "INSTANCES", "PHASE", "PROGRESS", "SINCE"}, std::move(rows), entries);
  }

  static std::string progress_cell(const Json& job) {
    if (job.contains("percent")) return std::to_string(job["percent"].get<std::uint64_t>()) + "%";
    if (!job.contains("lagSeconds")) return "nothing yet";
    return human_duration(seconds(job["lagSeconds"])) + " behind";
  }

  void stores() {
    const Json& list = report_["stores"];
    if (list.is_null()) {
      notes_.insert(
          "The stores are not yours to see: ask for the ClusterRole "
          "backup.rhoso.io:store-viewer.");
      return;
    }
    std::vector<Row> rows;
    for (const Json& one : list)
      rows.push_back({api::text_member(one, "name"), api::text_member(one, "phase"),
                      std::to_string(one["backups"].get<std::uint64_t>()),
                      size_of(one["storedBytes"]), size_of(one["freeBytes"])});
    if (!rows.empty())
      text_ += "\n" + table_text({"STORE", "PHASE", "BACKUPS", "SIZE", "FREE"}, rows);
  }

  const Json& report_;
  const bool all_;
  std::string text_;
  std::set<std::string> notes_;
};

}  // namespace

std::string status_text(const Json& report) {
  return Screen(report).text();
}

}  // namespace gb::cli
