// Whom this server believes: what the ConfigMap kube-system/extension-apiserver-authentication
// says, and the identity that a believed front proxy hands on.
//
// Thread safety: pure functions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/object.h"
#include "base/error.h"
#include "http/client_authorities.h"
#include "http/server.h"
#include "kube/user.h"

namespace gb::kube {

struct Trust {
  std::shared_ptr<const http::ClientAuthorities> clients;  // null: client certificates say nothing
  std::shared_ptr<const http::ClientAuthorities> proxies;  // null: no front proxy is believed
  std::vector<std::string> username_headers;
  std::vector<std::string> group_headers;
  std::vector<std::string> extra_prefixes;
  std::vector<std::string> uid_headers;    // empty: no uid is believed
  std::vector<std::string> allowed_names;  // empty: any common name
};

// Invalid names the key that cannot be read: the trust that was there before stays then.
Result<Trust> read_trust(const api::Json& config_map);

// Nothing when no user is named. Values are the raw bytes of the head; of an extra's key only the
// name is lower-cased and percent-decoded.
std::optional<User> user_of_headers(const Trust& trust, const http::Headers& headers);

}  // namespace gb::kube
