#include "kube/webhook.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "http/digest.h"
#include "test/unit/http/server_fixture.h"

namespace gb::kube {
namespace {

using api::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSigningKey = "0123456789abcdef0123456789abcdef";

class Next final : public EventRecorder {
 public:
  void record(const api::Object& about, EventType /*type*/, std::string_view reason,
              std::string_view /*message*/) override {
    told.push_back(about.key().name + " " + std::string(reason));
  }
  std::vector<std::string> told;
};

struct Request {
  std::string target;
  std::string id;
  std::string timestamp;
  std::string signature;
  std::string type;
  std::string body;
};

// A receiver over real TLS that answers as a test scripts it.
class Webhooks : public http::test::ServerTest {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("gb-webhook-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "secret") << "whsec_" << to_base64(as_bytes(kSigningKey)) << "\n";
    service.on_handle = [this](http::Request& request, const auto&) {
      const auto header = [&](const char* name) {
        return std::string(request.head.headers.get(name).value_or(""));
      };
      const std::scoped_lock lock(mutex_);
      requests_.push_back({request.head.target, header("webhook-id"), header("webhook-timestamp"),
                           header("webhook-signature"), header("Content-Type"), request.body});
      int status = 204;
      if (!statuses_.empty()) {
        status = statuses_.front();
        statuses_.erase(statuses_.begin());
      }
      auto response = http::test::text_response(status, "");
      if (status / 100 == 3)
        response.headers.add("Location", "https://127.0.0.1:" + std::to_string(port()) + "/other");
      return response;
    };
    start();
    std::ofstream(folder_ / "ca.crt") << pair.certificate_pem;
    config_.url = "https://127.0.0.1:" + std::to_string(port()) + "/hooks/T0?x=1";
    config_.ca_file = folder_ / "ca.crt";
    config_.secret_file = folder_ / "secret";
    options_.first_retry = std::chrono::milliseconds(5);
    options_.flush = std::chrono::seconds(20);
  }
  void TearDown() override {
    recorder_.reset();
    server.reset();
    std::filesystem::remove_all(folder_);
  }

