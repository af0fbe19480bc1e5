// The door of the room: text in, starts of pretokens out.
//
// A split pattern cuts text into pretokens; each is merged on its own. A scanner finds their starts 64 bytes at a time
// in bit masks. It may cut further at *safe cuts*: borders between two characters that no token of the vocabulary can
// lie across, so that both sides merge on their own and the results concatenate (only for vocabularies whose tokens can
// all be reached by merging). The patterns look ahead but never back, so every start of a pretoken is a fresh start.
//
// scanner.hpp   the patterns, and what finds the starts in a segment
// engine/       the same for any regex
// chunk.hpp     documents read block by block and cut into pretokens, for those who work on them
#pragma once

#include "pretokens/chunk.hpp"
#include "pretokens/engine/engine.hpp"
#include "pretokens/scanner.hpp"
