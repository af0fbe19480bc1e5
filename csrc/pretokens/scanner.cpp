// Puts a scanner together: the tables of a pattern, those of a vocabulary's borders, and the kernel of an instruction set.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/errors.hpp"
#include "pretokens/kernels/kernels.hpp"
#include "pretokens/next_pretoken.hpp"
#include "pretokens/scanner.hpp"
#include "pretokens/safe_cuts.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::pretokens {

namespace {

constexpr std::uint32_t kBmpSize = 0x10000;

std::uint8_t ascii_flags(const Traits& t, std::uint8_t byte) noexcept {
    std::uint8_t flags = 0;
    switch (mask_class(t, byte, unicode::fine_class(byte))) {
        case unicode::kUpper: flags = kAsciiUpper; break;
        case unicode::kLower:
        case unicode::kLetter: flags = kAsciiLower; break;
        case unicode::kNumber: flags = kAsciiNumber; break;
        case unicode::kWhiteSpace: flags = kAsciiSpace; break;
        case kGap: flags = kAsciiGap; break;
        default: break;
    }
    switch (byte) {
        case '\n':
        case '\r': return flags | kAsciiNewline;
        case ' ': return flags | kAsciiBlank;
        case '\'': return flags | kAsciiQuote;
        case '/': return t.tail == Tail::newlines_and_slashes ? flags | kAsciiSlash : flags;
        default: return flags;
    }
}

void fill_suffixes(KernelTables& tables, bool any_case) noexcept {
    const auto set = [&](std::uint8_t(&table)[128], std::string_view letters, std::uint8_t flag) {
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

// The program of a regex whose pretokens, one behind the other, are the whole text.
engine::Program whole_text_program(std::string_view regex, engine::Dialect dialect, cpu::Isa isa) {
    const auto refuse = [](const std::string& why, std::int64_t where) {
        std::string names;
        for (const Pattern known : {Pattern::gpt2, Pattern::cl100k, Pattern::o200k})
            names += (names.empty() ? "" : ", ") + std::string(name(known));
        throw Error(ErrorKind::pattern, why + " (patterns known by name: " + names + ")", where);
    };
    std::optional<engine::Program> program;
    try {
        program = engine::Program::compile(regex, dialect, isa);
    } catch (const Error& error) {
        refuse(error.what(), error.where());
    }
    if (dialect == engine::Dialect::tiktoken && !program->matches_everything())
        refuse("the split pattern does not match every character, and tiktoken drops what it does not match; add |[\\s\\S] to keep it",
               Error::kNowhere);
    return *std::move(program);
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

WriteFunction write_function(bool safe_cuts, [[maybe_unused]] cpu::Isa isa) noexcept {
#if defined(__x86_64__)
    if (isa == cpu::Isa::haswell) return write_haswell(safe_cuts);
    if (isa == cpu::Isa::icelake) return write_icelake(safe_cuts);
#elif defined(__aarch64__)
    if (isa == cpu::Isa::neon) return write_neon(safe_cuts);
#endif
    return write_scalar(safe_cuts);
}

// Starts of the general engine on their way to the caller's list.
class StartWriter final : public engine::StartMasks {
public:
    StartWriter(const KernelTables& tables, WriteFunction write, const std::uint8_t* text, std::uint32_t end,
                std::uint32_t* starts) noexcept
        : tables_(tables), write_(write), text_(text), end_(end), starts_(starts) {}

    void take(std::uint64_t base, std::size_t count, const std::uint64_t* masks) override {
        const Stretch stretch{text_, static_cast<std::uint32_t>(base), static_cast<std::uint32_t>(count), end_, masks};
        count_ += write_(tables_, stretch, starts_ + count_);
    }
    std::size_t count() const noexcept { return count_; }

private:
    const KernelTables& tables_;
    WriteFunction write_;
    const std::uint8_t* text_;
    std::uint32_t end_;
    std::uint32_t* starts_;
    std::size_t count_ = 0;
};

}  // namespace

struct Scanner::Tables {
    Tables(engine::Program the_program, cpu::Isa the_isa)
        : isa(the_isa), program(std::move(the_program)), write(write_function(false, the_isa)) {}

    // Safe cuts need a pattern's classes only to tell white space.
    Tables(engine::Program the_program, cpu::Isa the_isa, SafeCuts the_cuts) : Tables(Pattern::gpt2, the_isa, std::move(the_cuts), true) {
        program = std::move(the_program);
        write = write_function(true, the_isa);
    }

    Tables(Pattern the_pattern, cpu::Isa the_isa, SafeCuts the_cuts, bool safe_cuts)
        : pattern(the_pattern), isa(the_isa), cuts(std::move(the_cuts)), scan(scan_function(the_pattern, safe_cuts, the_isa)) {
        const Traits t = traits(pattern);
        const auto class_of = [&](std::uint32_t code) { return mask_class(t, code, unicode::fine_class(code)); };
        for (std::uint8_t byte = 0; byte < 128; ++byte) kernel.ascii[byte] = ascii_flags(t, byte);
        for (std::uint32_t code = 0x80; code < 0x800; ++code) {
            for (std::uint32_t bit = 0; bit < 3; ++bit)
                kernel.class_plane[bit][code >> 3] |= static_cast<std::uint8_t>((class_of(code) >> bit & 1) << (code & 7));
        }
        fill_suffixes(kernel, t.contractions == Contractions::any_case);
        bmp.resize(kBmpSize + 3);
        // The classes come from this build's tables, whatever a snapshot says.
        for (std::uint32_t code = 0; code < kBmpSize; ++code)
            bmp[code] = static_cast<std::uint8_t>((cuts.flags()[code] & ~kBmpClass) | class_of(code));
        kernel.bmp = bmp.data();
        kernel.joined = cuts.joined().data();
        kernel.joined_shift = 32 - cuts.bit_count();
        const unicode::ClassTable classes = unicode::class_table();
        kernel.class_pages = classes.pages;
        // The script Han is a bit of the fine class; other scripts have no characters of 4 bytes.
        std::uint8_t class_of_fine[16];
        for (std::uint8_t fine = 0; fine < 16; ++fine) class_of_fine[fine] = mask_class(t, kBmpSize, fine);
        class_words.reserve(classes.words.size());
        for (const std::uint32_t word : classes.words) {
            std::uint32_t mapped = 0;
            for (std::uint32_t shift = 0; shift < 32; shift += 4)
                mapped |= static_cast<std::uint32_t>(class_of_fine[word >> shift & 15]) << shift;
            class_words.push_back(mapped);
        }
        kernel.class_words = class_words.data();
    }

    Pattern pattern = Pattern::gpt2;
    cpu::Isa isa;
    SafeCuts cuts;
    ScanFunction scan = nullptr;
    KernelTables kernel;
    std::vector<std::uint8_t> bmp;
    std::vector<std::uint32_t> class_words;

    std::optional<engine::Program> program;  // then `pattern` and `scan` mean nothing
    WriteFunction write = nullptr;           // ... and this adds the safe cuts
};

Scanner::Scanner(Pattern pattern, const vocab::Vocabulary& vocabulary, bool safe_cuts, cpu::Isa isa) {
    SafeCuts cuts;
    if (safe_cuts) cuts = SafeCuts::build(vocabulary);
    tables_ = std::make_shared<const Tables>(pattern, isa, std::move(cuts), safe_cuts);
}

Scanner::Scanner(std::string_view regex, engine::Dialect dialect, const vocab::Vocabulary& vocabulary, bool safe_cuts, cpu::Isa isa) {
    if (const auto known = find_pattern(regex, dialect)) {
        *this = Scanner(*known, vocabulary, safe_cuts, isa);
    } else {
        *this = Scanner(whole_text_program(regex, dialect, isa), vocabulary, safe_cuts, isa);
    }
}

Scanner::Scanner(engine::Program program, const vocab::Vocabulary& vocabulary, bool safe_cuts, cpu::Isa isa) {
    if (safe_cuts) {
        tables_ = std::make_shared<const Tables>(std::move(program), isa, SafeCuts::build(vocabulary));
    } else {
        tables_ = std::make_shared<const Tables>(std::move(program), isa);
    }
}

Scanner::Scanner(std::string_view regex, engine::Dialect dialect, cpu::Isa isa) {
    if (const auto known = find_pattern(regex, dialect)) {
        tables_ = std::make_shared<const Tables>(*known, isa, SafeCuts(), false);
    } else {
        tables_ = std::make_shared<const Tables>(whole_text_program(regex, dialect, isa), isa);
    }
}

Scanner::Scanner(std::shared_ptr<const Tables> tables) noexcept : tables_(std::move(tables)) {}
Scanner::Scanner(Scanner&&) noexcept = default;
Scanner& Scanner::operator=(Scanner&&) noexcept = default;
Scanner::~Scanner() = default;

void Scanner::save(SectionWriter& out) const {
    if (tables_->cuts.bit_count() != 0) tables_->cuts.save(out);
}

Scanner Scanner::map(const SectionReader& in, std::string_view regex, engine::Dialect dialect, bool safe_cuts, cpu::Isa isa) {
    auto known = find_pattern(regex, dialect);
    // The text of a pattern that only tokenizers has: it was checked when the snapshot was made.
    if (!known) known = find_pattern(regex, engine::Dialect::tokenizers);
    if (!known) return map(in, whole_text_program(regex, dialect, isa), safe_cuts, isa);
    SafeCuts cuts;
    if (safe_cuts) cuts = SafeCuts::map(in);
    return Scanner(std::make_shared<const Tables>(*known, isa, std::move(cuts), safe_cuts));
}

Scanner Scanner::map(const SectionReader& in, engine::Program program, bool safe_cuts, cpu::Isa isa) {
    if (!safe_cuts) return Scanner(std::make_shared<const Tables>(std::move(program), isa));
    return Scanner(std::make_shared<const Tables>(std::move(program), isa, SafeCuts::map(in)));
}

std::size_t Scanner::scan(ScanState& state, const std::uint8_t* text, std::uint32_t end, bool last, std::uint32_t* starts) const {
    std::size_t count;
    if (tables_->program) {
        engine::Cursor cursor{state.begun ? state.decided : state.last_start, state.forward, state.behind};
        StartWriter writer(tables_->kernel, tables_->write, text, end, starts);
        tables_->program->find_starts(cursor, text, end, last, writer);
        count = writer.count();
        if (count != 0) {
            state.begun = true;
            state.last_start = starts[count - 1];
        }
        if (state.begun) state.decided = static_cast<std::uint32_t>(cursor.at);
        state.forward = cursor.forward;
        state.behind = cursor.behind;
    } else {
        count = tables_->scan(tables_->kernel, state, text, end, last, starts);
    }
    state.scanned = end;
    return count;
}

bool Scanner::starts_behind_letters() const noexcept {
    return tables_->program ? tables_->program->parts_behind_letters() : traits(tables_->pattern).words != Words::unparted;
}

Scanner Scanner::without_cuts(const vocab::Vocabulary& vocabulary) const {
    if (tables_->program) return Scanner(std::make_shared<const Tables>(*tables_->program, tables_->isa));
    return Scanner(tables_->pattern, vocabulary, false, tables_->isa);
}

cpu::Isa Scanner::isa() const noexcept { return tables_->isa; }

}  // namespace tokmill::pretokens
