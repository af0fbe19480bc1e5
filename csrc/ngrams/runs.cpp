#include "ngrams/runs.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/errors.hpp"

namespace tokmill::ngrams {

namespace {

// Short enough for Ctrl-C, long enough for the disk.
constexpr std::size_t kWriteBytes = std::size_t(1) << 22;

}  // namespace

SpillFile::SpillFile(const std::string& directory) : directory_(directory) {
    std::string name = directory + "/tokmill-ngrams-XXXXXX";
    descriptor_ = ::mkstemp(name.data());
    if (descriptor_ < 0)
        throw Error(ErrorKind::output,
                    "cannot make a file for n-gram counts in '" + directory + "': " + std::strerror(errno) + "; name another directory");
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
            throw Error(ErrorKind::output, "cannot write n-gram counts to a file in '" + directory_ + "': " + std::strerror(errno) +
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
            throw Error(ErrorKind::input, "cannot read back n-gram counts from a file in '" + directory_ +
                                              "': " + (got == 0 ? "it was cut short" : std::strerror(errno)) + "; count again");
        bytes += got;
        offset += static_cast<std::uint64_t>(got);
        byte_count -= static_cast<std::size_t>(got);
    }
}

// Four lanes of multiply and rotate, so that it keeps up with memory; against bad disks, not against an adversary.
std::uint64_t checksum(const std::uint8_t* bytes, std::size_t byte_count) noexcept {
    constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
    std::uint64_t lanes[4] = {kOdd, kOdd * 3, kOdd * 5, kOdd * 7};
    std::size_t i = 0;
    for (; i + 32 <= byte_count; i += 32)
        for (std::size_t lane = 0; lane < 4; ++lane)
            lanes[lane] = (std::rotl(lanes[lane], 29) ^ load<std::uint64_t>(bytes + i + 8 * lane)) * kOdd;
    std::uint64_t sum = byte_count;
    for (; i < byte_count; ++i) sum = (std::rotl(sum, 7) ^ bytes[i]) * kOdd;
    for (const std::uint64_t lane : lanes) sum = (std::rotl(sum, 29) ^ lane ^ (lane >> 32)) * kOdd;
    return sum ^ (sum >> 32);
}

void Run::spill(const SpillFile& file, std::uint64_t offset, Cancel& cancel) {
    std::vector<std::uint64_t> sums(blocks());
    const std::size_t blocks_a_write = kWriteBytes / (kBlockEntries * entry_bytes());
    for (std::size_t block = 0; block < blocks();) {
        cancel.poll();
        const std::size_t end = std::min(blocks(), block + blocks_a_write);
        const std::size_t begin_byte = offset_of(block), end_byte = end == blocks() ? bytes() : offset_of(end);
        file.write(offset + begin_byte, memory.data() + begin_byte, end_byte - begin_byte);
        for (; block < end; ++block) sums[block] = checksum(memory.data() + offset_of(block), entries_of(block) * entry_bytes());
    }
    file_offset = offset;
    checksums = std::move(sums);
    memory = {};
}

const std::uint8_t* Run::blocks_at(std::size_t begin, std::size_t end, const SpillFile* file, std::vector<std::uint8_t>& buffer) const {
    if (!in_file()) return memory.data() + offset_of(begin);
    const std::size_t begin_byte = offset_of(begin), end_byte = end == blocks() ? bytes() : offset_of(end);
    buffer.resize(end_byte - begin_byte);
    file->read(file_offset + begin_byte, buffer.data(), buffer.size());
    for (std::size_t block = begin; block < end; ++block)
        if (checksum(buffer.data() + offset_of(block) - begin_byte, entries_of(block) * entry_bytes()) != checksums[block])
            throw Error(ErrorKind::input,
                        "n-gram counts that were written to a file came back changed (block " + std::to_string(block) +
                            " of a run): the disk is not to be trusted; count again, elsewhere",
                        static_cast<std::int64_t>(file_offset + offset_of(block)));
    return buffer.data();
}

}  // namespace tokmill::ngrams
