#include "galera/donor_guard.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/guarded.h"
#include "base/wait.h"
#include "galera/connection.h"
#include "galera/desync.h"
#include "galera/reader_gate.h"

namespace gb::galera {
namespace {

using namespace std::chrono_literals;

constexpr auto kGuardLook = 250ms;
constexpr unsigned kAloneBeforeDesync = 4;  // one second
constexpr unsigned kCalmBeforeMore = 8;     // two seconds
constexpr unsigned kGrowthBeforeGivingUp = 40;
constexpr unsigned kPausesBeforeGivingUp = 40;
constexpr unsigned kOutsideBeforeGivingUp = 4;   // one second; also of the last of its cluster
constexpr unsigned kAwaitedBeforeGivingUp = 20;  // five seconds
constexpr std::uint64_t kDefaultLimit = 16;

struct Look {
  DonorSight sight;
  std::uint64_t paused_ns = 0;
  std::string state;  // as the node names it: "Synced", "Initialized", …
};

Result<Look> look_at(Connection& connection) {
  GB_TRY_ASSIGN(
      const Rows rows,
      connection.query("SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_local_recv_queue', "
                       "'wsrep_flow_control_sent', 'wsrep_flow_control_paused_ns', "
                       "'wsrep_cluster_status', 'wsrep_cluster_size', "
                       "'wsrep_local_state_comment')"));
  std::map<std::string, std::string> values;
  for (const Row& row : rows.rows) values[row.at(0).value_or("")] = row.at(1).value_or("");
  const auto number = [&](const char* name) {
    return std::strtoull(values[name].c_str(), nullptr, 10);
  };
  return Look{{number("wsrep_local_recv_queue"), number("wsrep_flow_control_sent"),
               values["wsrep_cluster_status"] == "Primary",
               static_cast<int>(number("wsrep_cluster_size")), 0},
              number("wsrep_flow_control_paused_ns"),
              values["wsrep_local_state_comment"]};
}

// Sessions of clients that wait for the lock of a strict dump. Who may not see those of others
// (PROCESS) sees its own only.
std::uint64_t count_waiting(Connection& connection) {
  const auto count = connection.scalar(
      "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER <> 'system user' AND "
      "(STATE LIKE 'Waiting for backup lock%' OR STATE LIKE 'Waiting for global read lock%' OR "
      "STATE LIKE 'Waiting for commit lock%')");
  return count ? std::strtoull(count->value_or("0").c_str(), nullptr, 10) : 0;
}

std::uint64_t read_limit(Connection& connection) {
  auto rows = connection.query("SHOW GLOBAL VARIABLES LIKE 'wsrep_provider_options'");
  if (!rows || rows->rows.empty()) return kDefaultLimit;
  const std::string options = rows->rows[0].at(1).value_or("");
  constexpr std::string_view kKey = "gcs.fc_limit = ";
  const std::size_t at = options.find(kKey);
  if (at == std::string::npos) return kDefaultLimit;
  return std::max<std::uint64_t>(std::strtoull(options.c_str() + at + kKey.size(), nullptr, 10), 1);
}

}  // namespace

GuardPolicy::Action GuardPolicy::look_at_held(const DonorSight& sight) {
  last_ = sight.cluster_size == 1 ? last_ + 1 : 0;
  awaited_ = sight.waiting > 0 ? awaited_ + 1 : 0;
  return last_ >= kOutsideBeforeGivingUp || awaited_ >= kAwaitedBeforeGivingUp ? Action::kNeeded
                                                                               : Action::kNone;
}

GuardPolicy::Action GuardPolicy::look(const DonorSight& sight) {
  // Not at the first look: it may be back in a moment.
  outside_ = sight.primary ? 0 : outside_ + 1;
  if (!sight.primary) return outside_ >= kOutsideBeforeGivingUp ? Action::kLost : Action::kNone;
  if (node_.held && look_at_held(sight) == Action::kNeeded) return Action::kNeeded;
  const bool asked_for_pause = seen_ && sight.flow_control_sent > last_sent_;
  const bool grew = seen_ && sight.receive_queue > last_queue_;
  seen_ = true;
  last_sent_ = sight.flow_control_sent;
  last_queue_ = sight.receive_queue;
  const bool pressure = asked_for_pause || sight.receive_queue * 2 > node_.limit;
  if (!pressure) {
    alone_ = 0;
    growing_ = 0;
    if (++calm_ >= kCalmBeforeMore) pauses_ = 0;
    if (calm_ >= kCalmBeforeMore && allowed_ < threads_) {
      ++allowed_;
      calm_ = 0;
    }
    return Action::kNone;
  }
  calm_ = 0;
  if (allowed_ > 1 && !node_.held) {
    allowed_ = std::max(1U, allowed_ / 2);
    return Action::kNone;
  }
  if (!desynced_) {
    if (++alone_ < kAloneBeforeDesync || !node_.may_desync) return Action::kNone;
    desynced_ = true;
    return Action::kDesync;
  }
  if (desync_failed_ && asked_for_pause && ++pauses_ >= kPausesBeforeGivingUp)
    return Action::kGiveUp;
  growing_ = grew ? growing_ + 1 : 0;
  return sight.receive_queue > node_.hopeless_queue && growing_ >= kGrowthBeforeGivingUp
             ? Action::kGiveUp
             : Action::kNone;
}

struct DonorGuard::State {
  Endpoint endpoint;
  NodeState donor;
  Watch options;
  Narrator narrate;
  std::function<void(Error)> give_up;

  ReaderGate gate{options.threads};
  unsigned allowed = options.threads;
  double paused = 0;
  bool took_out = false;
  std::optional<Error> not_taken_out = {};  // why it could not be taken out of flow control
  std::jthread thread = {};

