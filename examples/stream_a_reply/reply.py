"""Decodes several streams of ids step by step, as a server does, and shows what each step adds."""

import tokmill

REPLIES = ["The wheel turns.", "Das Mühlrad dreht sich 🎡", "水車は回る 🌾"]

tok = tokmill.load("tokmill-64k-v1")
streams = [tok.encode_list(reply) for reply in REPLIES]
decoder = tok.decoder(len(streams))
texts = [""] * len(streams)
for step in range(max(map(len, streams))):
    ids = [stream[step] if step < len(stream) else -1 for stream in streams]  # -1: this one has ended
    added = decoder.step(ids)
    texts = [text + more for text, more in zip(texts, added, strict=True)]
    print("  ".join(repr(more) for more in added))
texts = [text + decoder.finish(i) for i, text in enumerate(texts)]
assert texts == REPLIES
print("\n".join(texts))
