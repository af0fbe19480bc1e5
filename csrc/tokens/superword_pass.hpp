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
#include "tokens/superwords.hpp"

namespace tokmill::tokens {

struct Sink;
class SpanWriter;

class SuperwordPass {
public:
    SuperwordPass(const Superwords& superwords, cpu::Isa isa)
        : superwords_(superwords), kernels_(superword_kernels(isa)), first_ids_(IdType::uint32) {}

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

    // Merges in place; returns how many symbols are left, which are those without a bit in dropped_.
    std::size_t join_stretch(const Stretch& stretch, std::uint32_t* symbols, std::size_t count, Cancel& cancel);
    void append_kept(std::uint32_t* symbols, std::size_t count, std::size_t kept, Sink& sink, SpanWriter* spans) const;
    void list_runs(std::size_t count);
    void join_pairs(std::uint32_t* symbols);
    void join_triples(std::uint32_t* symbols);
    // Merges in place, to the front; returns how many symbols are left.
    std::size_t join_run(std::uint32_t* symbols, std::size_t count, Cancel& cancel);

    const Superwords& superwords_;
    const SuperwordKernels& kernels_;
    const std::uint8_t* text_ = nullptr;
    std::vector<Stretch> stretches_;
    std::vector<std::uint32_t> special_symbols_;  // of the first level, one each; they have no meaning
    Buffer<std::uint64_t> borders_;
    Buffer<std::uint32_t> starts_;
    IdArray first_ids_;
    std::vector<std::uint64_t> first_ends_;

    // Of one stretch, numbered by its tokens.
    struct Run {
        std::uint32_t at, count;
    };
    Buffer<std::uint64_t> joins_, dropped_;  // a bit a token
    Buffer<std::uint32_t> pairs_, triples_;  // runs of two and three
    Buffer<Run> runs_;                       // longer ones
    std::size_t pair_count_ = 0, triple_count_ = 0, run_count_ = 0;
    vocab::TreeMerger tree_;
};

}  // namespace tokmill::tokens
