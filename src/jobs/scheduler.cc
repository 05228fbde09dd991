#include "jobs/scheduler.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "api/text.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wait.h"

namespace gb::jobs {
namespace {

constexpr std::chrono::seconds kSoon{1};
constexpr std::chrono::seconds kLongestDelay{60};
// Clocks of replicas differ a little; more than this is a clock that was set back.
constexpr std::chrono::minutes kClockSkew{1};

std::string text_of(WallSeconds time) {
  return to_rfc3339(time);
}

// Errors that trying again may cure; the others need a person.
bool may_pass(Code code) {
  return code != Code::kForbidden && code != Code::kNotFound && code != Code::kInvalid &&
         code != Code::kUnauthenticated;
}

void set_next(api::Json& status, const Schedule& schedule, WallSeconds now) {
  if (const auto next = schedule.next_after(now))
    status["nextScheduleTime"] = text_of(*next);
  else
    status.erase("nextScheduleTime");
}

std::string runs_text(unsigned missed) {
  return std::string(missed >= 100 ? "100 or more" : std::to_string(missed)) +
         (missed == 1 ? " earlier run was" : " earlier runs were") + " missed";
}

std::string missed_text(unsigned missed) {
  return missed == 0 ? std::string() : "; " + runs_text(missed) + ", too";
}

// Of runs whose place a later one has taken, due at `due`.
std::string superseded_text(const Decision& decision) {
  return runs_text(decision.missed) +
         ": of several that could not begin in time only the last, due at " +
         text_of(decision.due) + ", is made up for";
}

}  // namespace

Scheduler::Scheduler(const Environment& environment, Start start)
    : environment_(environment),
      start_(std::move(start)),
      thread_([this](const std::stop_token& stop) {
        do {
          (void)guarded("a look at the schedules", [this] { look(); });
        } while (sleep_for(stop, environment_.look_every));
      }) {}

void Scheduler::look() {
  const auto now = std::chrono::floor<std::chrono::seconds>(environment_.clock->now());
  // What was planned by a clock that has been set back since is planned anew.
  if (now < last_look_)
    for (auto& [uid, entry] : entries_) entry.wake = {};
  last_look_ = now;
  std::set<std::string> seen;
  for (const api::ObjectPtr& object : environment_.catalog->list(api::kSchedules, "").objects) {
    seen.insert(object->uid());
    if (object->being_deleted()) continue;
    Entry& entry = entries_[object->uid()];
    if (entry.revision != object->revision()) {
      auto schedule = read_schedule(object->dom());
      entry.revision = object->revision();
      entry.wake = {};
      entry.schedule.reset();
      if (schedule)
        entry.schedule = std::move(*schedule);
      else if (!not_understood(object, schedule.error()))
        entry.revision = 0;  // the next look says it
    }
    // The end of a run that is going on is no change of the schedule.
    if (entry.schedule && (now >= entry.wake || !entry.schedule->active.empty()))
      step(object, entry, now);
  }
  std::erase_if(entries_, [&](const auto& entry) { return !seen.contains(entry.first); });
}

bool Scheduler::write(const api::ObjectPtr& object,
                      const std::function<void(api::Json& status)>& change) {
  api::Json dom = object->dom();
  change(dom["status"]);
  const auto written =
      environment_.catalog->update(object->key(), object->revision(), std::move(dom));
  if (!written && written.error().code != Code::kConflict &&
      written.error().code != Code::kNotFound)
    log::debug("the status of a schedule could not be written; it is tried again",
               {{"name", object->key().name}, {"error", written.error().text()}});
  return written.has_value();
}

bool Scheduler::not_understood(const api::ObjectPtr& object, const Error& error) {
  const std::string message = "it cannot be understood, so it does not run: " + error.text();
  if (api::text_member(api::member(object->dom(), "status"), "message") == message) return true;
  const bool written = write(object, [&](api::Json& status) {
    status["phase"] = "Failed";
    status["message"] = message;
    status.erase("nextScheduleTime");
    api::set_condition(status, "Healthy", "False", "NotUnderstood", message,
                       environment_.clock->now());
  });
  if (!written) return false;
  log::error(
      "a schedule cannot be understood, so it does not run",
      {{"namespace", object->key().ns}, {"name", object->key().name}, {"error", error.text()}});
  environment_.event(*object, kube::EventType::kWarning, "NotUnderstood", message);
  return true;
}

void Scheduler::step(const api::ObjectPtr& object, Entry& entry, WallSeconds now) {
  const Schedule& schedule = *entry.schedule;
  // The next second, unless something below knows better.
  entry.wake = now + kSoon;
  if (!schedule.active.empty()) return follow(object, schedule);
  if (schedule.spec.suspend) {
    if (schedule.phase != "Suspended")
      write(object, [](api::Json& status) {
        status["phase"] = "Suspended";
        status["message"] = "spec.suspend is true: no backup is started";
        status.erase("nextScheduleTime");
      });
    else
      entry.wake = WallSeconds::max();
    return;
  }
  if (schedule.phase == "Suspended" || schedule.settled > now + kClockSkew) {
    const bool resumed = schedule.phase == "Suspended";
    write(object, [&](api::Json& status) {
      if (resumed) status["phase"] = "Enabled";
      status["enabledTime"] = text_of(now);
      status["message"] = resumed ? "" : "the clock was set back; runs are counted from now on";
      status["settledTime"] = text_of(now);
      set_next(status, schedule, now);
    });
    return;
  }
  const Decision decision = decide(schedule, failed_at(object, schedule), now);
  switch (decision.what) {
    case Decision::What::kRun:
      return run(object, entry, decision, now);
    case Decision::What::kSkip:
      return skip(object, schedule, decision);
    case Decision::What::kWait:
      entry.wake = decision.wake.value_or(WallSeconds::max());
  }
}

std::optional<WallSeconds> Scheduler::failed_at(const api::ObjectPtr& object,
                                                const Schedule& schedule) const {
  if (schedule.failures == 0 || schedule.last_backup.empty()) return {};
  const auto backup =
      environment_.catalog->get({api::kBackups, object->key().ns, schedule.last_backup});
  if (!backup) return {};
  const api::Json dom = (*backup)->dom();
  if (api::phase_of(dom) != "Failed") return {};
  const auto ended = from_rfc3339(api::text_member(dom.at("status"), "completionTime"));
  if (!ended) return {};
  return std::chrono::ceil<std::chrono::seconds>(*ended);
}

void Scheduler::follow(const api::ObjectPtr& object, const Schedule& schedule) {
  const auto backup = environment_.catalog->get({api::kBackups, object->key().ns, schedule.active});
  const api::Json dom = backup ? (*backup)->dom() : api::Json();
  const std::string phase = backup ? api::phase_of(dom) : "Cancelled";
  if (!api::is_terminal_phase(phase)) return;
  const bool completed = phase == "Completed";
  std::string told = "backup " + schedule.active;
  std::string_view reason = "Cancelled";
  if (completed) {
    told += " completed";
    reason = "Completed";
  } else if (phase == "Failed") {
    told += " failed: " + api::text_member(dom.at("status"), "message");
    reason = "LastRunFailed";
  } else {
    told += backup ? " was cancelled" : " was deleted before it ended";
  }
  const WallTime now = environment_.clock->now();
  const bool written = write(object, [&](api::Json& status) {
    status["active"] = "";
    status["message"] = completed ? "" : told;
    if (completed) {
      status["lastSuccessfulTime"] = api::text_member(dom.at("status"), "completionTime");
      status["consecutiveFailures"] = 0U;
      // One out of turn that succeeded does for the run that had failed.
      if (schedule.active != schedule.last_backup) status["attempt"] = 0U;
      api::set_condition(status, "Healthy", "True", "LastRunCompleted", told, now);
    } else if (phase == "Failed") {
      status["consecutiveFailures"] = schedule.failures + 1;
      api::set_condition(status, "Healthy", "False", "LastRunFailed", told, now);
    }
  });
  if (written)
    environment_.event(*object, completed ? kube::EventType::kNormal : kube::EventType::kWarning,
                       reason, told);
}

std::string Scheduler::choose_name(const api::ObjectKey& key, const Schedule& schedule,
                                   const Decision& decision) const {
  std::string name = name_of_run(schedule.name, decision.due, decision.attempt);
  for (unsigned taken = 1;; ++taken) {
    const auto there = environment_.catalog->get({api::kBackups, key.ns, name});
    // Whose a backup is, its label says, which no user can give it.
    if (!there || schedule_of(**there) == schedule.name) return name;
    name = other_name_of_run(schedule, decision.due, decision.attempt, taken);
  }
}

void Scheduler::run(const api::ObjectPtr& object, Entry& entry, const Decision& decision,
                    WallSeconds now) {
  const Schedule& schedule = *entry.schedule;
  const std::string name = choose_name(object->key(), schedule, decision);
  if (environment_.catalog->get({api::kBackups, object->key().ns, name})) {
    // This run has been: before the clock was set back, or by a replica that saw it first.
    write(object, [&](api::Json& status) {
      status["message"] =
          "the run due at " + text_of(decision.due) + " has been: it is backup " + name;
      status["settledTime"] = text_of(std::max(decision.due, schedule.settled));
      set_next(status, schedule, now);
    });
    return;
  }
  api::Json moved_on = object->dom();
  api::Json& status = moved_on["status"];
  status["phase"] = "Enabled";
  status["message"] = "";
  status["settledTime"] = text_of(std::max(decision.due, schedule.settled));
  status["lastScheduleTime"] = text_of(decision.due);
  status["lastBackup"] = name;
  status["active"] = name;
  status["attempt"] = decision.attempt;
  set_next(status, schedule, now);
  const auto started =
      start_(object, std::move(moved_on), backup_of_run(object->dom(), name, decision.due));
  if (!started) return not_started(object, entry, decision, started.error(), now);
  entry.delay = {};
  const std::string what = decision.attempt > 1
                               ? "backup " + name + " tries the run again that was due at "
                               : "backup " + name + " for the run due at ";
  environment_.event(*object, kube::EventType::kNormal, "Started",
                     what + text_of(decision.due) + missed_text(decision.missed));
  missed(object, decision.missed, superseded_text(decision));
  if (const std::string usual = name_of_run(schedule.name, decision.due, decision.attempt);
      name != usual)
    environment_.event(*object, kube::EventType::kWarning, "NameTaken",
                       "the run due at " + text_of(decision.due) + " is backup " + name +
                           ", because backup " + usual +
                           " is not of this schedule: find out who made it, and delete it if it "
                           "is not needed");
}

void Scheduler::skip(const api::ObjectPtr& object, const Schedule& schedule,
                     const Decision& decision) {
  const std::string message = "the run due at " + text_of(decision.due) +
                              " could not begin within spec.startingDeadline and is skipped" +
                              missed_text(decision.missed);
  const WallTime now = environment_.clock->now();
  const bool written = write(object, [&](api::Json& status) {
    status["settledTime"] = text_of(decision.due);
    status["message"] = message;
    api::set_condition(status, "Healthy", "False", "RunMissed", message, now);
    set_next(status, schedule, std::chrono::floor<std::chrono::seconds>(now));
  });
  if (written) missed(object, decision.missed + 1, message);
}

void Scheduler::missed(const api::ObjectPtr& object, unsigned runs, const std::string& message) {
  if (runs == 0) return;
  environment_.event(*object, kube::EventType::kWarning, "RunMissed", message);
  if (environment_.metrics != nullptr)
    environment_.metrics->count("galera_backup_schedule_missed_runs_total",
                                "Runs that could not begin in time, or before the next one was "
                                "due, and were left out.",
                                {{"namespace", object->key().ns}, {"schedule", object->key().name}},
                                runs);
}

void Scheduler::not_started(const api::ObjectPtr& object, Entry& entry, const Decision& decision,
                            const Error& error, WallSeconds now) {
  const Schedule& schedule = *entry.schedule;
  // The name was taken just now: the next look tells by whom.
  if (error.code == Code::kAlreadyExists) return;
  if (may_pass(error.code)) return wait_for_better(object, entry, decision, error, now);
  const std::string message =
      "the run due at " + text_of(decision.due) + " could not begin: " + error.text();
  const bool written = write(object, [&](api::Json& status) {
    status["phase"] = "Failed";
    status["message"] = message;
    status["settledTime"] = text_of(std::max(decision.due, schedule.settled));
    status["attempt"] = 0U;  // nothing that could be tried again
    status["consecutiveFailures"] = schedule.failures + 1;
    api::set_condition(status, "Healthy", "False", "RunNotStarted", message,
                       environment_.clock->now());
    set_next(status, schedule, now);
  });
  if (!written) return;
  environment_.event(*object, kube::EventType::kWarning, "RunNotStarted", message);
  missed(object, decision.missed, superseded_text(decision));
}

void Scheduler::wait_for_better(const api::ObjectPtr& object, Entry& entry,
                                const Decision& decision, const Error& error, WallSeconds now) {
  entry.delay = std::clamp(entry.delay * 2, kSoon, kLongestDelay);
  entry.wake = now + entry.delay;
  log::warn("a scheduled backup waits",
            {{"schedule", entry.schedule->name}, {"error", error.text()}});
  // Said once for each run: a change of the object has it looked at anew.
  const std::string what = "the run due at " + text_of(decision.due) + " waits: ";
  const api::Json dom = object->dom();
  if (api::text_member(dom.at("status"), "message").starts_with(what)) return;
  const std::string message = what + error.text();
  const bool written = write(object, [&](api::Json& status) {
    status["message"] = message;
    api::set_condition(status, "Healthy", "False", "RunWaits", message, environment_.clock->now());
  });
  if (written) environment_.event(*object, kube::EventType::kWarning, "RunWaits", message);
}

}  // namespace gb::jobs
