// How many files and sockets this process may have open at once.
//
// Thread safety: all functions, from any thread.
#pragma once

#include <cstdint>

namespace gb {

// Raises the soft limit, which is often 1024 for the sake of programs that use select(), to the
// hard one. The limit that holds now; where it cannot be raised, that is what it was.
std::uint64_t raise_file_limit();

}  // namespace gb
