// Reads what the system says about processors: the affinity mask, and the text files of the control groups. Files that are
// missing or odd mean that there is no limit; nothing here fails but a bad TOKMILL_THREADS.
#include "pool/processors.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>
#include <vector>

#include "base/errors.hpp"

#if defined(__linux__)
#include <sched.h>
#endif

namespace tokmill::pool {

namespace {

#if defined(__linux__)

std::size_t rounded_up(std::int64_t quota, std::int64_t period) {
    if (quota <= 0 || period <= 0) return 0;
    return static_cast<std::size_t>((quota - 1) / period + 1);
}

// "200000 100000" is two processors' time; "max 100000" is no limit.
std::size_t version2_limit(const std::string& directory) {
    std::ifstream file(directory + "/cpu.max");
    std::int64_t quota = 0, period = 0;
    return file >> quota >> period ? rounded_up(quota, period) : 0;
}

// -1 is no limit.
std::size_t version1_limit(const std::string& directory) {
    std::ifstream quota_file(directory + "/cpu.cfs_quota_us"), period_file(directory + "/cpu.cfs_period_us");
    std::int64_t quota = 0, period = 0;
    return quota_file >> quota && period_file >> period ? rounded_up(quota, period) : 0;
}

bool lists(std::string_view comma_separated, std::string_view wanted) {
    while (!comma_separated.empty()) {
        const std::size_t comma = std::min(comma_separated.find(','), comma_separated.size());
        if (comma_separated.substr(0, comma) == wanted) return true;
        comma_separated.remove_prefix(std::min(comma + 1, comma_separated.size()));
    }
    return false;
}

struct Mount {
    std::string root;   // the group that is mounted
    std::string point;  // where
    bool version2;
};

// Lines of mountinfo: "36 35 98:0 /root /point rw,noatime master:1 - type source super,options".
std::vector<Mount> group_mounts(const std::string& root) {
    std::vector<Mount> mounts;
    std::ifstream file(root + "/proc/self/mountinfo");
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string skipped, mount_root, point, word, type, source, options;
        words >> skipped >> skipped >> skipped >> mount_root >> point;
        while (words >> word && word != "-") {
        }
        words >> type >> source >> options;
        if (type == "cgroup2") {
            mounts.push_back({mount_root, point, true});
        } else if (type == "cgroup" && lists(options, "cpu")) {
            mounts.push_back({mount_root, point, false});
        }
    }
    return mounts;
}

// The path of this process's group. Lines of cgroup: "0::/path" (version 2), "4:cpu,cpuacct:/path" (version 1).
std::string group_path(const std::string& root, bool version2) {
    std::ifstream file(root + "/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
        if (version2 ? line.compare(0, first, "0") == 0 && controllers.empty() : lists(controllers, "cpu")) return line.substr(second + 1);
    }
    return "/";
}

#endif

}  // namespace

std::size_t affinity_processors() {
#if defined(__linux__)
    // The kernel refuses a mask shorter than its own, so try longer ones; nothing has more than 2^20 processors.
    for (std::size_t processors = 1024; processors <= std::size_t(1) << 20; processors *= 4) {
        std::vector<cpu_set_t> mask(processors / CPU_SETSIZE);
        const std::size_t bytes = mask.size() * sizeof(cpu_set_t);
        if (sched_getaffinity(0, bytes, mask.data()) == 0) return std::max(1, CPU_COUNT_S(bytes, mask.data()));
        if (errno != EINVAL) break;
    }
#endif
    return std::max(1u, std::thread::hardware_concurrency());
}

std::size_t quota_processors([[maybe_unused]] const std::string& root) {
    std::size_t least = 0;
#if defined(__linux__)
    for (const Mount& mount : group_mounts(root)) {
        // A container that sees the host's group names has only its own part mounted: take the mounted root off.
        std::string path = group_path(root, mount.version2);
        if (mount.root.size() > 1 && path.compare(0, mount.root.size(), mount.root) == 0) path.erase(0, mount.root.size());
        for (;;) {
            while (!path.empty() && path.back() == '/') path.pop_back();
            const std::string directory = root + mount.point + path;
            const std::size_t limit = mount.version2 ? version2_limit(directory) : version1_limit(directory);
            if (limit != 0 && (least == 0 || limit < least)) least = limit;
            if (path.empty()) break;
            path.erase(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
        }
    }
#endif
    return least;
}

std::size_t parse_thread_count(const char* text) {
    std::size_t count = 0;
    const char* const end = text + std::strlen(text);
    const std::from_chars_result result = std::from_chars(text, end, count);
    if (result.ec != std::errc() || result.ptr != end || count == 0 || count > kMaxThreads)
        throw Error(ErrorKind::value, "TOKMILL_THREADS is '" + std::string(text) + "'; set it to a number from 1 to " +
                                          std::to_string(kMaxThreads) + ", or unset it");
    return count;
}

}  // namespace tokmill::pool
