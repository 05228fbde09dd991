// What this process has used, for benchmarks. Thread safety: pure reads.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <ctime>
#include <fstream>

// Of all its threads, user and system: on a busy machine it says more than the wall clock.
inline double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// Resident memory; 0 when the kernel does not tell.
inline std::int64_t resident_kib() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t size = 0;
  std::int64_t resident = 0;
  return statm >> size >> resident ? resident * (sysconf(_SC_PAGESIZE) / 1024) : 0;
}
