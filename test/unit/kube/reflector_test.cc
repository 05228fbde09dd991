#include "kube/reflector.h"

#include <gmock/gmock.h>

#include "test/unit/kube/fake_client.h"

namespace gb::kube {
namespace {

using test::FakeClient;
using test::Json;
using ::testing::HasSubstr;

ReflectorOptions quick() {
  ReflectorOptions options;
  options.path = "/api/v1/things";
  options.first_pause = std::chrono::milliseconds(1);
  options.max_pause = std::chrono::milliseconds(2);
  return options;
}

struct Seen {
  std::mutex mutex;
  std::vector<std::string> lines;
  Reflector::Callbacks callbacks() {
    return {[this](const Json& items) {
              const std::lock_guard lock(mutex);
              lines.push_back("list " + std::to_string(items.size()));
            },
            [this](const std::string& type, const Json& object) {
              const std::lock_guard lock(mutex);
              lines.push_back(type + " " + object["metadata"]["name"].get<std::string>());
            }};
  }
  std::vector<std::string> get() {
    const std::lock_guard lock(mutex);
    return lines;
  }
};

Json thing(const std::string& name, const std::string& revision) {
  return {{"metadata", {{"name", name}, {"resourceVersion", revision}}}};
}

TEST(Reflector, ListsThenWatchesFromThere) {
  FakeClient client;
  client.on_call = [](const Call&) { return test::list_of({thing("a", "5")}); };
  Seen seen;
  Reflector reflector(client, quick(), seen.callbacks());
  ASSERT_TRUE(reflector.wait_listed(std::chrono::seconds(30)));
  EXPECT_TRUE(reflector.health());
  EXPECT_THAT(client.wait_watches(1).at(0), HasSubstr("resourceVersion=10&"));
  client.push("ADDED", thing("b", "11"));
  client.push("BOOKMARK", thing("", "20"));
  client.end_watch();
  EXPECT_THAT(client.wait_watches(2).at(1), HasSubstr("resourceVersion=20&"))
      << "a clean end goes on from the last bookmark";
  EXPECT_EQ(client.calls().size(), 1U) << "without listing again";
  EXPECT_THAT(seen.get(), ::testing::ElementsAre("list 1", "ADDED b"));
}

TEST(Reflector, ALostHistoryIsListedAgain) {
  FakeClient client;
  client.on_call = [](const Call&) { return test::list_of(Json::array()); };
  Seen seen;
  Reflector reflector(client, quick(), seen.callbacks());
  ASSERT_EQ(client.wait_watches(1).size(), 1U);
  client.end_watch(fail(Code::kExpired, "too old"));
  EXPECT_GE(client.wait_watches(2).size(), 2U);
  EXPECT_EQ(client.calls().size(), 2U);
}

TEST(Reflector, ADeadServerIsAskedUntilItAnswers) {
  FakeClient client;
  std::atomic<bool> alive{false};
  client.on_call = [&alive](const Call&) -> Result<Json> {
    if (!alive) return fail(Code::kUnavailable, "nobody there");
    return test::list_of(Json::array());
  };
  Seen seen;
  Reflector reflector(client, quick(), seen.callbacks());
  ASSERT_TRUE(client.wait_calls(3));
  EXPECT_THAT(reflector.health().error().text(), HasSubstr("nobody there"));
  alive = true;
  EXPECT_TRUE(reflector.wait_listed(std::chrono::seconds(30)));
  EXPECT_TRUE(reflector.health());
}

TEST(Reflector, EndsWhileItWaits) {
  FakeClient client;
  ReflectorOptions slow = quick();
  slow.first_pause = std::chrono::hours(1);
  Seen seen;
  {
    Reflector reflector(client, slow, seen.callbacks());
  }
  client.on_call = [](const Call&) { return test::list_of(Json::array()); };
  {
    Reflector reflector(client, slow, seen.callbacks());
    client.wait_watches(1);
  }
}

}  // namespace
}  // namespace gb::kube
