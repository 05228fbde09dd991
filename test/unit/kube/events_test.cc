#include "kube/events.h"

#include <gmock/gmock.h>

#include "test/unit/kube/fake_client.h"

namespace gb::kube {
namespace {

using test::FakeClient;
using test::Json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

api::ObjectPtr backup(const std::string& ns = "ns1") {
  return *api::Object::make(
      "galerabackups", 7,
      {{"kind", "GaleraBackup"}, {"metadata", {{"name", "a"}, {"namespace", ns}, {"uid", "u1"}}}});
}

class Events : public ::testing::Test {
 protected:
  Events() {
    client_.on_call = [](const Call&) -> Result<Json> { return Json::object(); };
  }
  std::unique_ptr<ClusterEventRecorder> recorder(std::size_t max_queued = 1000) {
    ClusterEventRecorder::Options options;
    options.max_queued = max_queued;
    options.flush = std::chrono::seconds(20);
    options.backoff = {std::chrono::milliseconds(1), 1.0, 2, std::chrono::milliseconds(5000)};
    return std::make_unique<ClusterEventRecorder>(client_, clock_, rng_, "pod-1", options);
  }

  ManualClock clock_{WallTime(std::chrono::seconds(784111777))};
  SeededRng rng_{1};
  FakeClient client_;
};

TEST_F(Events, TellWhatHappenedToAnObject) {
  auto events = recorder();
  events->record(*backup(), EventType::kNormal, "Started", "dump started");
  events.reset();  // waits for what is queued
  ASSERT_EQ(client_.calls().size(), 1U);
  const Call call = client_.calls()[0];
  EXPECT_EQ(call.method, "POST");
  EXPECT_EQ(call.path, "/api/v1/namespaces/ns1/events");
  const Json event = Json::parse(call.body);
  EXPECT_THAT(event["metadata"]["name"].get<std::string>(), StartsWith("a."));
  EXPECT_EQ(event["involvedObject"], Json({{"kind", "GaleraBackup"},
                                           {"apiVersion", "backup.rhoso.io/v1beta1"},
                                           {"namespace", "ns1"},
                                           {"name", "a"},
                                           {"uid", "u1"},
                                           {"resourceVersion", "7"}}));
  EXPECT_EQ(event["type"], "Normal");
  EXPECT_EQ(event["count"], 1);
  EXPECT_EQ(event["reason"], "Started");
  EXPECT_EQ(event["lastTimestamp"], "1994-11-06T08:49:37Z");
  EXPECT_EQ(event["reportingInstance"], "pod-1");
}

TEST_F(Events, TheSameThingSaidAgainIsCounted) {
  auto events = recorder();
  for (int i = 0; i < 3; ++i)
    events->record(*backup(), EventType::kWarning, "Failed", "no node answers");
  events->record(*backup(), EventType::kWarning, "Failed", "another");
  events.reset();
  const auto calls = client_.calls();
  ASSERT_EQ(calls.size(), 4U);
  const std::string name = Json::parse(calls[0].body)["metadata"]["name"];
  EXPECT_EQ(calls[1].method, "PATCH");
  EXPECT_EQ(calls[1].path, "/api/v1/namespaces/ns1/events/" + name);
  EXPECT_EQ(calls[1].content_type, "application/merge-patch+json");
  EXPECT_EQ(Json::parse(calls[2].body)["count"], 3);
  EXPECT_EQ(calls[3].method, "POST");
}

TEST_F(Events, AnEventThatIsGoneIsMadeAnew) {
  client_.on_call = [](const Call& call) -> Result<Json> {
    if (call.method == "PATCH") return fail(Code::kNotFound, "gone");
    return Json::object();
  };
  auto events = recorder();
  events->record(*backup(), EventType::kNormal, "R", "m");
  events->record(*backup(), EventType::kNormal, "R", "m");
  events.reset();
  ASSERT_EQ(client_.calls().size(), 3U);
  EXPECT_EQ(client_.calls()[2].method, "POST");
}

TEST_F(Events, ObjectsWithoutANamespaceSpeakInDefault) {
  auto events = recorder();
  events->record(*backup(""), EventType::kNormal, "R", "m");
  events.reset();
  EXPECT_EQ(client_.calls().at(0).path, "/api/v1/namespaces/default/events");
}

TEST_F(Events, ADeadServerDoesNotHoldAnybodyUp) {
  std::mutex mutex;
  std::condition_variable changed;
  bool release = false;
  client_.on_call = [&](const Call&) -> Result<Json> {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return release; });
    return fail(Code::kUnavailable, "dead");
  };
  auto events = recorder(/*max_queued=*/3);
  for (int i = 0; i < 10; ++i)
    events->record(*backup(), EventType::kNormal, "R", std::to_string(i));
  {
    const std::lock_guard lock(mutex);
    release = true;
  }
  changed.notify_all();
  events.reset();
  EXPECT_LE(client_.calls().size(), 3U * 2U) << "what did not fit was dropped";
  EXPECT_GE(client_.calls().size(), 2U);
}

}  // namespace
}  // namespace gb::kube
