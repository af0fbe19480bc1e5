// Memory that runs out: every call is repeated with its first allocation failing, then its second, and so on; with only that
// one failing, and for every third with all from there on. What comes out is std::bad_alloc or an Error, nothing is lost
// (the address sanitizer looks), and the same objects give the right ids in the next call.
//
// operator new is replaced here; malloc, mmap and mremap, which the memory of results comes from, are wrapped by the linker.
#include <sys/mman.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "samples.hpp"
#include "tokens/tokens.hpp"

namespace {

std::atomic<std::int64_t> until_failure{-1};  // allocations that still succeed; negative: all do
std::atomic<bool> keep_failing{false};
std::atomic<bool> has_failed{false};

bool fails_now() {
    if (until_failure.load(std::memory_order_relaxed) < 0 && !(has_failed.load() && keep_failing.load())) return false;
    if (has_failed.load()) return keep_failing.load();
    if (until_failure.fetch_sub(1) != 0) return false;
    has_failed.store(true);
    return true;
}

}  // namespace

extern "C" {
void* __real_malloc(std::size_t bytes);
void* __real_mmap(void* wish, std::size_t bytes, int protection, int flags, int file, off_t offset);
void* __real_mremap(void* memory, std::size_t bytes, std::size_t new_bytes, int flags);
void* __wrap_malloc(std::size_t bytes) { return fails_now() ? nullptr : __real_malloc(bytes); }
void* __wrap_mmap(void* wish, std::size_t bytes, int protection, int flags, int file, off_t offset) {
    return fails_now() ? MAP_FAILED : __real_mmap(wish, bytes, protection, flags, file, offset);
}
void* __wrap_mremap(void* memory, std::size_t bytes, std::size_t new_bytes, int flags) {
    return fails_now() ? MAP_FAILED : __real_mremap(memory, bytes, new_bytes, flags);
}
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"  // it does not see that __real_malloc is malloc
#endif

void* operator new(std::size_t bytes) {
    void* const memory = fails_now() ? nullptr : __real_malloc(bytes != 0 ? bytes : 1);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    const auto boundary = static_cast<std::size_t>(alignment);
    void* const memory = fails_now() ? nullptr : std::aligned_alloc(boundary, (bytes + boundary - 1) / boundary * boundary);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return fails_now() ? nullptr : __real_malloc(bytes != 0 ? bytes : 1);
}
void* operator new[](std::size_t bytes, const std::nothrow_t& nothrow) noexcept { return operator new(bytes, nothrow); }
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void* operator new[](std::size_t bytes, std::align_val_t alignment) { return operator new(bytes, alignment); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

using namespace tokmill;
using samples::Ids;
using samples::Random;
using tokens::IdArray;
using tokens::Tokenizer;

int failures = 0;

void check(bool holds, const std::string& what) {
    if (!holds && ++failures <= 10) std::printf("FAILED %s\n", what.c_str());
}

// Calls with the k-th allocation failing, for every k until a call gets by without. `prepare` and `verify` run with all the
// memory they want, before and after each.
void fail_each(const std::string& what, const std::function<void()>& prepare, const std::function<void()>& call,
               const std::function<void()>& verify) {
    std::int64_t points = 0;
    for (const bool keep : {false, true}) {
        for (std::int64_t k = 0;; k += keep ? 3 : 1) {
            prepare();
            std::string surprise;
            keep_failing = keep;
            has_failed = false;
            until_failure = k;
            try {
                call();
            } catch (const std::bad_alloc&) {
            } catch (const Error&) {
            } catch (const std::exception&) {
                surprise = "another exception";
            }
            until_failure = -1;
            keep_failing = false;
            const bool failed = has_failed.exchange(false);
            check(surprise.empty(), what + ", allocation " + std::to_string(k) + ": " + surprise);
            verify();
            if (!failed) break;
            points = std::max(points, k + 1);
        }
    }
    std::printf("%s: %lld allocations\n", what.c_str(), static_cast<long long>(points));
    std::fflush(stdout);
}

const std::vector<vocab::SpecialToken> kSpecials = {{"<|endoftext|>", 5000}, {"<|im_start|>", 5001}, {"</s>", 5002}};

Ids numbers(const IdArray& ids) {
    const auto* first = static_cast<const std::uint32_t*>(ids.data());
    return Ids(first, first + ids.size());
}

class Session {
public:
    explicit Session(std::uint64_t seed) : random_(seed) {
        spec_ = samples::spec(random_, 200, pretokens::Pattern::cl100k, kSpecials);
        text_ = samples::text(random_, 50000) + "<|im_start|>" + std::string(5000, 'a') + samples::text(random_, 2000) + "</s>";
        large_text_ = samples::text(random_, 300000);
        const documents::Document small{text_.data(), text_.size()};
        const documents::Document large{large_text_.data(), large_text_.size()};
        documents_ = {small, documents::Document{}, small};
        large_ = {large, small};
        renew();
        for (const std::vector<documents::Document>* documents : {&documents_, &large_}) {
            IdArray ids;
            Cancel cancel;
            tokenizer_->encode(*documents, options(), 1, ids, nullptr, cancel);
            (documents == &documents_ ? ids_ : large_ids_) = numbers(ids);
        }
        Ids by_the_book = samples::Book(tokenizer_->vocabulary()).ids(text_, true);
        const std::size_t once = by_the_book.size();
        for (std::size_t i = 0; i < once; ++i) by_the_book.push_back(by_the_book[i]);
        check(ids_ == by_the_book, "with all the memory it wants");
    }

    void run() {
        const auto nothing = [] {};
        const auto fresh = [this] { renew(); };
        fail_each(
            "vocabulary and tokenizer", nothing,
            [this] {
                const Tokenizer tokenizer(spec_, cpu::active(), never_);
                const vocab::SpecialMatcher matcher(tokenizer.vocabulary().specials());
            },
            nothing);
        fail_each(
            "encode", fresh, [this] { encode(documents_, 1); }, [this] { check_small(); });
        fail_each(
            "encode on two threads", fresh, [this] { encode(large_, 2); },
            [this] { check(encode(large_, 2) == large_ids_, "the next encode on two threads"); });
        fail_each(
            "count", fresh, [this] { count(documents_, 1); }, [this] { check_small(); });
        fail_each(
            "count on two threads", fresh, [this] { count(large_, 2); },
            [this] { check(count(large_, 2) == large_ids_.size(), "the next count on two threads"); });
        fail_each(
            "encode_until", fresh,
            [this] {
                IdArray ids;
                Cancel cancel;
                tokenizer_->encode_until(documents_[0], options(), 20000, ids, cancel);
            },
            [this] { check_small(); });
        fail_each(
            "a pretoken longer than what a chunk keeps", fresh,
            [this] {
                const std::string run((1 << 20) + 100000, '-');
                encode({documents::Document{run.data(), run.size()}}, 1);
            },
            [this] { check_small(); });
        std::optional<tokens::StreamEncoder> encoder;
        fail_each(
            "a stream of text",
            [&] {
                renew();
                encoder.emplace(*tokenizer_, options());
            },
            [&] { stream(*encoder); }, [&] { check(stream_until_whole(*encoder) == ids_, "the next stream"); });
        encoder.reset();
        snapshot();
        decode();
    }

private:
    tokens::EncodeOptions options() const {
        tokens::EncodeOptions options;
        options.specials = &matcher_;
        return options;
    }
    void renew() { tokenizer_.emplace(spec_, cpu::active(), never_); }

    Ids encode(const std::vector<documents::Document>& documents, std::size_t threads) {
        IdArray ids;
        std::vector<std::uint64_t> ends;
        Cancel cancel;
        tokenizer_->encode(documents, options(), threads, ids, &ends, cancel);
        return numbers(ids);
    }
    std::uint64_t count(const std::vector<documents::Document>& documents, std::size_t threads) {
        Cancel cancel;
        return tokenizer_->count(documents, options(), threads, nullptr, cancel);
    }
    void check_small() { check(encode(documents_, 1) == ids_, "the next encode"); }

    Ids stream(tokens::StreamEncoder& encoder) {
        IdArray ids;
        Cancel cancel;
        for (int time = 0; time < 2; ++time) {
            const auto* bytes = reinterpret_cast<const std::uint8_t*>(text_.data());
            for (std::size_t at = 0; at < text_.size(); at += 7001)
                encoder.feed({bytes + at, std::min<std::size_t>(7001, text_.size() - at)}, ids, cancel);
            encoder.finish(ids, cancel);
        }
        return numbers(ids);
    }
    // A failed feed ends its document: the next one begins anew on the same object.
    Ids stream_until_whole(tokens::StreamEncoder& encoder) {
        IdArray dropped;
        Cancel cancel;
        try {
            encoder.finish(dropped, cancel);
        } catch (const Error&) {
        }
        return stream(encoder);
    }

    void snapshot() {
        renew();
        Buffer<std::uint8_t> file;
        std::size_t file_bytes = 0;
        fail_each(
            "saving a snapshot", [] {},
            [&] {
                SectionWriter writer;
                tokenizer_->save(writer);
                const std::vector<std::uint8_t> bytes = writer.finish();
                file.reserve_discarding(bytes.size());
                std::memcpy(file.data(), bytes.data(), bytes.size());
                file_bytes = bytes.size();
            },
            [] {});
        fail_each(
            "mapping a snapshot", [] {},
            [&] {
                const Tokenizer mapped(SectionReader({file.data(), file_bytes}), cpu::active());
            },
            [] {});
    }

    void decode() {
        const auto whole = [this] {
            Buffer<std::uint8_t> bytes;
            const std::size_t size = tokenizer_->decode_table().decode(ids_.data(), ids_.size(), tokens::UnknownId::error, false, bytes, 0);
            return std::string(reinterpret_cast<const char*>(bytes.data()), size);
        };
        fail_each(
            "decode", [this] { renew(); }, [&] { whole(); }, [&] { check(whole() == text_ + text_, "the next decode"); });
        fail_each(
            "a stream of ids", [] {},
            [this] {
                tokens::StreamDecoder decoder(tokenizer_->decode_table(), 2);
                std::string out;
                std::size_t ends[2];
                for (std::size_t i = 0; i < 200; ++i) {
                    const std::int64_t step[2] = {ids_[i], ids_[i + 200]};
                    decoder.step(step, tokens::UnknownId::error, false, out, ends);
                }
                const std::vector<std::int64_t> more(ids_.begin(), ids_.begin() + 500);
                decoder.extend(decoder.fork(0), more.data(), more.size(), tokens::UnknownId::error, false, out);
                decoder.add(30);
                const std::vector<std::size_t> sources(33, 1);
                decoder.reorder(sources);
                for (std::size_t sequence = 0; sequence < decoder.sequences(); ++sequence) decoder.finish(sequence, out);
            },
            [] {});
    }

    Random random_;
    vocab::Spec spec_;
    std::string text_, large_text_;
    std::vector<documents::Document> documents_, large_;
    vocab::SpecialMatcher matcher_{kSpecials};
    Cancel never_;
    std::optional<Tokenizer> tokenizer_;
    Ids ids_, large_ids_;
};

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20251125;
    std::printf("out_of_memory_test, seed %llu\n", static_cast<unsigned long long>(seed));
    Session(seed).run();
    std::printf(failures == 0 ? "ok\n" : "%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
