// create, update and patch.
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "api/decode.h"
#include "api/patch.h"
#include "api/text.h"
#include "api/types.h"
#include "base/text.h"
#include "handlers/job_start.h"
#include "handlers/respond.h"
#include "handlers/source.h"
#include "handlers/verbs.h"

namespace gb::handlers {
namespace {

constexpr std::chrono::seconds kCreateWait{30};
// kube-apiserver gives up on us after 60 s; the client must get our answer, not its error.
constexpr std::chrono::seconds kLongestCreateWait{50};
constexpr int kWriteTries = 5;
// As JSON. etcd takes requests up to 1.5 MiB, of which k8s.io/apiserver then tells as a 500 without
// a size; here every object is in memory, and its older versions are for a while.
constexpr std::size_t kMaxObjectBytes = std::size_t{1} << 20;

std::string text_at(const api::Json& object, const char* field) {
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return {};
  const auto value = metadata->find(field);
  return value != metadata->end() && value->is_string() ? value->get<std::string>() : std::string();
}

Result<api::ObjectPtr> submit(const Env& env, const Call& call, const api::Json& object,
                              std::stop_token stop) {
  if (call.type->plural == api::kBackups)
    return env.deps.jobs->submit_backup(object, call.user, call.dry_run, std::move(stop));
  if (call.type->plural == api::kSchedules)
    return env.deps.jobs->submit_schedule(object, call.user, call.dry_run);
  return env.deps.jobs->submit_restore(object, call.user, call.dry_run, std::move(stop));
}

// Records and starts the job; a generated name that is taken is replaced by another.
api::Outcome<api::ObjectPtr> submit_named(const Env& env, const Call& call, api::Json object) {
  const auto start = JobStart::begin(env, call);
  if (!start) return api::refuse(start.error());
  for (int tries = 1;; ++tries) {
    const std::string name = text_at(object, "name");
    const auto there = env.source(*call.type).get({call.type->plural, call.info.ns, name});
    bool being_deleted = there && (*there)->being_deleted();
    if (!there) {
      auto made = submit(env, call, object, (*start)->token());
      if (made) return std::move(*made);
      if (made.error().code != Code::kAlreadyExists)
        return api::refuse((*start)->refusal(made.error(), call, name));
      being_deleted = false;
    }
    if (!api::regenerate_name(object, *env.deps.rng))
      return api::refuse(api::already_exists(*call.type, name, being_deleted));
    if (tries == api::kGenerateNameTries)
      return api::refuse(api::generate_name_conflict(*call.type, name));
  }
}

void warn_of_failure(Call& call, const api::ObjectPtr& object) {
  const api::Json dom = object->dom();
  const std::string phase = api::phase_of(dom);
  if (phase != "Failed" && phase != "Cancelled") return;
  const std::string message = dom["status"].value("message", "");
  call.warnings.push_back(call.type->kind + " " + object->key().name +
                          (phase == "Failed" ? " failed" : " was cancelled") +
                          (message.empty() ? "" : ": " + message));
}

// When a backup expires is told by its status and decided by spec.ttl, which may change.
void move_expiration(api::Json& object) {
  if (!object.contains("status") || !object["status"].is_object()) return;
  api::Json& status = object["status"];
  const auto done = status.find("completionTime");
  if (done == status.end() || !done->is_string() || api::phase_of(object) != "Completed") return;
  const auto completed = from_rfc3339(done->get_ref<const std::string&>());
  const auto ttl = api::read_backup_spec(object).ttl;
  if (completed && ttl)
    status["expirationTime"] = to_rfc3339(*completed + *ttl);
  else
    status.erase("expirationTime");
}

// `before`: of an update, the bytes that it had. What its job says of itself counts, too: nobody
// may be kept from making it smaller, or from taking a finalizer away.
api::Outcome<void> check_size(const api::Json& object, std::size_t before = 0) {
  const std::size_t bytes = api::to_text(object).size();
  if (bytes <= std::max(kMaxObjectBytes, before)) return {};
  return api::refuse(api::entity_too_large("the object has " + std::to_string(bytes) +
                                           " bytes as JSON, limit is " +
                                           std::to_string(kMaxObjectBytes)));
}

struct Written {
  api::ObjectPtr object;
  bool raced = false;  // somebody else wrote first: read again
};

// Writes an object that prepare_update() has accepted: nothing when nothing changed, a removal when
// the last finalizer of a deleted object went.
api::Outcome<Written> store_update(const Env& env, Call& call, const api::ObjectPtr& current,
                                   const api::Json& old, api::Json updated) {
  if (call.type->plural == api::kBackups && old["spec"] != updated["spec"])
    move_expiration(updated);
  if (call.type->plural == api::kSchedules && old["spec"] != updated["spec"]) {
    auto warnings = env.deps.jobs->review_schedule(old, updated, call.user);
    if (!warnings) return api::refuse(api::from_error(warnings.error(), call.type, call.info.name));
    call.warnings.insert(call.warnings.end(), warnings->begin(), warnings->end());
  }
  if (api::same_content(old, updated)) return Written{current, false};
  if (auto fits = check_size(updated, current->json().size()); !fits)
    return api::refuse(std::move(fits).error());
  const bool remove = api::finalized(updated);
  if (call.dry_run) {
    auto shown = api::Object::make(call.type->plural, current->revision(), std::move(updated));
    if (!shown) return api::refuse(api::from_error(shown.error(), call.type, call.info.name));
    return Written{std::move(*shown), false};
  }
  if (remove)
    if (const Status ready = env.deps.jobs->before_deletion(*current); !ready)
      return api::refuse(api::from_error(ready.error(), call.type, call.info.name));
  auto written =
      remove ? env.deps.catalog->remove(current->key(), current->revision())
             : env.deps.catalog->update(current->key(), current->revision(), std::move(updated));
  if (written && remove) env.deps.jobs->deleted(*current);
  if (written) return Written{std::move(*written), false};
  if (written.error().code == Code::kConflict) return Written{nullptr, true};
  return api::refuse(object_error(written.error(), *call.type, call.info.name));
}

}  // namespace

api::Outcome<void> check_namespace(const Env& env, const Call& call, std::string_view name) {
  if (!call.type->namespaced) return {};
  const auto state = env.deps.namespaces->state(call.info.ns);
  if (!state) return api::refuse(api::from_error(state.error(), nullptr, {}));
  switch (*state) {
    case kube::NamespaceState::kActive:
      return {};
    case kube::NamespaceState::kMissing:
      return api::refuse(api::namespace_not_found(call.info.ns));
    case kube::NamespaceState::kTerminating:
      break;
  }
  return api::refuse(api::namespace_terminating(*call.type, name, call.info.ns));
}

std::chrono::nanoseconds create_wait(const Env& env, const Call& call) {
  if (call.respond_async) return {};
  std::chrono::nanoseconds wait = call.timeout.value_or(kCreateWait);
  if (wait <= std::chrono::nanoseconds::zero()) wait = kCreateWait;
  wait = std::min<std::chrono::nanoseconds>(wait, kLongestCreateWait);
  // kube-apiserver gives a proxied request up after the same ?timeout=: the answer must be there
  // before.
  if (call.timeout) wait -= std::min<std::chrono::nanoseconds>(wait / 5, std::chrono::seconds(2));
  return wait - (env.deps.clock->steady_now() - call.started);
}

api::ObjectPtr wait_for_job(const Env& env, api::ObjectPtr object, std::chrono::nanoseconds wait) {
  if (wait <= std::chrono::nanoseconds::zero()) return object;
  const auto place = Permit::take(env.waiting_creates, env.deps.limits.waiting_creates);
  if (place == nullptr) return object;
  auto ended = env.deps.jobs->wait(object->key(), object->uid(),
                                   std::chrono::duration_cast<std::chrono::milliseconds>(wait),
                                   env.stopping.get_token());
  return ended ? std::move(*ended) : object;
}

Answer answer_created(const Env& env, Call& call, const View& view, api::ObjectPtr made) {
  if (call.dry_run) {
    if (view.media.shape != api::Shape::kObject) return object_response(env, call, view, 201, made);
    // What was not stored has no version.
    api::Json shown = made->dom();
    shown["metadata"].erase("resourceVersion");
    http::Response out;
    out.status = 201;
    out.headers.add("Content-Type", view.media.content_type);
    out.body = api::encode(shown.dump(), view.media.format, view.pretty);
    return out;
  }
  const api::ObjectPtr object_now = wait_for_job(env, std::move(made), create_wait(env, call));
  warn_of_failure(call, object_now);
  return object_response(env, call, view, 201, object_now);
}

Answer create_object(const Env& env, Call& call, std::string_view body) {
  const auto view = choose_view(call, api::Asked::kObject);
  if (!view) return api::refuse(view.error());
  const auto format = api::body_format(call.content_type);
  if (!format) return api::refuse(format.error());
  const auto options = api::parse_write_options(call.query(), "CreateOptions");
  if (!options) return api::refuse(options.error());
  call.dry_run = options->dry_run;
  auto object = api::decode_object(*call.type, body, *format, options->validation, call.warnings);
  if (!object) return api::refuse(std::move(object).error());
  const std::string in_body = text_at(*object, "namespace");
  const bool mismatch = !in_body.empty() && in_body != call.info.ns;  // refused as one, below
  if (auto lives = check_namespace(env, call, text_at(*object, "name")); !lives && !mismatch)
    return api::refuse(std::move(lives).error());
  if (auto ready = api::prepare_create(*call.type, call.info.ns, *object, env.deps.clock->now(),
                                       *env.deps.rng, call.warnings);
      !ready)
    return api::refuse(std::move(ready).error());
  if (auto fits = check_size(*object); !fits) return api::refuse(std::move(fits).error());

  auto made = submit_named(env, call, std::move(*object));
  if (!made) return api::refuse(std::move(made).error());
  if (call.type->plural == api::kSchedules)
    for (std::string& warning : env.deps.jobs->review_retention((*made)->dom()))
      call.warnings.push_back(std::move(warning));
  return answer_created(env, call, *view, std::move(*made));
}

Answer update_object(const Env& env, Call& call, std::string_view body) {
  const auto view = choose_view(call, api::Asked::kObject);
  if (!view) return api::refuse(view.error());
  const auto options = api::parse_write_options(call.query(), "UpdateOptions");
  if (!options) return api::refuse(options.error());
  call.dry_run = options->dry_run;
  const auto format = api::body_format(call.content_type);
  if (!format) return api::refuse(format.error());
  auto updated = api::decode_object(*call.type, body, *format, options->validation, call.warnings);
  if (!updated) return api::refuse(std::move(updated).error());
  const auto current = find_object(env, call);
  if (!current) return api::refuse(current.error());
  const api::Json old = (*current)->dom();
  if (auto ready = api::prepare_update(*call.type, api::UpdateKind::kPut, call.info.ns,
                                       call.info.name, old, *updated, call.warnings);
      !ready)
    return api::refuse(std::move(ready).error());
  auto written = store_update(env, call, *current, old, std::move(*updated));
  if (!written) return api::refuse(std::move(written).error());
  if (written->raced) return api::refuse(api::modified_conflict(*call.type, call.info.name));
  return object_response(env, call, *view, 200, written->object);
}

Answer patch_object(const Env& env, Call& call, std::string_view body) {
  const auto type = api::patch_type(call.content_type);
  if (!type) return api::refuse(type.error());
  const auto view = choose_view(call, api::Asked::kObject);
  if (!view) return api::refuse(view.error());
  const auto options = api::parse_write_options(call.query(), "PatchOptions");
  if (!options) return api::refuse(options.error());
  call.dry_run = options->dry_run;
  // A patch says what to change, not of which version: against status updates of jobs it is tried
  // again. One that names a resourceVersion is refused by prepare_update() when that is stale.
  for (int tries = 0; tries < kWriteTries; ++tries) {
    call.warnings.clear();
    const auto current = find_object(env, call);
    if (!current) return api::refuse(current.error());
    const api::Json old = (*current)->dom();
    auto patched =
        api::apply_patch(*call.type, *type, body, old, options->validation, call.warnings);
    if (!patched) return api::refuse(std::move(patched).error());
    if (auto ready = api::prepare_update(*call.type, api::UpdateKind::kPatch, call.info.ns,
                                         call.info.name, old, *patched, call.warnings);
        !ready)
      return api::refuse(std::move(ready).error());
    auto written = store_update(env, call, *current, old, std::move(*patched));
    if (!written) return api::refuse(std::move(written).error());
    if (!written->raced) return object_response(env, call, *view, 200, written->object);
  }
  return api::refuse(api::modified_conflict(*call.type, call.info.name));
}

}  // namespace gb::handlers
