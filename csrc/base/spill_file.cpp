#include "base/spill_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/errors.hpp"

namespace tokmill {

SpillFile::SpillFile(const std::string& directory, std::string content) : directory_(directory), content_(std::move(content)) {
    std::string name = directory + "/tokmill-spilled-XXXXXX";
    descriptor_ = ::mkstemp(name.data());
    if (descriptor_ < 0)
        throw Error(ErrorKind::output,
                    "cannot make a file for " + content_ + " in '" + directory + "': " + std::strerror(errno) + "; name another directory");
    ::unlink(name.c_str());
    ::fcntl(descriptor_, F_SETFD, FD_CLOEXEC);
}

SpillFile::~SpillFile() { ::close(descriptor_); }

void SpillFile::write(std::uint64_t offset, const void* data, std::size_t byte_count) const {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    while (byte_count != 0) {
        const ssize_t written = ::pwrite(descriptor_, bytes, byte_count, static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0)
            throw Error(ErrorKind::output, "cannot write " + content_ + " to a file in '" + directory_ + "': " + std::strerror(errno) +
                                               "; name a directory with more room, or allow more memory");
        bytes += written;
        offset += static_cast<std::uint64_t>(written);
        byte_count -= static_cast<std::size_t>(written);
    }
}

void SpillFile::read(std::uint64_t offset, void* out, std::size_t byte_count) const {
    auto* bytes = static_cast<std::uint8_t*>(out);
    while (byte_count != 0) {
        const ssize_t got = ::pread(descriptor_, bytes, byte_count, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
            throw Error(ErrorKind::input, "cannot read back " + content_ + " from a file in '" + directory_ +
                                              "': " + (got == 0 ? "it was cut short" : std::strerror(errno)) + "; count again");
        bytes += got;
        offset += static_cast<std::uint64_t>(got);
        byte_count -= static_cast<std::size_t>(got);
    }
}

}  // namespace tokmill
