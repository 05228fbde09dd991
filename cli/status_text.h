// A status report (status_report.h) as one screen of text.
//
// Thread safety: pure functions.
#pragma once

#include <string>

#include "api/object.h"

namespace gb::cli {

[[nodiscard]] std::string status_text(const api::Json& report);

}  // namespace gb::cli
