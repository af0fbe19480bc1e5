// The one thread pool of the process. Its threads start at the first call that can use them, never at import. After a
// fork the child makes a new one of its own; the parent's goes on.
#pragma once

#include <cstddef>
#include <functional>

#include "base/cancel.hpp"

namespace tokmill::pool {

// TOKMILL_THREADS if set, else the processors that the affinity mask and the cgroup's CPU quota leave us; at least 1.
// Read at each call (cheap enough: cached for the affinity, the environment is looked at).
std::size_t default_thread_count();

// Runs task(i) for every i in [0, count), on up to `threads` threads of which the calling one is one. Tasks are taken in
// rising order. Returns when all are done. The first exception of a task stops the handing out of further ones; when all
// that have begun are done, the exception of the lowest task is thrown here, the same for any number of threads.
// Error(interrupted) when `cancel` is requested. The calling thread polls `cancel` between tasks and while it waits.
// May be called from many threads at once, and from inside a task (which then runs its tasks itself).
void run(std::size_t count, std::size_t threads, Cancel& cancel, const std::function<void(std::size_t task)>& task);

// Grows by one in the child of each fork: whoever keeps locks or half-written tables compares it with what it saw.
std::size_t fork_generation() noexcept;

}  // namespace tokmill::pool
