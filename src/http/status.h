// The few answers that the transport gives by itself, as Kubernetes' Status objects.
#pragma once

#include <string_view>

#include "http/server.h"

namespace gb::http {

// `message` is a text of our own: nothing of a request is ever put into it.
[[nodiscard]] Response status_response(int status, std::string_view message);

// For what a handler threw: not a word of it reaches the client.
[[nodiscard]] Response internal_error();

}  // namespace gb::http
