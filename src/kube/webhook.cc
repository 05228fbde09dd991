#include "kube/webhook.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "api/schema.h"
#include "api/text.h"
#include "api/types.h"
#include "base/log.h"
#include "base/text.h"
#include "http/digest.h"
#include "kube/cluster_access.h"

namespace gb::kube {
namespace {

using api::Json;
using std::chrono::milliseconds;

constexpr std::string_view kScheme = "https://";
constexpr std::string_view kSecretPrefix = "whsec_";
// Standard Webhooks: keys of 24 to 64 bytes.
constexpr std::size_t kLeastKey = 24;
constexpr std::size_t kMostKey = 64;
// A receiver may ask for patience, but not for silence.
constexpr std::chrono::hours kMostPatience{1};
// A message is a sentence; one that names a thousand tables is cut, the object has all of it.
constexpr std::size_t kMostMessage = 4096;
// An answer is only looked at for its status.
constexpr std::size_t kMostAnswer = std::size_t{1} << 20;

std::string kind_of(const api::ObjectKey& key) {
  const api::ResourceType* type = api::find_resource(key.resource);
  return type == nullptr ? key.resource : type->kind;
}

// Why a job failed stands in its condition; of what has none, the event's reason says it.
std::string cause_of(const Json& object, std::string_view reason) {
  if (reason == "Failed")
    for (const Json& one : api::at_path(object, "status.conditions"))
      if (api::text_member(one, "type") == "Completed") return api::text_member(one, "reason");
  return std::string(reason);
}

const Json& instances_of(const Json& object) {
  const Json& own = api::at_path(object, "spec.databaseInstances");
  return own.is_array() ? own : api::at_path(object, "spec.template.spec.databaseInstances");
}

milliseconds asked_patience(const http::ClientResponse& response) {
  for (const auto& [name, value] : response.headers) {
    if (to_lower(name) != "retry-after") continue;
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (error == std::errc{} && end == value.data() + value.size() && seconds > 0)
      return std::min<milliseconds>(kMostPatience,
                                    std::chrono::seconds(std::min<std::int64_t>(seconds, 86400)));
  }
  return milliseconds(0);
}

}  // namespace

std::string WebhookTarget::receiver() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<WebhookTarget> parse_webhook_url(std::string_view url) {
  if (!url.starts_with(kScheme))
    return fail(Code::kInvalid, "is not an https:// URL",
                "messages are signed, not encrypted: they need TLS");
  if (std::ranges::any_of(url, [](unsigned char c) { return c <= 0x20 || c >= 0x7f; }))
    return fail(Code::kInvalid, "holds a character that no URL has", "percent-encode it");
  const std::size_t end = url.find_first_of("/?#", kScheme.size());
  const std::string_view origin = url.substr(0, end);
  const std::string_view rest =
      end == std::string_view::npos ? std::string_view() : url.substr(end);
  if (origin.find('@') != std::string_view::npos)
    return fail(Code::kInvalid, "names a user", "the receiver knows us by the signature");
  if (rest.find('#') != std::string_view::npos)
    return fail(Code::kInvalid, "has a fragment, which is never sent", "leave out the # part");
  ClusterAccess access;
  if (const Status parsed = parse_server(origin, access); !parsed)
    return fail(Code::kInvalid, "names no host and port", "https://HOST[:PORT]/PATH");
  WebhookTarget target{access.host, access.port, std::string(rest)};
  if (!target.path.starts_with('/')) target.path.insert(0, "/");
  return target;
}

Result<std::string> parse_webhook_secret(std::string_view text) {
  std::string_view line = trim(text.substr(0, text.find('\n')));
  if (line.starts_with(kSecretPrefix)) line.remove_prefix(kSecretPrefix.size());
  auto key = from_base64(line);
  if (!key || key->size() < kLeastKey || key->size() > kMostKey)
    return fail(Code::kInvalid, "its first line is not base64 of 24 to 64 bytes",
                "make one: echo \"whsec_$(openssl rand -base64 32)\"");
  return key;
}

Result<std::unique_ptr<WebhookRecorder>> WebhookRecorder::make(
    WebhookConfig config, std::string source, EventRecorder& next, const Clock& clock, Rng& rng,
    metrics::Registry& metrics, Options options) {
  GB_TRY_ASSIGN(WebhookTarget target, parse_webhook_url(config.url));
  return std::unique_ptr<WebhookRecorder>(new WebhookRecorder(
      std::move(config), std::move(target), std::move(source), next, clock, rng, metrics, options));
}

WebhookRecorder::WebhookRecorder(WebhookConfig config, WebhookTarget target, std::string source,
                                 EventRecorder& next, const Clock& clock, Rng& rng,
                                 metrics::Registry& metrics, Options options)
    : config_(std::move(config)),
      target_(std::move(target)),
      source_(std::move(source)),
      next_(next),
      clock_(clock),
      rng_(rng),
      metrics_(metrics),
      options_(options),
      ca_(config_.ca_file),
      secret_(config_.secret_file),
      gauge_(metrics.collect([this] {
        const std::lock_guard lock(mutex_);
        const std::size_t waiting = queue_.size() + (sending_ ? 1 : 0);
        return std::vector<metrics::Gauges>{{"galera_backup_notifications_queued",
                                             "Notifications that the receiver has not taken yet.",
                                             {{{}, static_cast<double>(waiting)}}}};
      })),
      thread_([this](std::stop_token stop) { run(std::move(stop)); }) {
  // A rate is seen only of a series that was there before.
  for (const char* result : {"delivered", "retried", "dropped"}) count(result, 0);
}

WebhookRecorder::~WebhookRecorder() {
  {
    std::unique_lock lock(mutex_);
    closing_ = true;
    // The last words of a server that stops are worth a moment.
    for (Message& message : queue_) message.next_try = {};
    changed_.notify_all();
    changed_.wait_for(lock, options_.flush, [this] { return queue_.empty() && !sending_; });
  }
  thread_.request_stop();
  thread_.join();
  for (const Message& message : queue_) drop(message, "the server ends");
}

void WebhookRecorder::record(const api::Object& about, EventType type, std::string_view reason,
                             std::string_view message) {
  next_.record(about, type, reason, message);
  if (type != EventType::kWarning || !config_.events.contains(std::string(reason))) return;
  if (!config_.namespaces.empty() && !config_.namespaces.contains(about.key().ns)) return;
  Message made = message_of(about, reason, message);
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() < options_.max_queued) {
      queue_.push_back(std::move(made));
      changed_.notify_all();
      return;
    }
  }
  drop(made, "too many wait for the receiver");
}

