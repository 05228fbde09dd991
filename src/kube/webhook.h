// Warnings told to an HTTPS receiver of the administrator's choice, as CloudEvents 1.0 (structured
// JSON), signed as https://www.standardwebhooks.com has it: headers webhook-id, webhook-timestamp
// and webhook-signature, "v1," and the base64 of HMAC-SHA256 over "id.timestamp.body".
//
// What is sent is what the Event says: no credential, no configuration, no row of a database.
// A message that was not taken is sent again, with the same id, later and later; the queue is in
// memory: what the receiver did not take before the server ended is lost, and the log says so.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/rng.h"
#include "base/watched_file.h"
#include "http/client.h"
#include "kube/access.h"

namespace gb::kube {

struct WebhookConfig {
  std::string url;
  std::string ca_file;      // empty: the system's authorities
  std::string secret_file;  // its first line is the key
  // Reasons of Events.
  std::set<std::string> events = {"Failed",        "NotUnderstood",      "RunMissed",
                                  "RunNotStarted", "TrafficLeftBlocked", "VerificationFailed"};
  std::set<std::string> namespaces;  // empty: all
};

// Where a webhook goes, taken apart.
struct WebhookTarget {
  std::string host;
  std::uint16_t port = 443;
  std::string path = "/";  // with its query
  // Without the path, which is a secret with some receivers.
  [[nodiscard]] std::string receiver() const;
};

// Invalid: not https, no host, a user or fragment in it, characters that no URL has. The error does
// not repeat the URL.
Result<WebhookTarget> parse_webhook_url(std::string_view url);

// The key of a secret file: its first line, base64 of 24 to 64 bytes, "whsec_" before it or not.
// Invalid says how to make one.
Result<std::string> parse_webhook_secret(std::string_view text);

class WebhookRecorder final : public EventRecorder {
 public:
  struct Options {
    std::size_t max_queued = 1000;  // more are dropped
    std::chrono::milliseconds first_retry{1000};
    std::chrono::milliseconds longest_retry{300000};
    std::chrono::milliseconds give_up{std::chrono::hours(24)};  // after the event
    std::chrono::milliseconds timeout{10000};                   // of one try
    std::chrono::milliseconds flush{3000};  // what the destructor waits for the queue
  };

  // `next` hears every event first; it and all that is referred to outlive this. `source` is that
  // of the CloudEvents: which server speaks. Invalid: the URL; the files are read when something is
  // sent, and again when they change.
  static Result<std::unique_ptr<WebhookRecorder>> make(WebhookConfig config, std::string source,
                                                       EventRecorder& next, const Clock& clock,
                                                       Rng& rng, metrics::Registry& metrics,
                                                       Options options);
  // Tries once more, quickly, what waits; the rest is counted and logged as lost.
  ~WebhookRecorder() override;

  // Thread safety: from any thread; never waits for the receiver.
  void record(const api::Object& about, EventType type, std::string_view reason,
              std::string_view message) override;

 private:
  using Steady = std::chrono::steady_clock;
  struct Message {
    std::string id;
    std::string subject;  // for the log, too
    std::string reason;
    std::string body;
    Steady::time_point since;
    Steady::time_point next_try;
    std::chrono::milliseconds retry;
  };
  // What became of a try: taken, to be tried again, or never to be taken.
  enum class Outcome { kTaken, kAgain, kRefused };
  struct Tried {
    Outcome outcome = Outcome::kAgain;
    std::string why;
    std::chrono::milliseconds not_before{0};  // as the receiver asks
  };

  WebhookRecorder(WebhookConfig config, WebhookTarget target, std::string source,
                  EventRecorder& next, const Clock& clock, Rng& rng, metrics::Registry& metrics,
                  Options options);

  [[nodiscard]] Message message_of(const api::Object& about, std::string_view reason,
                                   std::string_view message) const;
  void run(std::stop_token stop);
  Tried send(const Message& message, const std::stop_token& stop);
  void settle(Message message, const Tried& tried);
  void drop(const Message& message, const std::string& why);
  void count(const char* result, double by = 1) const;
  // The client, made anew when the authorities have changed.
  Result<std::shared_ptr<http::Client>> client();

  const WebhookConfig config_;
  const WebhookTarget target_;
  const std::string source_;
  EventRecorder& next_;
  const Clock& clock_;
  Rng& rng_;
  metrics::Registry& metrics_;
  const Options options_;
  // The thread's own.
  WatchedFile ca_;
  WatchedFile secret_;
  std::shared_ptr<http::Client> client_;
  std::string made_from_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Message> queue_;
  bool sending_ = false;  // one of them is out of the queue
  bool closing_ = false;
  std::unique_ptr<metrics::Collection> gauge_;
  std::jthread thread_;  // last: the rest is there when it starts
};

}  // namespace gb::kube
