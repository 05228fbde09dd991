// What /version tells of this build.
#pragma once

#include "handlers/service.h"

namespace gb::apiserver {

[[nodiscard]] handlers::VersionInfo build_info();

}  // namespace gb::apiserver
