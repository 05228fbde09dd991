// The rules of specs that one field alone cannot show.
#pragma once

#include <string>
#include <string_view>

#include "api/errors.h"
#include "api/schema.h"

namespace gb::api {

// Every field of spec has the type and form of its schema.
void check_rules(const ResourceType& type, const Json& object, FieldErrors& errors);

// What is wrong with the first value that is not of its schema's type; empty: none.
[[nodiscard]] std::string first_type_error(const Schema& schema, const Json& value,
                                           std::string_view path);

}  // namespace gb::api
