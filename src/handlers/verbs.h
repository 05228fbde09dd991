// What each verb does, once the route is known. Private to the room.
#pragma once

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

// The object that the call names; 404 when it is not there.
api::Outcome<api::ObjectPtr> find_object(const Env& env, const Call& call);

}  // namespace gb::handlers
