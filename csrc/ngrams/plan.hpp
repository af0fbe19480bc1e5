// What decides the rows: a Spec is the plain description that a plan file holds, a Plan is the same checked and compiled
// for the kernels. Every published scheme is one formula. With x(d) the id d positions back (the missing value where there is
// none), table c with mix m, weights w and modulus p has at each position
//
//   value = x(0)*w[0]  op  x(1)*w[1]  op ... x(order-1)*w[order-1]     in int64 (or int32) that wraps around, op is + or ^
//   row   = value mod p, never negative, + the table's offset by request
//
// so a plan is its weights and moduli, and no kernel knows the name of a scheme.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/errors.hpp"
#include "cpu/isa.hpp"
#include "ngrams/kernels/kernels.hpp"

namespace tokmill::ngrams {

// Ids before and after the canonical map are below this; the two bits above mark boundaries in a State.
inline constexpr std::uint32_t kIdLimit = std::uint32_t(1) << 30;
inline constexpr std::uint64_t kModulusLimit = std::uint64_t(1) << 40;
inline constexpr std::size_t kMostTables = 256;

// Where a window ends before it has reached back far enough.
enum class Boundary : std::uint8_t {
    cross,      // only where the call's first token is, or its row in a 2-D batch
    documents,  // at the first token of each document
    eos,        // there, and after an EOS id: it belongs to its own document
    ignored,    // there, and at ignored ids: they and all before them count as missing
};

struct Table {
    std::uint32_t mix = 0;
    std::uint64_t modulus = 0;
    std::uint64_t offset = 0;
};

// What stands in for the first token of a document, with the row that it has in every table (modded-nanogpt's bigram).
struct First {
    std::uint32_t id = 0;
    std::uint64_t row = 0;
};

struct Spec {
    std::uint32_t vocab_size = 0;
    std::vector<std::uint32_t> canonical;  // empty, or vocab_size ids below canonical_size
    std::uint32_t canonical_size = 0;
    Combine combine = Combine::add;
    unsigned word_bits = 64;
    std::vector<std::vector<std::uint64_t>> mixes;  // the weights, newest token first
    std::vector<Table> tables;                      // in rising order of their mixes
    std::uint32_t missing = 0;                      // after the canonical map
    Boundary boundary = Boundary::documents;
    std::uint32_t eos_id = 0;
    std::vector<std::uint32_t> ignored;
    std::optional<First> first;
};

class Plan {
public:
    // Error(value) that names what breaks a rule.
    Plan(Spec spec, cpu::Isa isa);
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;

    const Spec& spec() const noexcept { return spec_; }
    cpu::Isa isa() const noexcept { return isa_; }
    std::size_t table_count() const noexcept { return spec_.tables.size(); }
    // The longest window less the token itself.
    std::size_t history() const noexcept { return history_; }
    // One more than the largest row.
    std::uint64_t row_end(bool with_offsets) const noexcept { return with_offsets ? row_end_with_offsets_ : row_end_; }

    // Proved for every table (see DESIGN.md): floating-point quotients give the exact remainder.
    bool proved() const noexcept { return proved_; }
    Program program(bool with_offsets) const noexcept;
    const Kernels& kernels() const noexcept { return kernels_; }

    // One id as the kernels read it; kIgnored if a window ends there. Ids from vocab_size up are not allowed.
    std::uint32_t prepared(std::uint32_t id) const noexcept { return map_.empty() ? id : map_[id]; }
    const std::vector<std::uint32_t>& map() const noexcept { return map_; }

    static constexpr std::uint32_t kIgnored = ~std::uint32_t(0);

private:
    void check() const;
    void compile();

    Spec spec_;
    cpu::Isa isa_;
    std::size_t history_ = 0;
    std::uint64_t row_end_ = 0;
    std::uint64_t row_end_with_offsets_ = 0;
    bool proved_ = false;
    bool may_be_negative_ = false;
    bool narrow_ = false;
    bool shared_ = false;
    std::vector<std::uint32_t> map_;  // canonical ids with the ignored ones marked; empty if ids stay as they are
    std::vector<MixStep> steps_;
    std::vector<std::uint64_t> weights_;
    std::vector<std::uint64_t> moduli_, reciprocals_, word_remainders_, offsets_, no_offsets_;
    std::vector<std::uint32_t> moduli_32_, offsets_32_;
    std::vector<double> inverses_;
    const Kernels& kernels_;
};

}  // namespace tokmill::ngrams
