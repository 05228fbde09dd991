// delete and deletecollection.
#include <nlohmann/json.hpp>

#include "api/decode.h"
#include "handlers/list_options.h"
#include "handlers/respond.h"
#include "handlers/source.h"
#include "handlers/verbs.h"

namespace gb::handlers {
namespace {

// Progress of a running job moves its object about once a second: a delete that loses to it many
// times in a row is still only unlucky.
constexpr int kDeleteTries = 20;

api::Outcome<api::DeleteOptions> options_of(const Call& call, std::string_view body) {
  api::BodyFormat format = api::BodyFormat::kJson;
  if (!body.empty()) {
    auto chosen = api::body_format(call.content_type);
    if (!chosen) return api::refuse(std::move(chosen).error());
    format = *chosen;
  }
  return api::parse_delete_options(body, format, call.query());
}

bool held(const api::Json& object) {
  const auto spec = object.find("spec");
  return spec != object.end() && spec->is_object() && spec->value("hold", false);
}

// A held object stays, unless its whole namespace goes: that must not hang, and the trash keeps the
// data.
api::Outcome<void> check_hold(const Env& env, const Call& call, const api::Json& object,
                              const std::string& name) {
  if (!held(object)) return {};
  const auto state = env.deps.namespaces->state(call.info.ns);
  if (state && *state == kube::NamespaceState::kTerminating) return {};
  return api::refuse(api::forbidden(
      "backup.rhoso.io", call.type->plural, name,
      "it is held: spec.hold is true. To delete it, release it first: kubectl patch " +
          call.type->plural + ".backup.rhoso.io " + name + " -n " + call.info.ns +
          " --type merge -p '{\"spec\":{\"hold\":false}}'"));
}

struct Deleted {
  bool gone = false;
  api::ObjectPtr object;  // as it was when it went, or as it is now
};

api::Outcome<Deleted> delete_one(const Env& env, const Call& call, const api::ObjectKey& key,
                                 const api::DeleteOptions& options) {
  const auto failed = [&](const Error& error) {
    return api::refuse(object_error(error, *call.type, key.name));
  };
  for (int tries = 0; tries < kDeleteTries; ++tries) {
    const auto current = env.source(*call.type).get(key);
    if (!current) return failed(current.error());
    if (auto met = api::check_preconditions(*call.type, options, **current); !met)
      return api::refuse(std::move(met).error());
    api::Json object = (*current)->dom();
    if (auto allowed = check_hold(env, call, object, key.name); !allowed)
      return api::refuse(std::move(allowed).error());
    const api::DeleteAction action = api::begin_delete(options, object, env.deps.clock->now());
    if (action == api::DeleteAction::kNothing) return Deleted{false, *current};
    if (options.dry_run) {
      if (action == api::DeleteAction::kRemove) return Deleted{true, *current};
      auto shown = api::Object::make(key.resource, (*current)->revision(), std::move(object));
      if (!shown) return failed(shown.error());
      return Deleted{false, std::move(*shown)};
    }
    if (const Status ready = env.deps.jobs->before_deletion(**current); !ready)
      return failed(ready.error());
    const bool remove = action == api::DeleteAction::kRemove;
    auto written = remove
                       ? env.deps.catalog->remove(key, (*current)->revision())
                       : env.deps.catalog->update(key, (*current)->revision(), std::move(object));
    if (written) {
      env.deps.jobs->deleted(**current);
      return Deleted{remove, std::move(*written)};
    }
    if (written.error().code != Code::kConflict) return failed(written.error());
  }
  return api::refuse(api::modified_conflict(*call.type, key.name));
}

}  // namespace

Answer delete_object(const Env& env, Call& call, std::string_view body) {
  const auto view = choose_view(call, api::Asked::kObject);
  if (!view) return api::refuse(view.error());
  const auto options = options_of(call, body);
  if (!options) return api::refuse(options.error());
  call.dry_run = options->dry_run;
  const auto deleted = delete_one(env, call, call.key(), *options);
  if (!deleted) return api::refuse(deleted.error());
  if (!deleted->gone) return object_response(env, call, *view, 200, deleted->object);
  http::Response out;
  out.headers.add("Content-Type", view->media.format == api::BodyFormat::kYaml
                                      ? "application/yaml"
                                      : "application/json");
  out.body = api::encode(api::delete_status(*call.type, call.info.name, deleted->object->uid()),
                         view->media.format, view->pretty);
  return out;
}

Answer delete_objects(const Env& env, Call& call, std::string_view body) {
  const auto view = choose_view(call, api::Asked::kList);
  if (!view) return api::refuse(view.error());
  const auto selection = parse_list_options(*call.type, call.query());
  if (!selection) return api::refuse(selection.error());
  const auto options = options_of(call, body);
  if (!options) return api::refuse(options.error());
  call.dry_run = options->dry_run;

  const storage::Snapshot state = env.source(*call.type).list(call.info.ns);
  std::vector<api::ObjectPtr> chosen;
  for (const api::ObjectPtr& object : state.objects) {
    if (!selection->selects(*object)) continue;
    if (selection->limit > 0 && chosen.size() == static_cast<std::size_t>(selection->limit)) break;
    chosen.push_back(object);
  }
  // Not atomic, like everywhere in Kubernetes; but what is known beforehand to be refused is
  // refused before anything is gone.
  for (const api::ObjectPtr& object : chosen)
    if (auto allowed = check_hold(env, call, object->dom(), object->key().name); !allowed)
      return api::refuse(std::move(allowed).error());
  for (const api::ObjectPtr& object : chosen) {
    const auto deleted = delete_one(env, call, object->key(), *options);
    if (!deleted && deleted.error().code != 404) return api::refuse(deleted.error());
  }
  api::ListMeta meta;
  meta.revision = state.revision;
  return list_response(env, call, *view, meta, chosen);
}

}  // namespace gb::handlers
