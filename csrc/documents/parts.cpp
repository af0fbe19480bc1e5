#include "documents/documents.hpp"

#include <utility>

namespace tokmill::documents {

namespace {

// How far back from the border of a part we look for a place to cut a document.
constexpr std::size_t kCutWindowUnits = 4096;

}  // namespace

bool Parts::next(Part& part) {
    part.stretches.clear();
    part.ends_document.clear();
    part.byte_size = 0;
    while (at_ < documents_.size() && part.byte_size < part_bytes_) {
        const Document& document = documents_[at_];
        const std::size_t room = (part_bytes_ - part.byte_size) / unit_bytes(document.encoding);
        std::size_t end = document.unit_count;
        if (cuts_.allowed && end - begin_ > room + kCutWindowUnits) {
            const std::size_t cut =
                last_certain_start(document, begin_, begin_ + room + kCutWindowUnits, kCutWindowUnits, cuts_.behind_ascii);
            if (cut != begin_) end = cut;
        }
        part.stretches.push_back(document.stretch(begin_, end));
        part.ends_document.push_back(end == document.unit_count);
        part.byte_size += part.stretches.back().byte_size();
        begin_ = end;
        if (end == document.unit_count) {
            ++at_;
            begin_ = 0;
        }
    }
    return !part.stretches.empty();
}

std::vector<Part> divide(std::span<const Document> documents, std::size_t part_bytes, Cuts cuts) {
    std::vector<Part> all;
    Parts parts(documents, part_bytes, cuts);
    for (Part part; parts.next(part);) all.push_back(std::move(part));
    return all;
}

}  // namespace tokmill::documents
