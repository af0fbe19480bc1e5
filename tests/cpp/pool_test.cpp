// The thread pool: every task once, the right error, nested calls, many callers, forks, interruption, limits.
// Usage: pool_test [forks]
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/errors.hpp"
#include "pool/pool.hpp"
#include "pool/processors.hpp"

namespace {

using namespace tokmill;
using Clock = std::chrono::steady_clock;

std::atomic<int> failures{0};

void expect(bool holds, const char* what) {
    if (holds) return;
    ++failures;
    std::printf("FAIL %s\n", what);
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void check_every_task_once() {
    for (const std::size_t count : {0, 1, 2, 3, 64, 1000}) {
        for (const std::size_t threads : {0, 1, 2, 3, 8, 5000}) {
            std::vector<std::atomic<int>> done(count);
            Cancel cancel;
            pool::run(count, threads, cancel, [&](std::size_t i) { done[i].fetch_add(1); });
            bool once = true;
            for (const auto& d : done) once = once && d.load() == 1;
            expect(once, "each task runs once");
        }
    }
}

void check_two_threads_at_once() {
    // Each task waits for the other: only two threads can finish this.
    std::atomic<int> here{0};
    Cancel cancel;
    pool::run(2, 2, cancel, [&](std::size_t) {
        here.fetch_add(1);
        const auto start = Clock::now();
        while (here.load() < 2 && seconds_since(start) < 5) std::this_thread::yield();
        expect(here.load() == 2, "two threads work at once");
    });
}

void check_lowest_error_wins() {
    for (int round = 0; round < 200; ++round) {
        for (const std::size_t threads : {1, 2, 4}) {
            Cancel cancel;
            std::atomic<int> begun{0};
            try {
                pool::run(1000, threads, cancel, [&](std::size_t i) {
                    begun.fetch_add(1);
                    if (i == 20) std::this_thread::sleep_for(std::chrono::microseconds(50));
                    if (i >= 20) throw Error(ErrorKind::value, "task", static_cast<std::int64_t>(i));
                });
                expect(false, "an error comes out");
            } catch (const Error& error) {
                expect(error.where() == 20, "the error of the lowest task comes out");
            }
            expect(begun.load() <= 40, "an error stops the handing out");
        }
    }
}

void check_nested() {
    std::atomic<int> inner{0};
    Cancel cancel;
    pool::run(8, 4, cancel, [&](std::size_t) {
        const std::thread::id here = std::this_thread::get_id();
        Cancel own;
        pool::run(10, 4, own, [&](std::size_t) {
            inner.fetch_add(1);
            expect(std::this_thread::get_id() == here, "a nested call stays on its thread");
        });
    });
    expect(inner.load() == 80, "nested tasks all run");
}

void check_many_callers() {
    std::vector<std::thread> callers;
    std::atomic<std::size_t> total{0};
    for (int c = 0; c < 16; ++c)
        callers.emplace_back([&, c] {
            for (int round = 0; round < 200; ++round) {
                Cancel cancel;
                std::size_t mine[50] = {};
                try {
                    pool::run(50, 1 + static_cast<std::size_t>(c % 4), cancel, [&](std::size_t i) {
                        mine[i] = i + 1;
                        if (round % 10 == 9 && i == 30) throw Error(ErrorKind::value, "on purpose", c);
                    });
                } catch (const Error& error) {
                    expect(error.where() == c, "an error reaches its own caller");
                    continue;
                }
                for (const std::size_t m : mine) total.fetch_add(m);
            }
        });
    for (std::thread& caller : callers) caller.join();
    expect(total.load() == 16u * 180 * 1275, "sixteen callers get all their tasks done");
}

void check_interruption() {
    struct Alarm {
        Clock::time_point at;
        std::thread::id caller;
        static bool rings(void* self) {
            const auto* alarm = static_cast<Alarm*>(self);
            expect(std::this_thread::get_id() == alarm->caller, "the hook runs on the calling thread");
            return Clock::now() >= alarm->at;
        }
    };
    for (const std::size_t threads : {1, 2, 4}) {
        Alarm alarm{Clock::now() + std::chrono::milliseconds(60), std::this_thread::get_id()};
        Cancel cancel(&Alarm::rings, &alarm);
        bool interrupted = false;
        try {
            // Tasks are much longer than the latency that is allowed; they poll on whatever thread they run.
            pool::run(1000000, threads, cancel, [&](std::size_t) {
                for (int step = 0; step < 1000; ++step) {
                    std::this_thread::sleep_for(std::chrono::milliseconds(1));
                    cancel.poll();
                }
            });
        } catch (const Error& error) {
            interrupted = error.kind() == ErrorKind::interrupted;
        }
        const double late = std::chrono::duration<double>(Clock::now() - alarm.at).count();
        expect(interrupted, "a request to stop ends the call");
        expect(late < 0.1, "a request to stop is answered within 100 ms");
    }
    // The caller has nothing left to do and waits for a worker.
    Alarm alarm{Clock::now() + std::chrono::milliseconds(60), std::this_thread::get_id()};
    Cancel cancel(&Alarm::rings, &alarm);
    bool interrupted = false;
    std::atomic<int> arrived{0};
    try {
        pool::run(2, 2, cancel, [&](std::size_t) {
            arrived.fetch_add(1);
            const auto start = Clock::now();
            while (arrived.load() < 2 && seconds_since(start) < 1) std::this_thread::yield();
            if (std::this_thread::get_id() == alarm.caller) return;
            for (int step = 0; step < 5000; ++step) {
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
                cancel.poll();
            }
        });
    } catch (const Error& error) {
        interrupted = error.kind() == ErrorKind::interrupted;
    }
    expect(interrupted, "a waiting caller polls");
    expect(std::chrono::duration<double>(Clock::now() - alarm.at).count() < 0.1, "a waiting caller answers within 100 ms");
}

// Waits up to five seconds for a child; true if it ended with code 0.
bool child_is_well(pid_t child) {
    const auto start = Clock::now();
    while (seconds_since(start) < 5) {
        int status = 0;
        if (waitpid(child, &status, WNOHANG) == child) return WIFEXITED(status) && WEXITSTATUS(status) == 0;
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    return false;
}

void check_forks(int forks) {
    std::atomic<bool> enough{false};
    std::vector<std::thread> busy;
    for (int t = 0; t < 2; ++t)
        busy.emplace_back([&] {
            while (!enough.load()) {
                Cancel cancel;
                std::atomic<int> sum{0};
                pool::run(20, 3, cancel, [&](std::size_t) { sum.fetch_add(1); });
                expect(sum.load() == 20, "the parent goes on while others fork");
            }
        });
    int ill = 0;
    for (int f = 0; f < forks; ++f) {
        const std::size_t before = pool::fork_generation();
        const pid_t child = fork();
        if (child == 0) {
            Cancel cancel;
            std::atomic<int> sum{0};
            pool::run(100, 3, cancel, [&](std::size_t) { sum.fetch_add(1); });
            _exit(sum.load() == 100 && pool::fork_generation() == before + 1 ? 0 : 1);
        }
        if (!child_is_well(child)) ++ill;
        Cancel cancel;
        std::atomic<int> sum{0};
        pool::run(100, 3, cancel, [&](std::size_t) { sum.fetch_add(1); });
        expect(sum.load() == 100 && pool::fork_generation() == before, "the forking thread goes on");
    }
    enough.store(true);
    for (std::thread& thread : busy) thread.join();
    expect(ill == 0, "every child runs tasks of its own");
    std::printf("%d forks, %d children ill\n", forks, ill);
}

void check_fork_inside_the_hook() {
    struct Forker {
        pid_t child = -1;
        static bool hook(void* self) {
            auto* forker = static_cast<Forker*>(self);
            if (forker->child < 0) forker->child = fork();
            return false;
        }
    } forker;
    Cancel cancel(&Forker::hook, &forker);
    bool refused = false;
    try {
        pool::run(200, 2, cancel, [&](std::size_t) { std::this_thread::sleep_for(std::chrono::milliseconds(1)); });
    } catch (const Error& error) {
        refused = error.kind() == ErrorKind::value;
    }
    if (forker.child == 0) _exit(refused ? 0 : 1);
    expect(!refused && forker.child > 0 && child_is_well(forker.child),
           "a fork in the middle of a call: error in the child, result in the parent");
}

void check_exit_while_working() {
    // A process that ends while another thread is in the middle of a call: exit() neither hangs nor crashes.
    for (int round = 0; round < 20; ++round) {
        std::fflush(nullptr);
        const pid_t child = fork();
        if (child == 0) {
            std::thread([] {
                for (;;) {
                    Cancel cancel;
                    pool::run(100, 3, cancel, [](std::size_t) { std::this_thread::sleep_for(std::chrono::microseconds(100)); });
                }
            }).detach();
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            std::exit(0);
        }
        expect(child_is_well(child), "exit while a detached thread works");
    }
}

void check_signals_stay_away() {
    Cancel cancel;
    std::atomic<int> open{0}, arrived{0};
    const std::thread::id caller = std::this_thread::get_id();
    pool::run(2, 2, cancel, [&](std::size_t) {
        arrived.fetch_add(1);
        const auto start = Clock::now();
        while (arrived.load() < 2 && seconds_since(start) < 5) std::this_thread::yield();
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        if (std::this_thread::get_id() != caller && sigismember(&mask, SIGINT) == 0) open.fetch_add(1);
    });
    expect(open.load() == 0, "workers take no signals");
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    expect(sigismember(&mask, SIGINT) == 0, "the caller still takes signals");
}

void write_file(const std::string& path, const std::string& text) {
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
        mkdir(path.substr(0, slash).c_str(), 0777);
    std::ofstream(path) << text;
}

void check_limits() {
    setenv("TOKMILL_THREADS", "3", 1);
    expect(pool::default_thread_count() == 3, "TOKMILL_THREADS is obeyed");
    for (const char* bad : {"0", "-1", "two", "3x", " 3", "99999999999999999999", "1025"}) {
        setenv("TOKMILL_THREADS", bad, 1);
        bool refused = false;
        try {
            pool::default_thread_count();
        } catch (const Error& error) {
            refused = error.kind() == ErrorKind::value && std::strstr(error.what(), bad) != nullptr;
        }
        expect(refused, "a bad TOKMILL_THREADS is named");
    }
    unsetenv("TOKMILL_THREADS");
    expect(pool::default_thread_count() >= 1 && pool::default_thread_count() <= pool::affinity_processors(), "the default fits the mask");
#if defined(__linux__)
    char pattern[] = "/tmp/tokmill-pool-XXXXXX";
    const std::string base = mkdtemp(pattern);
    const auto root = [&base](const char* name) { return base + "/" + name; };
    const std::string mounts2 = "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    const std::string mounts1 = "33 31 0:30 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
                                "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n";
    write_file(root("v2/proc/self/mountinfo"), mounts2);
    write_file(root("v2/proc/self/cgroup"), "0::/a/b\n");
    write_file(root("v2/sys/fs/cgroup/a/cpu.max"), "250000 100000\n");
    write_file(root("v2/sys/fs/cgroup/a/b/cpu.max"), "max 100000\n");
    expect(pool::quota_processors(root("v2")) == 3, "cpu.max of a group above, rounded up");
    write_file(root("v2/sys/fs/cgroup/a/b/cpu.max"), "200000 100000\n");
    expect(pool::quota_processors(root("v2")) == 2, "cpu.max of the group itself");
    write_file(root("v1/proc/self/mountinfo"), mounts1);
    write_file(root("v1/proc/self/cgroup"), "5:cpuset:/\n4:cpu,cpuacct:/docker/abc/x\n");
    write_file(root("v1/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us"), "-1\n");
    write_file(root("v1/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us"), "100000\n");
    expect(pool::quota_processors(root("v1")) == 0, "no quota in version 1");
    write_file(root("v1/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us"), "50000\n");
    write_file(root("v1/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us"), "100000\n");
    expect(pool::quota_processors(root("v1")) == 1, "half a processor in version 1");
    write_file(root("v0/proc/self/mountinfo"), "garbage\n\n- - -\n1 2 3\n");
    write_file(root("v0/proc/self/cgroup"), "::::\nx\n");
    expect(pool::quota_processors(root("v0")) == 0 && pool::quota_processors(root("nothing")) == 0, "odd files are no quota");
    expect(std::system(("rm -r " + base).c_str()) == 0, "the test files go away");
#endif
}

void print_cost() {
    std::atomic<std::size_t> sum{0};
    const auto cost = [&](std::size_t threads) {
        double best = 1, total = 0;
        for (int round = 0; round < 300; ++round) {
            const auto start = Clock::now();
            Cancel cancel;
            pool::run(64, threads, cancel, [&](std::size_t i) { sum.fetch_add(i, std::memory_order_relaxed); });
            const double seconds = seconds_since(start);
            best = std::min(best, seconds);
            total += seconds;
        }
        std::printf("64 empty tasks on %zu threads: best %.1f us, mean %.1f us\n", threads, best * 1e6, total / 300 * 1e6);
    };
    cost(1);
    cost(2);
}

}  // namespace

int main(int argc, char** argv) {
    const int forks = argc > 1 ? std::atoi(argv[1]) : 300;
    std::printf("pool_test, no seed, %d forks\n", forks);
    std::fflush(nullptr);
    check_limits();
    check_every_task_once();
    check_two_threads_at_once();
    check_lowest_error_wins();
    check_nested();
    check_many_callers();
    check_interruption();
    check_signals_stay_away();
    if (forks > 0) {
        check_forks(forks);
        check_fork_inside_the_hook();
        check_exit_while_working();
    }
    print_cost();
    std::printf(failures.load() == 0 ? "ok\n" : "%d failures\n", failures.load());
    return failures.load() == 0 ? 0 : 1;
}
