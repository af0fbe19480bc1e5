// The pool. A call to run() is a batch: an atomic counter hands its tasks out. The calling thread takes tasks like any
// other; helpers are a bonus, so that no call ever waits for a free worker, only for tasks that workers have begun.
//
// What makes forks harmless: no lock is ever shared by parent and child. The pool is one heap object behind an atomic
// pointer; in the child the pointer is cleared and the old object is forgotten, its mutex in whatever state. Workers are
// detached and the object is never destroyed, so there is nothing to join at exit: the process ends while they sleep.
#include "pool/pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/errors.hpp"
#include "pool/processors.hpp"

namespace tokmill::pool {

namespace {

constexpr std::chrono::milliseconds kWaitStep{10};  // half of Cancel's interval, so that no poll comes a step late
// More threads than this are started only where there are as many processors: threads=5000 is no reason to have them.
constexpr std::size_t kThreadsWithoutAsking = 64;

using Task = std::function<void(std::size_t)>;

thread_local bool inside_task = false;

// One call to run(). Lives on the caller's stack, which is why the caller waits until every helper has left.
struct Batch {
    const std::size_t count;
    const Task& task;
    const Cancel& cancel;
    std::size_t places;  // helpers that may still join; guarded by the pool's mutex

    std::atomic<std::size_t> next{0};
    std::atomic<bool> stopped{false};

    // The rest is guarded by the pool's mutex.
    std::size_t helpers = 0;         // that have joined and not left
    std::condition_variable left{};  // the last helper left
    std::exception_ptr error{};      // of the failed task with the lowest number
    std::size_t error_task = 0;
};

class Pool {
public:
    // Offers the batch to the workers, of which there will be `helpers` if the system has threads left to give.
    void offer(Batch& batch, std::size_t helpers) {
        const std::lock_guard lock(mutex_);
        while (workers_ < helpers && start_worker()) {
        }
        if (workers_ == 0) return;
        waiting_.push_back(&batch);
        for (std::size_t i = 0; i < std::min(helpers, workers_); ++i) work_.notify_one();
    }

    // Does the next task. False when there is none left, one has failed or the caller gave up.
    bool take_one(Batch& batch) {
        if (batch.stopped.load(std::memory_order_relaxed) || batch.cancel.requested()) return false;
        const std::size_t task = batch.next.fetch_add(1, std::memory_order_relaxed);
        if (task >= batch.count) return false;
        try {
            batch.task(task);
        } catch (...) {
            batch.stopped.store(true, std::memory_order_relaxed);
            // Tasks are handed out in rising order, so the lowest of all that would fail has begun: the error that is kept
            // does not depend on the number of threads.
            const std::lock_guard lock(mutex_);
            if (!batch.error || task < batch.error_task) {
                batch.error = std::current_exception();
                batch.error_task = task;
            }
        }
        return true;
    }

    // No helper joins from here on.
    void withdraw(Batch& batch) {
        const std::lock_guard lock(mutex_);
        std::erase(waiting_, &batch);
    }

