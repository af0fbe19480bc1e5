// The door of the room: ids to n-gram rows, the indices under which a model with a huge input vocabulary looks its embeddings
// up. A Plan says how and is immutable; write_rows() takes whole arrays, a State goes on token by token. Beside them: a Counter of
// n-grams, FrequentNgrams with rows of their own, and the distinct rows of a batch.
#pragma once

#include "ngrams/counts.hpp"
#include "ngrams/frequent.hpp"
#include "ngrams/plan.hpp"
#include "ngrams/rows.hpp"
#include "ngrams/state.hpp"
#include "ngrams/unique_rows.hpp"
