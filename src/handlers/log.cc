// The subresource log: what a job has said, and with ?follow=true what it says from now on.
#include <algorithm>
#include <charconv>
#include <mutex>

#include "handlers/hub.h"
#include "handlers/respond.h"
#include "handlers/verbs.h"

namespace gb::handlers {
namespace {

// The last `lines` lines of a text of whole lines.
std::string_view tail_of(std::string_view text, std::uint64_t lines) {
  std::size_t at = text.size();
  if (at > 0 && text.back() == '\n') --at;
  for (; lines > 0; --lines) {
    const std::size_t cut = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
    if (cut == std::string_view::npos) return text;
    at = cut;
    if (lines == 1) return text.substr(cut + 1);
  }
  return {};
}

// Text that is gathered until the reader is known, then goes to it. The job's thread calls, so it
// only queues; it holds no owner of the queue, so a reader that left is let go by others, never
// from in here.
class Relay {
 public:
  void text(std::string_view text) {
    const std::lock_guard lock(mutex_);
    if (gathering_)
      gathered_ += text;
    else if (const auto queue = queue_.lock())
      queue->push(std::make_shared<const std::string>(text));
  }
  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    if (const auto queue = queue_.lock()) queue->close();
  }
  std::string gathered() {
    const std::lock_guard lock(mutex_);
    return gathered_;
  }
  void connect(const std::shared_ptr<http::FrameQueue>& queue, std::optional<std::uint64_t> tail) {
    const std::lock_guard lock(mutex_);
    gathering_ = false;
    queue_ = queue;
    const std::string_view first = tail ? tail_of(gathered_, *tail) : std::string_view(gathered_);
    if (!first.empty()) queue->push(std::make_shared<const std::string>(first));
    gathered_.clear();
    if (ended_) queue->close();
  }

 private:
  std::mutex mutex_;
  bool gathering_ = true;
  bool ended_ = false;
  std::string gathered_;
  std::weak_ptr<http::FrameQueue> queue_;
};

api::Outcome<std::optional<std::uint64_t>> tail_lines(const api::Query& query) {
  if (!api::query_has(query, "tailLines")) return std::nullopt;
  const std::string_view text = api::query_value(query, "tailLines");
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    return api::refuse(api::bad_request("tailLines: Invalid value: \"" + std::string(text) +
                                        "\": must be a number of lines, 0 or more"));
  return value;
}

}  // namespace

Answer read_log(const Env& env, Call& call) {
  const auto object = find_object(env, call);
  if (!object) return api::refuse(object.error());
  const auto tail = tail_lines(call.query());
  if (!tail) return api::refuse(tail.error());
  const bool follow = query_flag(call.query(), "follow");

  std::shared_ptr<void> place;
  if (follow) {
    auto taken = take_stream(env, call);
    if (!taken) return api::refuse(std::move(taken).error());
    place = std::move(*taken);
  }
  const auto relay = std::make_shared<Relay>();
  auto reader = env.deps.jobs->follow_log(
      **object, follow, [relay](std::string_view text) { relay->text(text); },
      [relay] { relay->end(); });
  if (!reader) return api::refuse(api::from_error(reader.error(), call.type, call.info.name));
  if (!follow) {
    const std::string text = relay->gathered();
    return text_response(200, std::string(*tail ? tail_of(text, **tail) : std::string_view(text)));
  }
  http::Response out = text_response(200, {});
  auto queue = std::make_shared<http::FrameQueue>();
  relay->connect(queue, *tail);
  env.hub->keep(call.type->plural, queue, std::shared_ptr<jobs::LogReader>(std::move(*reader)));
  out.body = with_place(std::move(queue), std::move(place));
  return out;
}

}  // namespace gb::handlers