WebhookRecorder::Message WebhookRecorder::message_of(const api::Object& about,
                                                     std::string_view reason,
                                                     std::string_view message) const {
  const Json object = about.dom();
  const std::string kind = kind_of(about.key());
  Json data = {
      {"kind", kind},       {"namespace", about.key().ns},        {"name", about.key().name},
      {"uid", about.uid()}, {"reason", cause_of(object, reason)}, {"message", message}};
  if (const std::string phase = api::phase_of(object); !phase.empty()) data["phase"] = phase;
  if (const Json& instances = instances_of(object); instances.is_array())
    data["databaseInstances"] = instances;
  if (const auto schedule = about.labels().find(std::string(api::kGroup) + "/schedule");
      schedule != about.labels().end())
    data["schedule"] = schedule->second;
  Message out;
  out.id = make_uuid(rng_);
  out.subject =
      "namespaces/" + about.key().ns + "/" + about.key().resource + "/" + about.key().name;
  out.reason = reason;
  out.body = api::to_text({{"specversion", "1.0"},
                           {"id", out.id},
                           {"source", source_},
                           {"type", "io.rhoso.backup." + to_lower(kind) + "." + to_lower(reason)},
                           {"subject", out.subject},
                           {"time", to_rfc3339(clock_.now())},
                           {"datacontenttype", "application/json"},
                           {"data", std::move(data)}});
  out.since = out.next_try = Steady::now();
  out.retry = options_.first_retry;
  return out;
}

