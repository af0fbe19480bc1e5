// One thread's way through the two levels. In: pretokens. Out: the ids, by way of the first level's encoder, which sees words.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "base/memory.hpp"
#include "cpu/isa.hpp"
#include "pretokens/pretokens.hpp"
#include "tokens/id_array.hpp"
#include "tokens/merging.hpp"
#include "tokens/superwords.hpp"

namespace tokmill::tokens {

struct Sink;
class SpanWriter;

class SuperwordPass {
public:
    SuperwordPass(const Superwords& superwords, cpu::Isa isa)
        : superwords_(superwords), kernels_(superword_kernels(isa)), merge_kernels_(merge_kernels(isa)), first_ids_(IdType::uint32) {}

    // The words of the pretokens, for the first level. The end of a document is an empty word, as it was; a special token has another
    // one before it, which tells where it stands among the symbols.
    pretokens::Pretokens cut(const pretokens::Pretokens& pretokens);
    // Where the first level puts the symbols of those words, and how many there are before each empty one.
    IdArray& first_ids() noexcept { return first_ids_; }
    std::vector<std::uint64_t>& first_ends() noexcept { return first_ends_; }
    // Merges those symbols on and appends the ids to the sink; the pretokens are those that were cut.
    void join(const pretokens::Pretokens& pretokens, Sink& sink, Cancel& cancel);

    void rest() noexcept;  // gives back what only a giant pretoken needed

private:
    // Text between two marks, and the mark behind it.
    struct Stretch {
        std::uint32_t begin, end;
        enum class Mark : std::uint8_t { none, document_end, special } mark;
        std::uint32_t special_id, special_bytes;
    };

    // Where the symbols of a stretch end, given which of the marks with an end is the next one.
    std::size_t symbols_end(const Stretch& stretch, std::size_t& next_end) const noexcept;
    // All that is merged is merged in place; kNoSymbol stands where a symbol went away into one before.
    void merge_all(Cancel& cancel);
    void list_runs(const Stretch& stretch, std::size_t begin, std::size_t end, Cancel& cancel);
    void merge_long_run(std::uint32_t* symbols, std::size_t count, Cancel& cancel);
    void append_kept(std::uint32_t* symbols, std::size_t count, Sink& sink, SpanWriter* spans) const;

    const Superwords& superwords_;
    const SuperwordKernels& kernels_;
    const MergeKernels& merge_kernels_;
    const std::uint8_t* text_ = nullptr;
    std::vector<Stretch> stretches_;
    std::vector<std::uint32_t> special_symbols_;  // of the first level, one each; they have no meaning
    Buffer<std::uint64_t> borders_;
    Buffer<std::uint32_t> starts_;
    IdArray first_ids_;
    std::vector<std::uint64_t> first_ends_;

    Buffer<std::uint64_t> joins_;  // of one stretch, a bit a token
    JoinRuns runs_;                // of all, by the number of their first symbol
    Buffer<std::uint32_t> run_starts_[JoinRuns::kLonger + 1];
    vocab::TreeMerger tree_;
};

}  // namespace tokmill::tokens