  WebhookRecorder& recorder() {
    if (recorder_ == nullptr)
      recorder_ = *WebhookRecorder::make(config_, "/backup.rhoso.io/r1", next_, clock_, rng_,
                                         registry_, options_);
    return *recorder_;
  }
  static api::ObjectPtr backup(const std::string& name = "nightly-1",
                               const std::string& ns = "openstack") {
    return *api::Object::make(
        "galerabackups", 7,
        {{"kind", "GaleraBackup"},
         {"metadata",
          {{"name", name},
           {"namespace", ns},
           {"uid", "u1"},
           {"labels", {{"backup.rhoso.io/schedule", "nightly"}}}}},
         {"spec", {{"databaseInstances", {"openstack"}}}},
         {"status",
          {{"phase", "Failed"},
           {"conditions",
            {{{"type", "Completed"}, {"status", "False"}, {"reason", "NoSpace"}}}}}}});
  }
  void fail_one(const std::string& name = "nightly-1") {
    recorder().record(*backup(name), EventType::kWarning, "Failed", "the volume is full");
  }
  std::vector<Request> requests() {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }
  bool until(std::size_t count) {
    for (int i = 0; i < 500 && requests().size() < count; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return requests().size() >= count;
  }
  std::string counted(const char* result) {
    const std::string text = registry_.text();
    const std::string series =
        std::string("galera_backup_notifications_total{result=\"") + result + "\"} ";
    const auto at = text.find(series);
    return at == std::string::npos
               ? "0"
               : text.substr(at + series.size(), text.find('\n', at) - at - series.size());
  }

  std::filesystem::path folder_;
  std::mutex mutex_;
  std::vector<Request> requests_;
  std::vector<int> statuses_;  // used up, then 204
  ManualClock clock_{WallTime(std::chrono::seconds(784111777))};
  SeededRng rng_{1};
  metrics::Registry registry_;
  Next next_;
  WebhookConfig config_;
  WebhookRecorder::Options options_;
  std::unique_ptr<WebhookRecorder> recorder_;
};

TEST_F(Webhooks, AFailureIsTakenAsASignedCloudEvent) {
  fail_one();
  ASSERT_TRUE(until(1));
  const Request request = requests()[0];
  EXPECT_EQ(request.target, "/hooks/T0?x=1");
  EXPECT_THAT(request.type, HasSubstr("application/cloudevents+json"));
  EXPECT_EQ(request.timestamp, "784111777");
  EXPECT_EQ(request.signature,
            "v1," + to_base64(as_bytes(http::hmac_sha256(
                        kSigningKey, request.id + "." + request.timestamp + "." + request.body))));
  Json event = Json::parse(request.body);
  EXPECT_EQ(event["id"], request.id);
  event.erase("id");
  EXPECT_EQ(event, Json({{"specversion", "1.0"},
                         {"source", "/backup.rhoso.io/r1"},
                         {"type", "io.rhoso.backup.galerabackup.failed"},
                         {"subject", "namespaces/openstack/galerabackups/nightly-1"},
                         {"time", "1994-11-06T08:49:37Z"},
                         {"datacontenttype", "application/json"},
                         {"data",
                          {{"kind", "GaleraBackup"},
                           {"namespace", "openstack"},
                           {"name", "nightly-1"},
                           {"uid", "u1"},
                           {"phase", "Failed"},
                           {"reason", "NoSpace"},
                           {"message", "the volume is full"},
                           {"databaseInstances", {"openstack"}},
                           {"schedule", "nightly"}}}}));
  EXPECT_THAT(next_.told, ElementsAre("nightly-1 Failed"));
  recorder_.reset();
  EXPECT_EQ(counted("delivered"), "1");
}

TEST_F(Webhooks, OnlyWhatWasAskedForIsSent) {
  config_.events = {"Failed"};
  config_.namespaces = {"openstack"};
  recorder().record(*backup(), EventType::kNormal, "Failed", "m");
  recorder().record(*backup(), EventType::kWarning, "RunMissed", "m");
  recorder().record(*backup("x", "other"), EventType::kWarning, "Failed", "m");
  fail_one("asked-for");
  recorder_.reset();
  ASSERT_EQ(requests().size(), 1U);
  EXPECT_THAT(requests()[0].body, HasSubstr("asked-for"));
  EXPECT_EQ(next_.told.size(), 4U) << "the others are Events all the same";
}

TEST_F(Webhooks, ItIsTriedAgainWithTheSameIdUntilItIsTaken) {
  statuses_ = {503, 429, 408, 500};
  testing::internal::CaptureStderr();
  fail_one();
  const bool taken = until(5);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("a notification was not taken, it is tried again"));
  ASSERT_TRUE(taken);
  for (const Request& request : requests()) {
    EXPECT_EQ(request.id, requests()[0].id);
    EXPECT_EQ(request.body, requests()[0].body);
  }
  recorder_.reset();
  EXPECT_EQ(counted("retried"), "4");
  EXPECT_EQ(counted("delivered"), "1");
}

TEST_F(Webhooks, WhatIsRefusedIsNotSentAgainAndNoRedirectIsFollowed) {
  statuses_ = {401, 302, 410};
  testing::internal::CaptureStderr();
  for (const char* name : {"a", "b", "c", "d"}) fail_one(name);
  const bool all = until(4);
  recorder_.reset();
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("a notification is lost"), HasSubstr("it answered 401"),
                    HasSubstr("it answered 302: redirects are not followed")));
  ASSERT_TRUE(all);
  EXPECT_EQ(requests().size(), 4U);
  for (const Request& request : requests()) EXPECT_EQ(request.target, "/hooks/T0?x=1");
  EXPECT_EQ(counted("dropped"), "3");
  EXPECT_EQ(counted("delivered"), "1");
}

TEST_F(Webhooks, OneThatIsNotTakenHoldsUpNobody) {
  options_.first_retry = std::chrono::minutes(10);
  statuses_ = {500};
  fail_one("poison");
  ASSERT_TRUE(until(1));
  fail_one("next");
  ASSERT_TRUE(until(2));
  EXPECT_THAT(requests()[1].body, HasSubstr("next"));
  recorder_.reset();  // what waits is tried once more
  ASSERT_EQ(requests().size(), 3U);
  EXPECT_EQ(requests()[2].id, requests()[0].id);
}

TEST_F(Webhooks, ASilentReceiverHoldsUpNobodyAndWhatIsLostIsCounted) {
  server.reset();
  options_.max_queued = 3;
  options_.first_retry = std::chrono::minutes(10);
  options_.flush = std::chrono::seconds(5);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) fail_one(std::to_string(i));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_THAT(registry_.text(), HasSubstr("galera_backup_notifications_queued "));
  recorder_.reset();
  EXPECT_EQ(counted("dropped"), "10");
  EXPECT_THAT(registry_.text(), Not(HasSubstr("galera_backup_notifications_queued")));
}