void WebhookRecorder::run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    // Whose time comes first, so that one that is refused again and again holds up nobody.
    const auto first = std::ranges::min_element(queue_, {}, &Message::next_try);
    if (first == queue_.end()) {
      changed_.wait(lock, stop, [this] { return !queue_.empty(); });
      continue;
    }
    if (const auto at = first->next_try; at > Steady::now()) {
      changed_.wait_until(lock, stop, at, [this, at] {
        return std::ranges::any_of(queue_, [at](const Message& m) { return m.next_try < at; });
      });
      continue;
    }
    Message message = std::move(*first);
    queue_.erase(first);
    sending_ = true;
    lock.unlock();
    const Tried tried = send(message, stop);
    lock.lock();
    settle(std::move(message), tried);
    sending_ = false;
    changed_.notify_all();
  }
}

Result<std::shared_ptr<http::Client>> WebhookRecorder::client() {
  std::string ca;
  if (!ca_.path().empty()) {
    GB_TRY_ASSIGN(ca, ca_.read());
  }
  if (client_ != nullptr && ca == made_from_) return client_;
  http::ClientOptions options;
  options.host = target_.host;
  options.port = target_.port;
  options.ca_pem = ca;
  options.max_body = kMostAnswer;
  GB_TRY_ASSIGN(client_, http::Client::make(std::move(options)));
  made_from_ = std::move(ca);
  return client_;
}

WebhookRecorder::Tried WebhookRecorder::send(const Message& message, const std::stop_token& stop) {
  const auto text = secret_.read();
  const auto key = text ? parse_webhook_secret(*text) : Result<std::string>(fail(text.error()));
  if (!key) return {Outcome::kAgain, "notifications.webhook.secretFile: " + key.error().text(), {}};
  const auto with = client();
  if (!with) return {Outcome::kAgain, with.error().text(), {}};

  const std::string timestamp = std::to_string(
      std::chrono::floor<std::chrono::seconds>(clock_.now()).time_since_epoch().count());
  const std::string digest =
      http::hmac_sha256(*key, message.id + "." + timestamp + "." + message.body);
  http::ClientRequest request;
  request.method = "POST";
  request.target = target_.path;
  request.headers = {{"User-Agent", "galera-backup-apiserver"},
                     {"webhook-id", message.id},
                     {"webhook-timestamp", timestamp},
                     {"webhook-signature", "v1," + to_base64(as_bytes(digest))}};
  request.body = message.body;
  request.content_type = "application/cloudevents+json; charset=utf-8";
  request.timeout = options_.timeout;
  const auto answer = (*with)->send(request, stop);
  if (!answer) return {Outcome::kAgain, answer.error().text(), {}};
  const int status = answer->status;
  const std::string said = "it answered " + std::to_string(status);
  if (status >= 200 && status < 300) return {Outcome::kTaken, said, {}};
  if (status >= 500 || status == 429 || status == 408)
    return {Outcome::kAgain, said, asked_patience(*answer)};
  return {Outcome::kRefused,
          status >= 300 && status < 400 ? said + ": redirects are not followed" : said,
          {}};
}

// mutex_ is held.
void WebhookRecorder::settle(Message message, const Tried& tried) {
  if (tried.outcome == Outcome::kTaken) return count("delivered");
  if (tried.outcome == Outcome::kRefused) return drop(message, tried.why);
  const auto now = Steady::now();
  if (closing_ || now - message.since >= options_.give_up)
    return drop(message, closing_ ? "the server ends; " + tried.why : tried.why);
  log::warn("a notification was not taken, it is tried again", {{"receiver", target_.receiver()},
                                                                {"id", message.id},
                                                                {"about", message.subject},
                                                                {"reason", message.reason},
                                                                {"error", tried.why}});
  count("retried");
  message.next_try = now + std::max(message.retry, tried.not_before);
  message.retry = std::min(message.retry * 2, options_.longest_retry);
  queue_.push_back(std::move(message));
}

void WebhookRecorder::drop(const Message& message, const std::string& why) {
  log::error("a notification is lost", {{"receiver", target_.receiver()},
                                        {"id", message.id},
                                        {"about", message.subject},
                                        {"reason", message.reason},
                                        {"error", why}});
  count("dropped");
}

void WebhookRecorder::count(const char* result, double by) const {
  metrics_.count("galera_backup_notifications_total",
                 "Notifications to the webhook: delivered, tried again, dropped.",
                 {{"result", result}}, by);
}

}  // namespace gb::kube
