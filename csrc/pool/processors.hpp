// How many processors this process may keep busy.
#pragma once

#include <cstddef>
#include <string>

namespace tokmill::pool {

// Those in the affinity mask, or of the machine where there is no such mask; at least 1.
std::size_t affinity_processors();

// What the CPU quotas of the control groups allow, rounded up; 0 when there is no quota. Looks at version 2 (cpu.max) and
// version 1 (cpu.cfs_quota_us), in this process's group and all groups above it. `root` stands before every path, for
// tests with files of their own.
std::size_t quota_processors(const std::string& root = "");

// The value of TOKMILL_THREADS: a decimal number from 1 to kMaxThreads. Error(value) otherwise.
inline constexpr std::size_t kMaxThreads = 1024;
std::size_t parse_thread_count(const char* text);

}  // namespace tokmill::pool
