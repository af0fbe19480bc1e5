// How a long call is asked to stop. Work is done in steps of well under 10 ms; between two steps the worker calls
// `poll()`. On the calling thread that also runs the caller's hook (the bindings look for Ctrl-C there), at most
// once per kPollInterval, since the hook may have to take the interpreter lock.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>

#include "base/errors.hpp"

namespace tokmill {

class Cancel {
public:
    // The hook returns true when the work should stop. It runs on the thread that made this object only.
    using Hook = bool (*)(void* context);

    Cancel() = default;  // never polls anybody
    Cancel(Hook hook, void* context)
        : hook_(hook), context_(context), owner_(std::this_thread::get_id()), last_poll_(std::chrono::steady_clock::now()) {}
    Cancel(const Cancel&) = delete;
    Cancel& operator=(const Cancel&) = delete;

    void request() noexcept { requested_.store(true, std::memory_order_relaxed); }
    bool requested() const noexcept { return requested_.load(std::memory_order_relaxed); }

    // Throws if somebody asked to stop.
    void check() const {
        if (requested()) throw Error(ErrorKind::interrupted, "interrupted");
    }

    // As check(); on the thread that made this object it also runs the hook when kPollInterval has passed.
    void poll() {
        if (hook_ != nullptr && std::this_thread::get_id() == owner_) {
            const auto now = std::chrono::steady_clock::now();
            if (now - last_poll_ >= kPollInterval) {
                last_poll_ = now;
                if (hook_(context_)) request();
            }
        }
        check();
    }

    // For loops of many short turns, each well below 10 us: polls at every kTurnsBetween-th.
    void poll_at(std::size_t turn) {
        if (turn % kTurnsBetween == 0) poll();
    }

private:
    static constexpr std::size_t kTurnsBetween = 512;
    static constexpr std::chrono::milliseconds kPollInterval{20};

    std::atomic<bool> requested_{false};
    Hook hook_ = nullptr;
    void* context_ = nullptr;
    std::thread::id owner_;
    std::chrono::steady_clock::time_point last_poll_;
};

}  // namespace tokmill
