// CoreTokenizer as its methods see it: what an object holds, and the methods, which stand in four files and are put together in
// bind_tokenizer.cpp.
#pragma once

#include <atomic>
#include <cstdlib>
#include <memory>
#include <vector>

#include "bindings/python.hpp"
#include "formats/formats.hpp"

namespace tokmill::bindings::core {

// What a CoreTokenizer holds. The int objects belong to the interpreter that made the tokenizer.
struct Core {
    std::unique_ptr<tokens::Tokenizer> tokenizer;
    tokens::AddedTokens always;    // found in any text
    tokens::AddedTokens all;       // and those that special="parse" lets in
    PyObject* snapshot = nullptr;  // what the tokenizer's tables lie in, if they are mapped
    Py_buffer snapshot_view{};
    std::unique_ptr<std::uint8_t, void (*)(void*)> snapshot_copy{nullptr, std::free};
    std::atomic<PyObject*>* ints = nullptr;  // one per id, made when first used: 1.3 ns a token against 21 for a new int

    ~Core() {
        if (ints != nullptr) {
            for (std::size_t id = 0; id < tokenizer->vocabulary().id_end(); ++id) Py_XDECREF(ints[id].load(std::memory_order_relaxed));
            std::free(static_cast<void*>(ints));
        }
        tokenizer.reset();
        if (snapshot_view.obj != nullptr) PyBuffer_Release(&snapshot_view);
    }
};

struct CoreObject {
    PyObject_HEAD Core* core;
};

inline Core& core_of(PyObject* self) { return *reinterpret_cast<CoreObject*>(self)->core; }

PyObject* new_object(PyTypeObject* type, std::unique_ptr<Core> core);

// The added tokens of a tokenizer.json, else the special tokens of the vocabulary, as far as they are wanted.
template <class Wanted>
tokens::AddedTokens added_tokens(const tokens::Tokenizer& tokenizer, const Wanted& wanted) {
    std::vector<tokens::AddedTokens::Token> tokens;
    static const normalized::Normalizer kNone;
    const tokens::Preprocessing* const preprocessing = tokenizer.preprocessing();
    if (preprocessing != nullptr) {
        for (const formats::AddedToken& token : preprocessing->components().added_tokens)
            tokens.push_back({token, !token.special || wanted(token.content)});
    } else {
        for (const vocab::SpecialToken& token : tokenizer.vocabulary().specials()) {
            if (!wanted(token.text)) continue;
            tokens.emplace_back();
            tokens.back().content = token.text;
            tokens.back().id = token.id;
            tokens.back().special = true;
        }
    }
    return tokens::AddedTokens(std::move(tokens), preprocessing != nullptr ? preprocessing->normalizer() : kNone);
}

inline PyObject* int_of(Core& core, std::uint32_t id) {
    PyObject* number = core.ints[id].load(std::memory_order_acquire);
    if (number == nullptr) {
        number = checked(PyLong_FromUnsignedLong(id));
        PyObject* expected = nullptr;
        if (!core.ints[id].compare_exchange_strong(expected, number, std::memory_order_acq_rel)) {
            Py_DECREF(number);
            number = expected;
        }
    }
    Py_INCREF(number);
    return number;
}

// Constructors, snapshots and other forms of the whole (tokenizer_making.cpp)
PyObject* from_ranks(PyObject* type, PyObject* const* args, Py_ssize_t count, PyObject* keywords);
PyObject* from_tokenizer_json(PyObject* type, PyObject* const* args, Py_ssize_t count, PyObject* keywords);
PyObject* from_merges(PyObject* type, PyObject* const* args, Py_ssize_t count, PyObject* keywords);
PyObject* from_snapshot(PyObject* type, PyObject* const* args, Py_ssize_t count, PyObject* keywords);
PyObject* snapshot(PyObject* self, PyObject*);
PyObject* with_isa(PyObject* self, PyObject* isa);
PyObject* with_word_tables(PyObject* self, PyObject* word_bytes);
PyObject* canonical(PyObject* self, PyObject*);
PyObject* components(PyObject* self, PyObject*);
PyObject* rank_file(PyObject* self, PyObject*);
PyObject* merge_list(PyObject* self, PyObject*);

// Text to ids (tokenizer_encoding.cpp)
PyObject* encode(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords);
PyObject* encode_list(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords);
PyObject* count(PyObject* self, PyObject* const* args, Py_ssize_t argument_count, PyObject* keywords);
PyObject* count_until(PyObject* self, PyObject* const* args, Py_ssize_t argument_count, PyObject* keywords);
PyObject* truncate(PyObject* self, PyObject* const* args, Py_ssize_t argument_count, PyObject* keywords);
PyObject* encode_batch(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords);
PyObject* encode_batch_lists(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords);
PyObject* count_batch(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords);
PyObject* pretoken_count(PyObject* self, PyObject* const* args, Py_ssize_t argument_count, PyObject* keywords);
PyObject* encode_piece(PyObject* self, PyObject* const* args, Py_ssize_t argument_count, PyObject* keywords);
PyObject* last_pretoken_bytes(PyObject* self, PyObject* argument);

// Ids to text (tokenizer_decoding.cpp)
PyObject* decode(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords);
PyObject* decode_bytes(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords);
PyObject* decode_batch(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords);

// The vocabulary (tokenizer_vocabulary.cpp)
PyObject* id_of(PyObject* self, PyObject* token);
PyObject* bytes_of(PyObject* self, PyObject* id);
PyObject* token_bytes(PyObject* self, void*);
PyObject* vocab_size(PyObject* self, void*);
PyObject* name(PyObject* self, void*);
PyObject* missing_bytes(PyObject* self, void*);
PyObject* pattern(PyObject* self, void*);
PyObject* isa(PyObject* self, void*);
PyObject* special_tokens(PyObject* self, void*);
PyObject* frame(PyObject* self, PyObject*);
PyObject* table_statistics(PyObject* self, PyObject*);

}  // namespace tokmill::bindings::core
