// The whole program behind main(): every room made and wired, served until a stop, taken down in
// order.
#pragma once

#include <memory>
#include <stop_token>

#include "apiserver/config.h"
#include "base/error.h"

namespace gb::apiserver {

// Serves until `stop`; then drains and returns. An error: why it could not begin.
Status serve(const Config& config, std::stop_token stop);

}  // namespace gb::apiserver
