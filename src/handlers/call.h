// One request on its way through the handlers, and what they all work with. Private to the room.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
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

// Places of which each key (a namespace, a user) has only so many. Thread safety: take() from any
// thread; a place may outlive this, and is given back when destroyed.
class Shares {
 public:
  // Null when `limit` of this key are taken already.
  std::shared_ptr<void> take(const std::string& key, unsigned limit);

 private:
  struct Taken {
    std::mutex mutex;
    std::map<std::string, unsigned> by_key;  // none is 0
  };
  std::shared_ptr<Taken> taken_ = std::make_shared<Taken>();
};

// What the verbs need; lives as long as the Service.
struct Env {
  Dependencies deps;
  std::map<std::string, std::unique_ptr<Source>> sources;  // by resource
  std::unique_ptr<Hub> hub;                                // after the sources that it reads
  std::stop_source stopping;
  mutable std::atomic<unsigned> waiting_creates{0};
  mutable std::atomic<unsigned> waiting_reads{0};
  mutable Shares starting;  // by namespace: job_start.h
  mutable Shares streams;   // by user: watches and followed logs

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
