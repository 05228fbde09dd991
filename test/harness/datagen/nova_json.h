// The versioned objects that nova keeps as JSON text in its columns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "row.h"

namespace gb::datagen {

std::string flavor_json(Row& r, std::uint64_t flavor);
std::string numa_json(const std::string& uuid);
std::string keypair_json(Row& r);
std::string network_json(Row& r, const std::string& port, const std::string& network);

// The text of append_uuid, where it goes into JSON.
std::string uuid_of(const Row& r, std::string_view kind, std::uint64_t i);

}  // namespace gb::datagen
