// What a call asks of the text on its way to ids.
#pragma once

#include "pretokens/pretokens.hpp"
#include "tokens/added_tokens.hpp"

namespace tokmill::tokens {

struct EncodeOptions : pretokens::ChunkOptions {
    // All tokens to cut out of the text; null: none. `specials` finds them as well where one search is enough.
    const AddedTokens* added = nullptr;
    bool with_origins = false;      // a prepared block is to know where it came from,
    bool unless_tiled = false;      // ... but not if the ids of its documents alone say it, those of added tokens too,
    bool origins_in_bytes = false;  // ... and in bytes of its characters instead of their numbers
};

}  // namespace tokmill::tokens
