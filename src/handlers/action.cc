// The subresources that do something: cancel, undelete, verify and trigger.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/decode.h"
#include "api/text.h"
#include "api/types.h"
#include "handlers/job_start.h"
#include "handlers/respond.h"
#include "handlers/verbs.h"

namespace gb::handlers {
namespace {

constexpr std::chrono::nanoseconds kNoWait{0};
// A job stops between two chunks; one that waits for a lock of the database takes longer.
constexpr std::chrono::nanoseconds kCancelWait = std::chrono::seconds(15);

// What is asked for beside the path: nothing, or an object with none but the `known` fields.
api::Outcome<api::Json> options_of(const Call& call, std::string_view body,
                                   const std::vector<std::string>& known) {
  if (body.empty()) return api::Json::object();
  const auto format = api::body_format(call.content_type);
  if (!format) return api::refuse(format.error());
  std::vector<std::string> problems;
  auto options = api::parse_document(body, *format, problems);
  if (!options) return api::refuse(api::bad_request(options.error().message));
  if (options->is_null()) return api::Json::object();
  if (!options->is_object())
    return api::refuse(api::bad_request("the body must be an object, or empty"));
  for (const auto& [name, value] : options->items()) {
    if (std::ranges::find(known, name) == known.end())
      return api::refuse(api::bad_request("unknown field " + api::quote(name)));
    if (!value.is_string())
      return api::refuse(api::bad_request("the field " + api::quote(name) + " must be a string"));
  }
  return std::move(*options);
}

struct Asked {
  View view;
  api::Json options;
};

api::Outcome<Asked> asked_of(Call& call, std::string_view body,
                             const std::vector<std::string>& known) {
  auto view = choose_view(call, api::Asked::kObject);
  if (!view) return api::refuse(std::move(view).error());
  const auto write = api::parse_write_options(call.query(), "CreateOptions");
  if (!write) return api::refuse(write.error());
  call.dry_run = write->dry_run;
  auto options = options_of(call, body, known);
  if (!options) return api::refuse(std::move(options).error());
  return Asked{std::move(*view), std::move(*options)};
}

api::Outcome<api::ObjectPtr> start_verification(const Env& env, const Call& call,
                                                const std::string& method) {
  const auto start = JobStart::begin(env, call);
  if (!start) return api::refuse(start.error());
  auto begun =
      env.deps.jobs->verify(call.key(), method, call.user, call.dry_run, (*start)->token());
  if (begun) return std::move(*begun);
  if (begun.error().code == Code::kNotFound)
    return api::refuse(object_error(begun.error(), *call.type, call.info.name));
  return api::refuse((*start)->refusal(begun.error(), call, call.info.name));
}

api::Outcome<api::ObjectPtr> start_run(const Env& env, const Call& call) {
  const auto start = JobStart::begin(env, call);
  if (!start) return api::refuse(start.error());
  auto made = env.deps.jobs->trigger(call.key(), call.dry_run, (*start)->token());
  if (made) return std::move(*made);
  return api::refuse((*start)->refusal(made.error(), call, call.info.name));
}

}  // namespace

Answer cancel_job(const Env& env, Call& call, std::string_view body) {
  const auto asked = asked_of(call, body, {});
  if (!asked) return api::refuse(asked.error());
  auto object = env.deps.jobs->cancel(call.key(), call.user, call.dry_run);
  if (!object) return api::refuse(object_error(object.error(), *call.type, call.info.name));
  if (call.dry_run) return object_response(env, call, asked->view, 201, *object);
  // Of a backup that has ended, its check is meant.
  const auto phase_of_check = [](const api::Json& dom) {
    return api::text_member(api::at_path(dom, "status.check"), "phase");
  };
  const bool check = phase_of_check((*object)->dom()) == "Running";
  const api::ObjectPtr now =
      wait_for_job(env, std::move(*object), call.respond_async ? kNoWait : kCancelWait);
  const api::Json dom = now->dom();
  const std::string phase = check ? phase_of_check(dom) : api::phase_of(dom);
  if (check ? phase == "Running" : !api::is_terminal_phase(phase))
    call.warnings.push_back("it has not ended yet; its phase will be Cancelled when it has");
  else if (phase != "Cancelled")
    return api::refuse(api::conflict(*call.type, call.info.name,
                                     "it ended before it could be cancelled: it is " + phase));
  return object_response(env, call, asked->view, 201, now);
}

Answer undelete_object(const Env& env, Call& call, std::string_view body) {
  const auto asked = asked_of(call, body, {"uid"});
  if (!asked) return api::refuse(asked.error());
  if (auto lives = check_namespace(env, call, call.info.name); !lives)
    return api::refuse(std::move(lives).error());
  const auto object = env.deps.jobs->undelete(call.key(), api::text_member(asked->options, "uid"),
                                              call.user, call.dry_run);
  if (!object) return api::refuse(api::from_error(object.error(), call.type, call.info.name));
  const api::Json dom = (*object)->dom();
  if (api::read_backup_spec(dom).hold)
    call.warnings.push_back(
        "its ttl or the retention of its schedule would delete it again: it came back with "
        "spec.hold, which keeps it until you set that to false");
  return object_response(env, call, asked->view, 201, *object);
}

Answer verify_backup(const Env& env, Call& call, std::string_view body) {
  const auto asked = asked_of(call, body, {"method"});
  if (!asked) return api::refuse(asked.error());
  std::string method = api::text_member(asked->options, "method");
  if (method.empty()) method = "Checksum";
  auto begun = start_verification(env, call, method);
  if (!begun) return api::refuse(std::move(begun).error());
  if (call.dry_run) return object_response(env, call, asked->view, 201, *begun);
  const api::ObjectPtr now = wait_for_job(env, std::move(*begun), create_wait(env, call));
  const api::Json dom = now->dom();
  const api::Json& check = api::at_path(dom, "status.check");
  if (const std::string phase = api::text_member(check, "phase");
      phase == "Failed" || phase == "Inconclusive")
    call.warnings.push_back(api::text_member(check, "message"));
  return object_response(env, call, asked->view, 201, now);
}

Answer trigger_schedule(const Env& env, Call& call, std::string_view body) {
  const auto asked = asked_of(call, body, {});
  if (!asked) return api::refuse(asked.error());
  if (const auto schedule = find_object(env, call); !schedule) return api::refuse(schedule.error());
  if (auto lives = check_namespace(env, call, {}); !lives)
    return api::refuse(std::move(lives).error());
  auto made = start_run(env, call);
  if (!made) return api::refuse(std::move(made).error());
  // What is answered is the backup.
  call.type = api::find_resource(api::kBackups);
  return answer_created(env, call, asked->view, std::move(*made));
}

}  // namespace gb::handlers
