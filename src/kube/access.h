// The doors that a request passes: who is it, may they, does the namespace exist; and where the
// story of an object is told. Each has an implementation over kube-apiserver and one for the
// standalone mode.
//
// Thread safety: all methods, from any thread; they may block on kube-apiserver, with deadlines.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "api/object.h"
#include "base/error.h"
#include "http/server.h"
#include "kube/user.h"

namespace gb::kube {

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // From the raw head only. Unauthenticated: bad credentials (401); no credentials at all are the
  // anonymous user, who is somebody.
  virtual Result<User> authenticate(const http::RequestHead& head) = 0;
};

struct Decision {
  bool allowed = false;
  std::string reason;
};

class Authorizer {
 public:
  virtual ~Authorizer() = default;
  // An error means that nobody could be asked: never "allowed".
  virtual Result<Decision> authorize(const User& user, const Attributes& attributes) = 0;
};

enum class NamespaceState { kActive, kTerminating, kMissing };

class Namespaces {
 public:
  virtual ~Namespaces() = default;
  virtual Result<NamespaceState> state(std::string_view name) = 0;
  // Tells a namespace from an earlier one of the same name, which may have been somebody else's.
  // Empty: it is not there, or namespaces are configured and nothing but names. Errors as of
  // state().
  virtual Result<std::string> uid(std::string_view name) = 0;
};

enum class EventType { kNormal, kWarning };

class EventRecorder {
 public:
  virtual ~EventRecorder() = default;
  // Queues and returns at once; an event that cannot be written is logged and dropped.
  virtual void record(const api::Object& about, EventType type, std::string_view reason,
                      std::string_view message) = 0;
};

}  // namespace gb::kube
