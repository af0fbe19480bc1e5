// Every failure of the core is one of these. The bindings turn a kind into the Python class of the same
// meaning; nothing in the core prints, aborts or returns an error code that a caller could forget to look at.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace tokmill {

enum class ErrorKind : std::uint8_t {
    value,              // an argument is outside of what the call takes        -> ValueError
    type,               // an argument is of a type that the call does not take -> TypeError
    pattern,            // a split pattern that is not known                    -> ValueError
    unknown_token,      // bytes that are no token                              -> KeyError
    invalid_utf8,       // input bytes are not UTF-8; `where` = byte position   -> ValueError
    missing_byte,       // a byte of the text is no token of the vocabulary; `where` = byte position
    pretoken_too_long,  // a pretoken outgrew max_pretoken_bytes; `where` = its first byte
    special_token,      // text holds a special token and special="error"; `where` = byte position
    unknown_id,         // decode met an id outside the vocabulary; `where` = its index -> KeyError
    stream,             // a stream of records breaks a rule; `where` = the record or byte
    vocabulary,         // a vocabulary file or its data break a rule; `where` = line or byte
    unsupported,        // a vocabulary file asks for a component that is not done exactly -> ValueError
    snapshot,           // a snapshot is damaged, cut short or of another version
    isa,                // TOKMILL_ISA names an instruction set that this machine or build lacks
    input,              // a file could not be read                             -> OSError
    output,             // a file could not be written                          -> OSError
    interrupted,        // the caller asked to stop (Ctrl-C); the Python exception is already set
};

class Error : public std::runtime_error {
public:
    static constexpr std::int64_t kNowhere = -1;

    Error(ErrorKind kind, const std::string& message, std::int64_t where = kNowhere)
        : std::runtime_error(message), kind_(kind), where_(where) {}

    ErrorKind kind() const noexcept { return kind_; }
    std::int64_t where() const noexcept { return where_; }

private:
    ErrorKind kind_;
    std::int64_t where_;
};

}  // namespace tokmill
