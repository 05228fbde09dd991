// Traffic kept away by a gate. The gate alone is not enough: connections that were open before live
// on, some still arrive until every machine has heard that it is shut, and the cluster itself may
// open it again (the operator's script does when a node joins). So both are looked after for as
// long as the restore runs.
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/wait.h"
#include "galera/restore_traffic.h"

namespace gb::galera {
namespace {

using namespace std::chrono_literals;

constexpr ConnectOptions kQuick{5s, 10s};
constexpr auto kGateLook = 500ms;
constexpr int kGateTries = 5;
constexpr auto kGatePause = 1s;

// Puts applications out of one node, again and again over one connection.
class Doorman {
 public:
  Doorman(const Endpoint& endpoint, Address node) : endpoint_(endpoint), node_(std::move(node)) {}

  Result<std::size_t> put_out(const std::stop_token& stop) {
    if (!connection_) {
      GB_TRY_ASSIGN(connection_, Connection::open(endpoint_, node_, kQuick, stop));
    }
    connection_->use_stop(stop);
    auto ended = end_connections(*connection_, endpoint_.user, Whose::kOverNetwork);
    if (!ended) connection_.reset();
    return ended;
  }
  [[nodiscard]] const Address& node() const { return node_; }

 private:
  const Endpoint& endpoint_;
  const Address node_;
  std::optional<Connection> connection_;
};

// Says a trouble once, not twice a second.
class Complaints {
 public:
  explicit Complaints(const Narrator& narrate) : narrate_(narrate) {}
  void say(const std::string& text) {
    if (text != last_) narrate_(text);
    last_ = text;
  }

 private:
  const Narrator& narrate_;
  std::string last_;
};

class GateBlock final : public TrafficBlock {
 public:
  GateBlock(Endpoint endpoint, std::shared_ptr<TrafficGate> gate, Narrator narrate)
      : endpoint_(std::move(endpoint)), gate_(std::move(gate)), narrate_(std::move(narrate)) {
    for (const Address& node : endpoint_.nodes) doormen_.emplace_back(endpoint_, node);
  }
  ~GateBlock() override {
    if (auto ended = give_back(); !ended) narrate_(ended.error().text());
  }
  GateBlock(const GateBlock&) = delete;
  GateBlock& operator=(const GateBlock&) = delete;

  // A node that is not among `there` and comes back later is looked after from then on.
  Status begin(const std::vector<Address>& there, std::stop_token stop) override {
    if (auto begun = shut(there, stop); !begun)
      return wrap("cannot keep applications away", std::move(begun).error());
    return {};
  }

  Status end() override { return give_back(); }

 private:
  Status shut(const std::vector<Address>& there, const std::stop_token& stop) {
    GB_TRY(gate_->shut(stop));
    for (Doorman& doorman : doormen_) {
      if (std::find(there.begin(), there.end(), doorman.node()) == there.end()) continue;
      if (auto ended = doorman.put_out(stop); !ended)
        return wrap("connections to " + doorman.node().text() + " cannot be ended",
                    std::move(ended).error());
    }
    narrate_("applications are kept away until the restore ends");
    gate_keeper_ = std::jthread([this](const std::stop_token& token) { keep_gate(token); });
    // Not the same thread: a node that hangs must not hold up the gate.
    inside_keeper_ = std::jthread([this](const std::stop_token& token) { keep_inside(token); });
    return {};
  }

  void keep_gate(const std::stop_token& stop) {
    Complaints complaints(narrate_);
    while (sleep_for(stop, kGateLook)) {
      const auto opened = gate_->keep_shut(stop);
      if (stop.stop_requested()) return;
      if (!opened)
        complaints.say("it cannot be seen whether applications are still kept away: " +
                       opened.error().text());
      else if (*opened)
        narrate_("the cluster let applications in again: they are kept away again");
    }
  }

  void keep_inside(const std::stop_token& stop) {
    Complaints complaints(narrate_);
    while (sleep_for(stop, kGateLook))
      for (Doorman& doorman : doormen_) {
        const auto ended = doorman.put_out(stop);
        if (stop.stop_requested()) return;
        const std::string node = doorman.node().text();
        if (!ended)
          complaints.say("connections to " + node + " cannot be ended: " + ended.error().text());
        else if (*ended > 0)
          narrate_("ended " + std::to_string(*ended) + " connections of applications to " + node);
      }
  }

  Status give_back() {
    for (std::jthread* keeper : {&gate_keeper_, &inside_keeper_}) keeper->request_stop();
    for (std::jthread* keeper : {&gate_keeper_, &inside_keeper_})
      if (keeper->joinable()) keeper->join();
    if (std::exchange(given_back_, true)) return {};
    Status done;
    for (int i = 0; i < kGateTries; ++i) {
      done = gate_->open();
      if (done) break;
      (void)sleep_for({}, kGatePause);
    }
    if (done) narrate_("applications are let in again");
    return done;
  }

  const Endpoint endpoint_;
  const std::shared_ptr<TrafficGate> gate_;
  const Narrator narrate_;
  std::vector<Doorman> doormen_;
  bool given_back_ = false;
  std::jthread gate_keeper_;
  std::jthread inside_keeper_;
};

}  // namespace

std::unique_ptr<TrafficBlock> make_gate_block(Endpoint endpoint, std::shared_ptr<TrafficGate> gate,
                                              Narrator narrate) {
  return std::make_unique<GateBlock>(std::move(endpoint), std::move(gate), std::move(narrate));
}

}  // namespace gb::galera
