// Questions about single pretokens, for interfaces that hand out more than ids: bytes that are merged without being split,
// and where the last pretoken of a text begins. Not made for speed: each call makes its own scratch.
#include <memory>

#include "tokens/tokens.hpp"

namespace tokmill::tokens {

void Tokenizer::encode_piece(std::span<const std::uint8_t> bytes, bool whole_first, std::vector<std::uint32_t>& ids, Cancel& cancel) const {
    if (bytes.empty()) return;
    if (whole_first) {
        if (const auto token = vocabulary_.find({reinterpret_cast<const char*>(bytes.data()), bytes.size()})) {
            ids.push_back(vocabulary_.id(*token));
            return;
        }
    }
    const auto scratch = std::make_unique<LongPieceScratch>();
    Buffer<vocab::Symbol> symbols;
    symbols.grow(bytes.size() + kSymbolSlack, 0);
    const std::size_t count =
        merge_long(vocabulary_, merges_, merge_kernels(isa()), *scratch, bytes.data(), bytes.size(), symbols.data(), cancel);
    ids.reserve(ids.size() + count);
    for (std::size_t i = 0; i < count; ++i) ids.push_back(vocabulary_.id(symbols[i]));
}

std::uint64_t Tokenizer::last_pretoken_bytes(const documents::Document& document, Cancel& cancel) const {
    if (!scanner_ || (preprocessing_ != nullptr && !preprocessing_->steps_behind().empty()))
        throw Error(ErrorKind::value, "this tokenizer cuts text in several steps; it does not say where the last pretoken begins");
    const pretokens::Scanner plain = scanner_->without_cuts(vocabulary_);  // safe cuts are no borders of pretokens
    const EncodeOptions options;
    pretokens::Chunk chunk;
    documents::Reader reader(unicode::kernels(isa_), document, options.invalid);
    std::uint64_t last = 0;
    for (bool done = false; !done;) {
        done = chunk.fill(plain, reader, true, options);
        const std::uint32_t complete = chunk.complete_count() - (done ? 1 : 0);  // without the mark of the document's end
        if (complete != 0) {
            const std::uint32_t* starts = chunk.pretokens().starts;
            last = starts[complete] - starts[complete - 1];
        }
        chunk.compact();
        cancel.poll();
    }
    return last;
}

}  // namespace tokmill::tokens
