// What each verb does, once the route is known. Private to the room.
#pragma once

#include <chrono>

#include "handlers/call.h"

namespace gb::handlers {

Answer get_object(const Env& env, Call& call);  // also of the subresource status
Answer list_objects(const Env& env, Call& call);
Answer watch_objects(const Env& env, Call& call);
Answer create_object(const Env& env, Call& call, std::string_view body);
Answer update_object(const Env& env, Call& call, std::string_view body);
Answer patch_object(const Env& env, Call& call, std::string_view body);
Answer delete_object(const Env& env, Call& call, std::string_view body);
Answer delete_objects(const Env& env, Call& call, std::string_view body);
Answer read_log(const Env& env, Call& call);
// The subresources that do something: the object as it is then.
Answer cancel_job(const Env& env, Call& call, std::string_view body);
Answer undelete_object(const Env& env, Call& call, std::string_view body);
Answer verify_backup(const Env& env, Call& call, std::string_view body);
// The backup that it started.
Answer trigger_schedule(const Env& env, Call& call, std::string_view body);

// How long a call that starts a job may wait for it: as ?timeout= says, and less than
// kube-apiserver.
std::chrono::nanoseconds create_wait(const Env& env, const Call& call);
// The answer to what made an object: as it was recorded, or as its job has left it by now.
Answer answer_created(const Env& env, Call& call, const View& view, api::ObjectPtr made);

// The object as its job has left it, if that ends in time; a job that goes on is no failure. At
// most so many calls wait as Limits say; the others get the object as it is.
api::ObjectPtr wait_for_job(const Env& env, api::ObjectPtr object, std::chrono::nanoseconds wait);

// NamespaceLifecycle: kube-apiserver does not enforce it for what it proxies. `name` is of the
// object that is to be there.
api::Outcome<void> check_namespace(const Env& env, const Call& call, std::string_view name);

// A place for one more watch or followed log of the user; 429 when there is none left.
api::Outcome<std::shared_ptr<void>> take_stream(const Env& env, const Call& call);
// The queue for who reads it: when that one lets it go, the place is free.
std::shared_ptr<http::FrameQueue> with_place(std::shared_ptr<http::FrameQueue> queue,
                                             std::shared_ptr<void> place);

// The object that the call names; 404 when it is not there.
api::Outcome<api::ObjectPtr> find_object(const Env& env, const Call& call);

}  // namespace gb::handlers