    // True when all helpers have left, false after kWaitStep.
    bool wait_step(Batch& batch) {
        std::unique_lock lock(mutex_);
        return batch.left.wait_for(lock, kWaitStep, [&] { return batch.helpers == 0; });
    }

private:
    bool start_worker() {
        // Signals are for the threads of the program: a worker that took one would leave a blocked main thread asleep.
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        bool started = true;
        try {
            std::thread([this] { work(); }).detach();
            ++workers_;
        } catch (...) {
            started = false;  // no thread to be had, or no memory for one: the callers do the work
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        return started;
    }

    void work() {
#if defined(__linux__)
        pthread_setname_np(pthread_self(), "tokmill");
#endif
        inside_task = true;
        std::unique_lock lock(mutex_);
        for (;;) {
            work_.wait(lock, [&] { return !waiting_.empty(); });
            Batch& batch = *waiting_.front();
            ++batch.helpers;
            if (--batch.places == 0) waiting_.erase(waiting_.begin());
            lock.unlock();
            while (take_one(batch)) {
            }
            lock.lock();
            std::erase(waiting_, &batch);  // nothing is left to take: nobody else need join
            // Told with the lock held: the batch may be gone as soon as its caller sees that nobody is left.
            if (--batch.helpers == 0) batch.left.notify_one();
        }
    }

    std::mutex mutex_;
    std::condition_variable work_;   // there is a batch in waiting_
    std::vector<Batch*> waiting_;    // batches with places left, oldest first
    std::size_t workers_ = 0;
};

std::atomic<Pool*> current_pool{nullptr};
std::atomic<std::size_t> generation{0};

// Registered when the library is loaded: at the first call another thread might fork in the middle of it.
[[maybe_unused]] const int fork_handler = pthread_atfork(nullptr, nullptr, [] {
    current_pool.store(nullptr, std::memory_order_relaxed);
    generation.fetch_add(1, std::memory_order_relaxed);
});

Pool& pool() {
    Pool* there = current_pool.load(std::memory_order_acquire);
    if (there != nullptr) return *there;
    // Two threads may both make one; the loser's has no workers yet. A lock could be held at a fork.
    Pool* const made = new Pool;
    if (current_pool.compare_exchange_strong(there, made, std::memory_order_acq_rel)) return *made;
    delete made;
    return *there;
}

// Marks this thread as being inside of a task, so that tasks which call run() do their work themselves.
class InsideTask {
public:
    InsideTask() : before_(inside_task) { inside_task = true; }
    ~InsideTask() { inside_task = before_; }
    InsideTask(const InsideTask&) = delete;
    InsideTask& operator=(const InsideTask&) = delete;

private:
    bool before_;
};

void run_alone(std::size_t count, Cancel& cancel, const Task& task) {
    const InsideTask inside;
    for (std::size_t i = 0; i < count; ++i) {
        cancel.poll();
        task(i);
    }
    cancel.check();
}

// Polls without throwing, since helpers may still be at work on the caller's stack; who asked to stop stays in `cancel`.
void poll_quietly(Cancel& cancel) noexcept {
    if (cancel.requested()) return;
    try {
        cancel.poll();
    } catch (...) {
        cancel.request();
    }
}

}  // namespace

std::size_t default_thread_count() {
    const char* const wanted = std::getenv("TOKMILL_THREADS");
    if (wanted != nullptr && *wanted != 0) return parse_thread_count(wanted);
    static std::atomic<std::size_t> quota{0};  // 0: not looked up yet; two threads that both look find the same
    std::size_t limit = quota.load(std::memory_order_relaxed);
    if (limit == 0) {
        limit = quota_processors();
        if (limit == 0) limit = kMaxThreads;
        quota.store(limit, std::memory_order_relaxed);
    }
    return std::min({affinity_processors(), limit, kMaxThreads});
}

std::size_t fork_generation() noexcept { return generation.load(std::memory_order_relaxed); }

void run(std::size_t count, std::size_t threads, Cancel& cancel, const Task& task) {
    if (count <= 1 || threads <= 1 || inside_task) {
        run_alone(count, cancel, task);
        return;
    }
    if (threads > kThreadsWithoutAsking) threads = std::min(threads, std::max(kThreadsWithoutAsking, affinity_processors()));
    const std::size_t helpers = std::min(count, threads) - 1;
    const std::size_t generation_here = fork_generation();
    Pool& workers = pool();
    Batch batch{count, task, cancel, helpers};
    workers.offer(batch, helpers);
    // The hook may fork (a signal handler of the program can do anything). The child has none of the helpers and must not
    // touch a lock that one of them may have held.
    const auto poll = [&] {
        poll_quietly(cancel);
        if (fork_generation() != generation_here)
            throw Error(ErrorKind::value, "the process was forked in the middle of this call; its result exists in the parent only");
    };
    {
        const InsideTask inside;
        for (;;) {
            poll();
            if (!workers.take_one(batch)) break;
        }
    }
    workers.withdraw(batch);
    while (!workers.wait_step(batch)) poll();
    cancel.check();
    if (batch.error) std::rethrow_exception(batch.error);
}

}  // namespace tokmill::pool
