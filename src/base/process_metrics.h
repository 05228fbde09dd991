// What the kernel tells of this process, under the names that every Prometheus client library uses.
//
// Thread safety: any thread.
#pragma once

#include <vector>

#include "base/metrics.h"

namespace gb::metrics {

// process_cpu_seconds_total, process_resident_memory_bytes, … A collector for Registry::collect();
// what the kernel does not tell has no series.
std::vector<Gauges> process_metrics();

}  // namespace gb::metrics
