#include "handlers/health.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "handlers/respond.h"

namespace gb::handlers {

Health::Health(std::vector<HealthCheck> checks) {
  checks_.push_back({"ping", [] { return Status(); }, /*live=*/true});
  for (HealthCheck& check : checks) checks_.push_back(std::move(check));
  checks_.push_back({"shutdown",
                     [this]() -> Status {
                       if (!shutting_down_) return {};
                       return fail(Code::kUnavailable, "the process is shutting down");
                     },
                     /*live=*/false});
}

std::optional<http::Response> Health::answer(const Call& call) const {
  const std::vector<std::string>& parts = call.target.parts;
  if (!call.target.clean || parts.empty() || parts.size() > 2) return std::nullopt;
  const std::string& name = parts[0];
  if (name != "healthz" && name != "livez" && name != "readyz") return std::nullopt;
  std::vector<const HealthCheck*> checks;
  for (const HealthCheck& check : checks_)
    if (check.live || name == "readyz") checks.push_back(&check);
  if (parts.size() == 1) return page(name, checks, call.query());

  const auto one =
      std::ranges::find_if(checks, [&](const auto* check) { return check->name == parts[1]; });
  if (one == checks.end()) return std::nullopt;
  const Status result = (*one)->check();
  if (result) return text_response(200, "ok");
  // This path is authorized, unlike the page: it may say why.
  return text_response(500, "internal server error: " + result.error().text() + "\n");
}

bool Health::ready() const {
  return std::ranges::all_of(checks_, [](const auto& check) { return check.check().has_value(); });
}

http::Response Health::page(std::string_view name, const std::vector<const HealthCheck*>& checks,
                            const api::Query& query) const {
  std::vector<std::string> excluded;
  for (const auto& [key, value] : query)
    if (key == "exclude") excluded.push_back(value);
  std::ranges::sort(excluded);
  excluded.erase(std::unique(excluded.begin(), excluded.end()), excluded.end());

  std::string out;
  bool failed = false;
  for (const HealthCheck* check : checks) {
    if (const auto it = std::ranges::find(excluded, check->name); it != excluded.end()) {
      excluded.erase(it);
      out += "[+]" + check->name + " excluded: ok\n";
      continue;
    }
    const Status result = check->check();
    if (result) {
      out += "[+]" + check->name + " ok\n";
      continue;
    }
    failed = true;
    out += "[-]" + check->name + " failed: reason withheld\n";
    log::warn("health check failed",
              {{"page", name}, {"check", check->name}, {"error", result.error().text()}});
  }
  if (!excluded.empty())
    out += "warn: some health checks cannot be excluded: no matches for \"" +
           join(excluded, "\",\"") + "\"\n";
  if (failed) return text_response(500, out + std::string(name) + " check failed\n");
  if (!api::query_has(query, "verbose")) return text_response(200, "ok");
  return text_response(200, out + std::string(name) + " check passed\n");
}

}  // namespace gb::handlers
