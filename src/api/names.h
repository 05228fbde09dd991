// Names and other strings with a form, judged with the texts of k8s.io/apimachinery where it has
// one. Each returns what is wrong, or an empty text.
#pragma once

#include <string>
#include <string_view>

#include "api/schema.h"

namespace gb::api {

// A string against the format of its schema.
[[nodiscard]] std::string check_format(SchemaFormat format, std::string_view value);

// The names that MariaDB keeps for itself; compared without case.
[[nodiscard]] bool is_system_schema(std::string_view name);

}  // namespace gb::api
