#include "ngrams/runs.hpp"

#include <bit>
#include <cstring>

#include "base/errors.hpp"

namespace tokmill::ngrams {

namespace {

// Short enough for Ctrl-C, long enough for the disk.
constexpr std::size_t kWriteBytes = std::size_t(1) << 22;

}  // namespace

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
