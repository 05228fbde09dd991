#include "jobs/record.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "api/text.h"
#include "api/types.h"
#include "jobs/follower.h"

namespace gb::jobs {
namespace {

std::string pid_namespace() {
  struct stat info{};
  if (::stat("/proc/self/ns/pid", &info) != 0) return {};
  return std::to_string(info.st_ino);
}

// Empty when there is no such process.
std::string process_start(std::int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  // The second field is the program's name in parentheses and may hold anything: count from its
  // end.
  const std::size_t close = text.rfind(')');
  if (close == std::string::npos) return {};
  std::istringstream fields(text.substr(close + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i)
    if (!(fields >> field)) return {};
  return field;
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

Executor Executor::self(const std::string& id) {
  const std::int64_t pid = ::getpid();
  return {id, host_name(), jobs::pid_namespace(), pid, jobs::process_start(pid), false};
}

api::Json Executor::to_json() const {
  api::Json json = {{"id", id},
                    {"host", host},
                    {"pidNamespace", pid_namespace},
                    {"pid", pid},
                    {"processStart", process_start}};
  if (took_over) json["tookOver"] = true;
  return json;
}

Executor Executor::from_json(const api::Json& json) {
  Executor e;
  if (!json.is_object()) return e;
  e.id = json.value("id", "");
  e.host = json.value("host", "");
  e.pid_namespace = json.value("pidNamespace", "");
  e.pid = json.value("pid", std::int64_t{0});
  e.process_start = json.value("processStart", "");
  e.took_over = json.value("tookOver", false);
  return e;
}

Executor::Life Executor::life() const {
  if (pid <= 0 || host != host_name() || pid_namespace != jobs::pid_namespace())
    return Life::kUnknown;
  const std::string start = jobs::process_start(pid);
  return start.empty() || start != process_start ? Life::kDead : Life::kAlive;
}

const api::Json& place_of_work(const api::Json& object) {
  static const api::Json kNobody;
  const api::Json& status = api::member(object, "status");
  const std::string phase = api::phase_of(object);
  if (api::is_terminal_phase(phase)) {
    const api::Json& check = api::member(status, kCheck);
    return api::text_member(check, "phase") == "Running" ? check : kNobody;
  }
  return phase.empty() || phase == kFollowing ? kNobody : status;
}

JobRecord::JobRecord(storage::Catalog& catalog, api::ObjectPtr object, std::string executor_id,
                     Work work)
    : catalog_(catalog),
      key_(object->key()),
      uid_(object->uid()),
      executor_id_(std::move(executor_id)),
      work_(work),
      last_(std::move(object)) {}

Status JobRecord::update(const std::function<void(api::Json& place)>& change) {
  return update_status(
      [&](api::Json& status) { change(work_ == Work::kChecksIt ? status[kCheck] : status); });
}

Status JobRecord::update_status(const std::function<void(api::Json& status)>& change) {
  const auto changed = catalog_.modify(key_, [&](const api::Object& object) -> Result<api::Json> {
    api::Json dom = object.dom();
    const api::Json& place = place_of_work(dom);
    if (object.uid() != uid_ ||
        (&place == &api::member(dom, "status")) != (work_ == Work::kMakesIt) ||
        Executor::from_json(api::member(place, "executor")).id != executor_id_)
      return fail(Code::kCancelled, "the object was deleted or taken over while its job ran");
    change(dom["status"]);
    return dom;
  });
  if (!changed) {
    if (changed.error().code == Code::kNotFound)
      return fail(Code::kCancelled, "the object was deleted while its job ran");
    return tl::unexpected(changed.error());
  }
  const std::scoped_lock lock(mutex_);
  last_ = *changed;
  return {};
}

api::ObjectPtr JobRecord::last() const {
  const std::scoped_lock lock(mutex_);
  return last_;
}

}  // namespace gb::jobs