TEST_F(Webhooks, ItIsGivenUpInTheEnd) {
  options_.give_up = std::chrono::milliseconds(30);
  statuses_ = std::vector<int>(1000, 503);
  fail_one();
  for (int i = 0; i < 500 && counted("dropped") == "0"; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(counted("dropped"), "1");
}

TEST_F(Webhooks, ANewKeyIsTakenWhenItsFileChanges) {
  fail_one();
  ASSERT_TRUE(until(1));
  const std::string other = "fedcba9876543210fedcba9876543210";
  std::ofstream(folder_ / "secret") << to_base64(as_bytes(other)) << "\nno longer read\n";
  fail_one();
  ASSERT_TRUE(until(2));
  const Request request = requests()[1];
  EXPECT_EQ(request.signature,
            "v1," + to_base64(as_bytes(http::hmac_sha256(
                        other, request.id + "." + request.timestamp + "." + request.body))));
}

TEST_F(Webhooks, AKeyThatCannotBeReadIsWaitedFor) {
  const std::filesystem::path kept = folder_ / "kept";
  std::filesystem::rename(folder_ / "secret", kept);
  testing::internal::CaptureStderr();
  fail_one();
  for (int i = 0; i < 500 && counted("retried") == "0"; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::filesystem::rename(kept, folder_ / "secret");
  const bool taken = until(1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("a notification was not taken, it is tried again"),
                    HasSubstr("notifications.webhook.secretFile: "), HasSubstr("cannot be read")));
  EXPECT_TRUE(taken);
}

// What a receiver computes that did not read docs/operator-guide.md.
TEST_F(Webhooks, TheTextOfTheKeyIsNotTheKey) {
  fail_one();
  ASSERT_TRUE(until(1));
  const Request request = requests()[0];
  const auto signed_with = [&](std::string_view key) {
    return "v1," + to_base64(as_bytes(http::hmac_sha256(
                       key, request.id + "." + request.timestamp + "." + request.body)));
  };
  const std::string text = to_base64(as_bytes(kSigningKey));
  EXPECT_NE(request.signature, signed_with("whsec_" + text));
  EXPECT_NE(request.signature, signed_with(text));
  EXPECT_EQ(request.signature, signed_with(*from_base64(text)));
}

TEST_F(Webhooks, AReceiverThatCannotBeVerifiedGetsNothing) {
  std::ofstream(folder_ / "ca.crt")
      << http::make_self_signed({"127.0.0.1"}, http::test::wall_now())->certificate_pem;
  options_.first_retry = std::chrono::minutes(10);
  fail_one();
  recorder_.reset();
  EXPECT_TRUE(requests().empty());
  EXPECT_EQ(counted("dropped"), "1");
}

TEST(WebhookUrl, IsTakenApart) {
  const auto target = parse_webhook_url("https://[::1]:8443/a?b=c");
  ASSERT_TRUE(target) << target.error().text();
  EXPECT_EQ(target->host, "::1");
  EXPECT_EQ(target->port, 8443);
  EXPECT_EQ(target->path, "/a?b=c");
  EXPECT_EQ(target->receiver(), "[::1]:8443");
  EXPECT_EQ(parse_webhook_url("https://h")->path, "/");
  EXPECT_EQ(parse_webhook_url("https://h?x")->path, "/?x");
  for (const char* bad :
       {"", "http://h/", "https://", "https://:1/", "https://h:0/", "https://h:x/",
        "https://u:p@h/", "https://h/#f", "https://h/a b", "https://h/\r\nX: y"})
    EXPECT_FALSE(parse_webhook_url(bad)) << bad;
}

TEST(WebhookSecret, IsBase64OfEnoughBytes) {
  EXPECT_EQ(*parse_webhook_secret("whsec_" + to_base64(as_bytes(kSigningKey)) + "\r\n"),
            kSigningKey);
  EXPECT_FALSE(parse_webhook_secret(""));
  EXPECT_FALSE(parse_webhook_secret("whsec_"));
  EXPECT_FALSE(parse_webhook_secret("a password"));
  EXPECT_FALSE(parse_webhook_secret(to_base64(as_bytes("too short"))));
}

}  // namespace
}  // namespace gb::kube
