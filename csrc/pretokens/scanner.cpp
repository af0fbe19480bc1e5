// Puts a scanner together: the tables of a pattern, those of a vocabulary's borders, and the kernel of an instruction set.
#include <string_view>
#include <utility>
#include <vector>

#include "pretokens/kernels/kernels.hpp"
#include "pretokens/next_pretoken.hpp"
#include "pretokens/pretokens.hpp"
#include "pretokens/safe_cuts.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::pretokens {

namespace {

constexpr std::uint32_t kBmpSize = 0x10000;

std::uint8_t ascii_flags(std::uint8_t byte) noexcept {
    std::uint8_t flags = 0;
    switch (spec::kAsciiClass[byte]) {
        case unicode::kUpper: flags = kAsciiUpper; break;
        case unicode::kLower: flags = kAsciiLower; break;
        case unicode::kNumber: flags = kAsciiNumber; break;
        case unicode::kWhiteSpace: flags = kAsciiSpace; break;
        default: break;
    }
    switch (byte) {
        case '\n': case '\r': return flags | kAsciiNewline;
        case ' ': return flags | kAsciiBlank;
        case '\'': return flags | kAsciiQuote;
        case '/': return flags | kAsciiSlash;
        default: return flags;
    }
}

void fill_suffixes(KernelTables& tables, bool any_case) noexcept {
    const auto set = [&](std::uint8_t (&table)[128], std::string_view letters, std::uint8_t flag) {
        for (const char letter : letters) {
            table[static_cast<std::uint8_t>(letter)] = flag;
            if (any_case) table[static_cast<std::uint8_t>(letter) - 32u] = flag;
        }
    };
    set(tables.suffix_first, "sdmt", 1);
    set(tables.suffix_first, "l", 2);
    set(tables.suffix_first, "vr", 4);
    set(tables.suffix_second, "l", 2);
    set(tables.suffix_second, "e", 4);
    tables.suffix_long_s = any_case;
}

ScanFunction scan_function(Pattern pattern, [[maybe_unused]] bool safe_cuts, [[maybe_unused]] cpu::Isa isa) noexcept {
#if defined(__x86_64__)
    if (isa == cpu::Isa::haswell) return scan_haswell(pattern, safe_cuts);
    if (isa == cpu::Isa::icelake) return scan_icelake(pattern, safe_cuts);
#elif defined(__aarch64__)
    if (isa == cpu::Isa::neon) return scan_neon(pattern, safe_cuts);
#endif
    return scan_scalar(pattern);
}

}  // namespace

struct Scanner::Tables {
    Tables(Pattern the_pattern, cpu::Isa the_isa, SafeCuts the_cuts, bool safe_cuts)
        : pattern(the_pattern), isa(the_isa), cuts(std::move(the_cuts)), scan(scan_function(the_pattern, safe_cuts, the_isa)) {
        for (std::uint8_t byte = 0; byte < 128; ++byte) kernel.ascii[byte] = ascii_flags(byte);
        for (std::uint32_t code = 0x80; code < 0x800; ++code) {
            for (std::uint32_t bit = 0; bit < 3; ++bit)
                kernel.class_plane[bit][code >> 3] |= static_cast<std::uint8_t>((unicode::char_class(code) >> bit & 1) << (code & 7));
        }
        fill_suffixes(kernel, pattern != Pattern::gpt2);
        bmp.resize(kBmpSize + 3);
        // The classes come from this build's tables, whatever a snapshot says.
        for (std::uint32_t code = 0; code < kBmpSize; ++code)
            bmp[code] = static_cast<std::uint8_t>((cuts.flags()[code] & ~kBmpClass) | unicode::char_class(code));
        kernel.bmp = bmp.data();
        kernel.joined = cuts.joined().data();
        kernel.joined_shift = 32 - cuts.bit_count();
        const unicode::ClassTable classes = unicode::class_table();
        kernel.class_pages = classes.pages;
        kernel.class_words = classes.words;
    }

    Pattern pattern;
    cpu::Isa isa;
    SafeCuts cuts;
    ScanFunction scan;
    KernelTables kernel;
    std::vector<std::uint8_t> bmp;
};

Scanner::Scanner(Pattern pattern, const vocab::Vocabulary& vocabulary, bool safe_cuts, cpu::Isa isa) {
    SafeCuts cuts;
    if (safe_cuts) cuts = SafeCuts::build(vocabulary);
    tables_ = std::make_unique<const Tables>(pattern, isa, std::move(cuts), safe_cuts);
}

Scanner::Scanner(Pattern pattern, cpu::Isa isa) : tables_(std::make_unique<const Tables>(pattern, isa, SafeCuts(), false)) {}
Scanner::Scanner(std::unique_ptr<const Tables> tables) noexcept : tables_(std::move(tables)) {}
Scanner::Scanner(Scanner&&) noexcept = default;
Scanner::~Scanner() = default;

void Scanner::save(SectionWriter& out) const {
    if (tables_->cuts.bit_count() != 0) tables_->cuts.save(out);
}

Scanner Scanner::map(const SectionReader& in, Pattern pattern, bool safe_cuts, cpu::Isa isa) {
    SafeCuts cuts;
    if (safe_cuts) cuts = SafeCuts::map(in);
    return Scanner(std::make_unique<const Tables>(pattern, isa, std::move(cuts), safe_cuts));
}

std::size_t Scanner::scan(ScanState& state, const std::uint8_t* text, std::uint32_t end, bool last, std::uint32_t* starts) const {
    const std::size_t count = tables_->scan(tables_->kernel, state, text, end, last, starts);
    state.scanned = end;
    return count;
}

Pattern Scanner::pattern() const noexcept { return tables_->pattern; }
cpu::Isa Scanner::isa() const noexcept { return tables_->isa; }

}  // namespace tokmill::pretokens
