// The door of the room: ids to n-gram rows, the indices under which a model with a huge input vocabulary looks its embeddings
// up. A Plan says how and is immutable; write_rows() takes whole arrays, a State goes on token by token.
#pragma once

#include "ngrams/plan.hpp"
#include "ngrams/rows.hpp"
#include "ngrams/state.hpp"
