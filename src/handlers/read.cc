// get, list and watch.
#include <algorithm>
#include <chrono>

#include "handlers/hub.h"
#include "handlers/list_options.h"
#include "handlers/respond.h"
#include "handlers/verbs.h"

namespace gb::handlers {
namespace {

// How long a read waits for a revision that the catalog has not reached, as k8s.io/apiserver does.
constexpr std::chrono::milliseconds kFreshnessWait{3000};
// Watches that do not say how long they want to last get half an hour and a random part of another,
// so that they do not all come back at once.
constexpr std::int64_t kWatchSeconds = 1800;
constexpr std::size_t kRestOfKey = 1;  // the NUL after the last object's key in a token

std::string sort_key(const api::Object& object) {
  return object.key().ns.empty() ? object.key().name : object.key().ns + "/" + object.key().name;
}

// The catalog orders by namespace, then name; a token's text is cut the same way.
std::pair<std::string_view, std::string_view> split_key(std::string_view key) {
  const std::size_t slash = key.find('/');
  if (slash == std::string_view::npos) return {std::string_view(), key};
  return {key.substr(0, slash), key.substr(slash + 1)};
}

bool before(const api::Object& object, std::string_view start) {
  return std::pair<std::string_view, std::string_view>(object.key().ns, object.key().name) <
         split_key(start);
}

api::Outcome<void> reach(const Env& env, Source& source, std::uint64_t revision) {
  const auto too_large = [&] {
    return api::refuse(api::resource_version_too_large(revision, source.revision()));
  };
  std::unique_ptr<Permit> place;
  if (source.revision() < revision) {
    place = Permit::take(env.waiting_reads, env.deps.limits.waiting_reads);
    if (place == nullptr) return too_large();
  }
  if (!source.wait_for(revision, kFreshnessWait, env.stopping.get_token())) return too_large();
  return {};
}

// What a list shows, by the table of resourceVersion, resourceVersionMatch, limit and continue.
api::Outcome<storage::Snapshot> state_for(const Env& env, const Call& call, const ListOptions& o,
                                          std::string& start) {
  Source& source = env.source(*call.type);
  if (!o.continue_token.empty()) {
    auto token = decode_continue(o.continue_token);
    if (!token)
      return api::refuse(api::bad_request("invalid continue token: " + token.error().message));
    if (!o.any_version())
      return api::refuse(
          api::bad_request("specifying resource version is not allowed when using continue"));
    start = token->start;
    if (token->revision == -1) return source.list(call.info.ns);
    const auto revision = static_cast<std::uint64_t>(token->revision);
    if (revision > source.revision())
      if (auto reached = reach(env, source, revision); !reached)
        return api::refuse(std::move(reached).error());
    auto state = source.list_at(call.info.ns, revision);
    if (state) return std::move(*state);
    if (state.error().code != Code::kExpired)
      return api::refuse(api::from_error(state.error(), call.type, {}));
    api::ApiError gone = api::expired(
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
        "response to retrieve the remainder of the results. Continuing with the provided token "
        "results in an inconsistent list - objects that were created, modified, or deleted between "
        "the time the first chunk was returned and now may show up in the list.");
    gone.continue_token = encode_continue({-1, start});
    return api::refuse(std::move(gone));
  }
  auto revision = o.revision();
  if (!revision)
    return api::refuse(api::bad_request("invalid resource version: " + revision.error().message));
  if (*revision == 0) return source.list(call.info.ns);
  if (auto reached = reach(env, source, *revision); !reached)
    return api::refuse(std::move(reached).error());
  const bool exact = o.match == ListOptions::Match::kExact ||
                     (o.match == ListOptions::Match::kUnset && o.limit > 0);
  if (!exact) return source.list(call.info.ns);
  auto state = source.list_at(call.info.ns, *revision);
  if (state) return std::move(*state);
  if (state.error().code == Code::kExpired)
    return api::refuse(api::expired("The resourceVersion for the provided list is too old."));
  return api::refuse(api::from_error(state.error(), call.type, {}));
}

// Keeps what is selected, from `start` on, at most `limit`; what is left over is told in `meta`.
std::vector<api::ObjectPtr> select(storage::Snapshot state, const ListOptions& o,
                                   const std::string& start, api::ListMeta& meta) {
  std::vector<api::ObjectPtr>& all = state.objects;
  auto first = all.begin();
  if (!start.empty())
    first = std::partition_point(all.begin(), all.end(),
                                 [&](const auto& object) { return before(*object, start); });
  if (o.limit <= 0 && first == all.begin() && o.selects_all()) return std::move(all);
  std::vector<api::ObjectPtr> chosen;
  for (auto it = first; it != all.end(); ++it) {
    if (!o.selects(**it)) continue;
    if (o.limit > 0 && chosen.size() == static_cast<std::size_t>(o.limit)) {
      meta.continue_token =
          encode_continue({static_cast<std::int64_t>(state.revision),
                           sort_key(*chosen.back()) + std::string(kRestOfKey, '\0')});
      if (o.selects_all()) meta.remaining = all.end() - it;
      break;
    }
    chosen.push_back(*it);
  }
  return chosen;
}

}  // namespace

api::Outcome<api::ObjectPtr> find_object(const Env& env, const Call& call) {
  auto object = env.source(*call.type).get(call.key());
  if (object) return std::move(*object);
  return api::refuse(object_error(object.error(), *call.type, call.info.name));
}

std::shared_ptr<http::FrameQueue> with_place(std::shared_ptr<http::FrameQueue> queue,
                                             std::shared_ptr<void> place) {
  http::FrameQueue* const same = queue.get();
  return {same, [queue = std::move(queue), place = std::move(place)](const void*) mutable {
            queue.reset();
            place.reset();
          }};
}

api::Outcome<std::shared_ptr<void>> take_stream(const Env& env, const Call& call) {
  const unsigned limit = env.deps.limits.streams_each;
  if (auto place = env.streams.take(call.user.name, limit)) return place;
  const Error error{Code::kExhausted,
                    "user \"" + call.user.name + "\" has " + std::to_string(limit) +
                        " watches and followed logs open, and no more may be at once",
                    "end some of them, or wait until they end",
                    std::chrono::seconds(1),
                    {}};
  return api::refuse(api::from_error(error, call.type, call.info.name));
}

Answer get_object(const Env& env, Call& call) {
  const auto view = choose_view(call, api::Asked::kObject);
  if (!view) return api::refuse(view.error());
  const std::string_view version = api::query_value(call.query(), "resourceVersion");
  if (!version.empty()) {
    ListOptions o;
    o.resource_version = version;
    const auto revision = o.revision();
    if (!revision)
      return api::refuse(api::bad_request("invalid resource version: " + revision.error().message));
    if (auto reached = reach(env, env.source(*call.type), *revision); !reached)
      return api::refuse(std::move(reached).error());
  }
  const auto object = find_object(env, call);
  if (!object) return api::refuse(object.error());
  return object_response(env, call, *view, 200, *object);
}

Answer list_objects(const Env& env, Call& call) {
  const auto view = choose_view(call, api::Asked::kList);
  if (!view) return api::refuse(view.error());
  const auto options = parse_list_options(*call.type, call.query());
  if (!options) return api::refuse(options.error());
  std::string start;
  auto state = state_for(env, call, *options, start);
  if (!state) return api::refuse(std::move(state).error());
  api::ListMeta meta;
  meta.revision = state->revision;
  const auto objects = select(std::move(*state), *options, start, meta);
  return list_response(env, call, *view, meta, objects);
}

Answer watch_objects(const Env& env, Call& call) {
  const auto view = choose_view(call, api::Asked::kWatch);
  if (!view) return api::refuse(view.error());
  auto options = parse_list_options(*call.type, call.query());
  if (!options) return api::refuse(options.error());
  const auto revision = options->revision();
  if (!revision) return api::refuse(api::internal_error(revision.error().message));

  Source& source = env.source(*call.type);
  WatchRequest request;
  request.type = call.type;
  request.ns = call.info.ns;
  request.format = {view->media.shape, view->include, view->media.version};
  request.from = *revision;
  if (options->send_initial_events.value_or(options->any_version())) {
    if (auto reached = reach(env, source, *revision); !reached)
      return api::refuse(std::move(reached).error());
    request.initial = source.list(call.info.ns);
    request.mark_initial_end = options->bookmarks;
  } else if (options->any_version()) {
    request.from = source.revision();
  }
  std::int64_t seconds = options->timeout_seconds.value_or(0);
  if (seconds <= 0)
    seconds = kWatchSeconds + static_cast<std::int64_t>(env.deps.rng->next() % kWatchSeconds);
  // A client may ask for any number; no watch lasts longer than a day.
  request.lifetime = std::chrono::seconds(std::min<std::int64_t>(seconds, 86400));
  request.options = std::move(*options);

  const auto place = take_stream(env, call);
  if (!place) return api::refuse(place.error());
  http::Response out;
  out.headers.add("Content-Type", view->media.content_type);
  out.body = with_place(env.hub->open(request), *place);
  return out;
}

}  // namespace gb::handlers
