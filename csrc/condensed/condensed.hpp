// The door of the room: streams of ids made shorter, and long again. Supertokens are trained phrases. Hypertokens are codes for phrases
// that a book learns while it reads; the book is never written down, since whoever reads the codes learns the same.
#pragma once

#include "condensed/chain.hpp"
#include "condensed/chain_sequences.hpp"
#include "condensed/condense.hpp"
#include "condensed/condenser.hpp"
#include "condensed/digits.hpp"
#include "condensed/hypertoken_rules.hpp"
#include "condensed/learn_phrases.hpp"
#include "condensed/longest.hpp"
#include "condensed/lru.hpp"
#include "condensed/merge_order.hpp"
#include "condensed/opcodes/documents.hpp"
#include "condensed/opcodes/flat.hpp"
#include "condensed/opcodes/packed.hpp"
#include "condensed/opcodes/sequences.hpp"
#include "condensed/pack.hpp"
#include "condensed/phrases.hpp"
#include "condensed/ppm.hpp"
#include "condensed/sequences.hpp"
#include "condensed/supertokens.hpp"
#include "condensed/zip2zip.hpp"