  void run(const std::stop_token& stop) {
    Status watched = guarded("watching a donor", [&] { watch(stop); });
    if (!watched) give_up(std::move(watched).error());
  }

  void watch(const std::stop_token& stop) {
    std::unique_ptr<Desync> desync;
    std::optional<Connection> connection;
    std::optional<GuardPolicy> policy;
    std::optional<Look> first;
    auto started = std::chrono::steady_clock::now();
    while (true) {
      if (!connection) {
        // Without a watcher the dump goes on: the readers notice by themselves when the donor is
        // gone.
        if (auto opened = Connection::open(endpoint, donor.address, {5s, 10s}, stop))
          connection.emplace(std::move(*opened));
      }
      if (connection) {
        if (!policy)
          policy.emplace(options.threads,
                         GuardPolicy::Node{read_limit(*connection), donor.cluster_size > 1,
                                           options.strict, options.hopeless_queue});
        if (auto look = look_at(*connection)) {
          if (options.strict) look->sight.waiting = count_waiting(*connection);
          if (!first) {
            first = *look;
            started = std::chrono::steady_clock::now();
          }
          const std::chrono::nanoseconds lasted = std::chrono::steady_clock::now() - started;
          if (lasted > 0ns)
            paused = std::clamp(static_cast<double>(look->paused_ns - first->paused_ns) /
                                    static_cast<double>(lasted.count()),
                                0.0, 1.0);
          act(policy->look(look->sight), *policy, *look, desync);
        } else {
          connection.reset();
        }
      }
      if (options.intact)
        if (Status intact = options.intact(); !intact) give_up(std::move(intact).error());
      if (!sleep_for(stop, kGuardLook)) break;
    }
    if (desync) {
      narrate("donor " + donor.address.text() + " catches up with the cluster");
      if (auto status = desync->end(); !status)
        narrate("donor " + donor.address.text() +
                " could not be brought back into the cluster: " + status.error().text());
    }
  }

  void act(GuardPolicy::Action action, GuardPolicy& policy, const Look& look,
           std::unique_ptr<Desync>& desync) {
    const DonorSight& sight = look.sight;
    if (policy.allowed() != allowed) {
      narrate("donor " + donor.address.text() + ": receive queue " +
              std::to_string(sight.receive_queue) + ", reading on " +
              std::to_string(policy.allowed()) + " of " + std::to_string(options.threads) +
              " connections");
      allowed = policy.allowed();
      gate.allow(allowed);
    }
    if (action == GuardPolicy::Action::kDesync) {
      took_out = true;  // also when it fails: its answer may be lost
      auto begun = Desync::begin(endpoint, donor.address, {});
      narrate("donor " + donor.address.text() + " does not keep up: " +
              (begun ? "taken out of flow control until the dump ends"
                     : "and could not be taken out of flow control: " + begun.error().text()));
      if (begun) {
        desync = std::move(*begun);
      } else {
        not_taken_out = std::move(begun).error();
        policy.desync_failed();
      }
    }
    if (action == GuardPolicy::Action::kGiveUp) give_up(why_given_up(sight));
    if (action == GuardPolicy::Action::kNeeded) give_up(why_needed(sight));
    if (action == GuardPolicy::Action::kLost)
      give_up(Error{Code::kUnavailable,
                    "donor " + donor.address.text() +
                        " is not part of its cluster's primary component any more (in state " +
                        look.state + ")",
                    "create the backup again: another node is taken, if the cluster has a quorum",
                    {},
                    nullptr});
  }

  [[nodiscard]] Error why_given_up(const DonorSight& sight) const {
    const std::string quieter = "dump at a quieter time, or with fewer threads";
    if (!not_taken_out || sight.receive_queue > options.hopeless_queue)
      return {Code::kUnavailable,
              "donor " + donor.address.text() + " fell behind its cluster by " +
                  std::to_string(sight.receive_queue) + " write-sets and does not catch up",
              quieter,
              {},
              nullptr};
    return {Code::kUnavailable,
            "donor " + donor.address.text() +
                " goes on making its cluster wait for it (flow control), and could not be taken "
                "out of that",
            (not_taken_out->code == Code::kForbidden
                 ? "GRANT SUPER ON *.* TO the user, which wsrep_desync needs; or "
                 : "") +
                quieter,
            {},
            std::make_shared<const Error>(*not_taken_out)};
  }

  [[nodiscard]] Error why_needed(const DonorSight& sight) const {
    const std::string why = sight.waiting > 0
                                ? std::to_string(sight.waiting) +
                                      (sight.waiting == 1 ? " session of a client waits"
                                                          : " sessions of clients wait") +
                                      " for its lock"
                                : std::string("it is the only node left of its cluster");
    return {
        Code::kUnavailable,
        "donor " + donor.address.text() +
            " was held still for the dump, which applications cannot do without any more: " + why,
        "create the backup again when the cluster is whole: another node is taken",
        {},
        nullptr};
  }
};

DonorGuard::DonorGuard(const Endpoint& endpoint, const NodeState& donor, Watch watch,
                       Narrator narrate, std::function<void(Error)> give_up)
    : state_(new State{endpoint, donor, std::move(watch), std::move(narrate), std::move(give_up)}) {
  if (donor.galera)
    state_->thread =
        std::jthread([s = state_.get()](const std::stop_token& stop) { s->run(stop); });
}

DonorGuard::~DonorGuard() {
  (void)finish();
}

Turns& DonorGuard::turns() {
  return state_->gate;
}

double DonorGuard::finish() {
  if (state_->thread.joinable()) {
    state_->thread.request_stop();
    state_->thread.join();
  }
  return state_->paused;
}

bool DonorGuard::took_out() const {
  return state_->took_out;
}

}  // namespace gb::galera
