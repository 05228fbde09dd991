// One request on its way through the handlers, and what they all work with. Private to the room.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta.h"
#include "api/negotiate.h"
#include "api/schema.h"
#include "handlers/request_info.h"
#include "handlers/service.h"

namespace gb::handlers {

class Hub;
class Source;

// What the verbs need; lives as long as the Service.
struct Env {
  Dependencies deps;
  std::map<std::string, std::unique_ptr<Source>> sources;  // by resource
  std::unique_ptr<Hub> hub;                                // after the sources that it reads
  std::stop_source stopping;
  mutable std::atomic<unsigned> waiting_creates{0};
  mutable std::atomic<unsigned> waiting_reads{0};

  [[nodiscard]] Source& source(const api::ResourceType& type) const {
    return *sources.at(type.plural);
  }
};

// A place among those that may do something at once; given back when destroyed.
class Permit {
 public:
  // Null when `limit` are taken already.
  static std::unique_ptr<Permit> take(std::atomic<unsigned>& taken, unsigned limit);
  ~Permit();
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;

 private:
  explicit Permit(std::atomic<unsigned>& taken) : taken_(taken) {}
  std::atomic<unsigned>& taken_;
};

// Made by admit(), finished by handle().
struct Call {
  RequestInfo info;
  Target target;
  std::string method;
  std::string raw_target;
  std::string peer;
  std::string audit_id;
  std::string accept;  // every Accept value, joined
  std::string content_type;
  std::string user_agent;
  std::string if_none_match;
  kube::User user;
  std::string impersonator;  // who acts as `user`; empty: nobody
  std::optional<std::chrono::nanoseconds> timeout;
  bool respond_async = false;  // Prefer: respond-async (RFC 7240): do not wait for the job
  SteadyTime started;
  // Set by the route.
  const api::ResourceType* type = nullptr;
  // Gathered on the way.
  std::vector<std::string> warnings;
  bool dry_run = false;

  [[nodiscard]] const api::Query& query() const { return target.query; }
  [[nodiscard]] api::ObjectKey key() const { return {type->plural, info.ns, info.name}; }
};

using Answer = api::Outcome<http::Response>;

}  // namespace gb::handlers
