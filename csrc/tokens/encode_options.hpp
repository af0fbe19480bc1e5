// What a call asks of the text on its way to ids.
#pragma once

#include "pretokens/pretokens.hpp"
#include "tokens/added_tokens.hpp"

namespace tokmill::tokens {

struct EncodeOptions : pretokens::ChunkOptions {
    // All tokens to cut out of the text; null: none. `specials` finds them as well where one search is enough.
    const AddedTokens* added = nullptr;
};

}  // namespace tokmill::tokens
