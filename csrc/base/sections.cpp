#include "base/sections.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tokmill {

namespace {

static_assert(std::endian::native == std::endian::little, "snapshots are read in place, as little-endian");

constexpr char kMagic[8] = {'T', 'O', 'K', 'M', 'I', 'L', 'L', '\n'};
constexpr std::uint32_t kContainerVersion = 1;
constexpr std::uint32_t kMaxSections = 256;
constexpr std::size_t kAlignment = 64;

struct Header {
    char magic[8];
    std::uint32_t version;
    std::uint32_t section_count;
    std::uint64_t file_bytes;
    std::uint8_t zero[40];
};
static_assert(sizeof(Header) == 64);

struct Row {
    char name[40];
    std::uint64_t offset;
    std::uint64_t length;
    std::uint64_t zero;
};
static_assert(sizeof(Row) == 64);

std::size_t aligned(std::size_t offset) { return (offset + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

void refuse_damaged(const std::string& what) {
    throw Error(ErrorKind::snapshot, "damaged snapshot: " + what + "; write it again with the save() that made it");
}

void SectionWriter::add_bytes(std::string_view name, const void* data, std::size_t byte_count) {
    std::vector<std::uint8_t> bytes(byte_count);
    if (byte_count != 0) std::memcpy(bytes.data(), data, byte_count);
    sections_.emplace_back(std::string(name), std::move(bytes));
}

SectionLayout lay_out_sections(std::span<const std::pair<std::string, std::uint64_t>> names_and_lengths) {
    SectionLayout layout;
    std::uint64_t end = sizeof(Header) + names_and_lengths.size() * sizeof(Row);
    layout.table.resize(end, 0);
    for (std::size_t i = 0; i < names_and_lengths.size(); ++i) {
        const auto& [name, length] = names_and_lengths[i];
        Row row{};
        std::memcpy(row.name, name.data(), std::min(name.size(), sizeof row.name - 1));
        row.offset = aligned(end);
        row.length = length;
        end = row.offset + row.length;
        layout.offsets.push_back(row.offset);
        std::memcpy(layout.table.data() + sizeof(Header) + i * sizeof(Row), &row, sizeof row);
    }
    layout.file_bytes = aligned(end);
    Header header{};
    std::memcpy(header.magic, kMagic, sizeof kMagic);
    header.version = kContainerVersion;
    header.section_count = static_cast<std::uint32_t>(names_and_lengths.size());
    header.file_bytes = layout.file_bytes;
    std::memcpy(layout.table.data(), &header, sizeof header);
    return layout;
}

std::vector<std::uint8_t> SectionWriter::finish() const {
    std::vector<std::pair<std::string, std::uint64_t>> lengths;
    for (const auto& [name, bytes] : sections_) lengths.emplace_back(name, bytes.size());
    const SectionLayout layout = lay_out_sections(lengths);
    std::vector<std::uint8_t> file(layout.file_bytes, 0);
    std::memcpy(file.data(), layout.table.data(), layout.table.size());
    for (std::size_t i = 0; i < sections_.size(); ++i) {
        const std::vector<std::uint8_t>& bytes = sections_[i].second;
        if (!bytes.empty()) std::memcpy(file.data() + layout.offsets[i], bytes.data(), bytes.size());
    }
    return file;
}

SectionReader::SectionReader(std::span<const std::uint8_t> file) {
    Header header;
    if (file.size() < sizeof header) refuse_damaged("shorter than its header");
    std::memcpy(&header, file.data(), sizeof header);
    if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0)
        throw Error(ErrorKind::snapshot, "not a tokmill snapshot (wrong first bytes)", 0);
    if (header.version != kContainerVersion)
        throw Error(ErrorKind::snapshot,
                    "snapshot of version " + std::to_string(header.version) + "; this build reads version " +
                        std::to_string(kContainerVersion) + ". Write it again with the save() that made it",
                    8);
    if (header.file_bytes != file.size())
        refuse_damaged("its header speaks of " + std::to_string(header.file_bytes) + " bytes, the file has " + std::to_string(file.size()));
    if (header.section_count > kMaxSections || file.size() - sizeof header < header.section_count * sizeof(Row))
        refuse_damaged("impossible number of sections");
    for (std::uint32_t i = 0; i < header.section_count; ++i) {
        Row row;
        std::memcpy(&row, file.data() + sizeof header + i * sizeof(Row), sizeof row);
        if (row.name[sizeof row.name - 1] != 0) refuse_damaged("a section name without an end");
        if (row.offset % kAlignment != 0 || row.offset > file.size() || row.length > file.size() - row.offset)
            refuse_damaged("section '" + std::string(row.name) + "' lies outside of the file");
        if (has(row.name)) refuse_damaged("section '" + std::string(row.name) + "' stands twice");
        sections_.emplace_back(row.name, file.subspan(row.offset, row.length));
    }
}

bool SectionReader::has(std::string_view name) const noexcept {
    return std::any_of(sections_.begin(), sections_.end(), [&](const auto& section) { return section.first == name; });
}

std::span<const std::uint8_t> SectionReader::get_bytes(std::string_view name) const {
    for (const auto& [section, bytes] : sections_)
        if (section == name) return bytes;
    refuse_damaged("section '" + std::string(name) + "' is missing");
}

}  // namespace tokmill
