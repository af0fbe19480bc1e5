"""How many tokens a chat takes, in code as it is written for tiktoken; only the import is another."""

from __future__ import annotations

import argparse
import json
import sys

import tokmill
import tokmill.compat.tiktoken as tiktoken

# What a chat format adds to each message, and to the reply that is to come.
TOKENS_PER_MESSAGE = 3
TOKENS_OF_REPLY = 3


def encoding_of(model: str | None) -> tiktoken.Encoding:
    """The encoding of a model; without one the embedded vocabulary, which needs no file and no network."""
    if model is not None:
        return tiktoken.encoding_for_model(model)
    return tiktoken.Encoding.from_tokenizer(tokmill.load("tokmill-64k-v1"))


def count(encoding: tiktoken.Encoding, messages: list[dict[str, str]]) -> int:
    """The tokens of a chat. What a user wrote is only text, even if it spells a control token."""
    texts = [text for message in messages for text in message.values()]
    rows = encoding.encode_batch(texts, disallowed_special=())
    return sum(map(len, rows)) + TOKENS_PER_MESSAGE * len(messages) + TOKENS_OF_REPLY


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chat", help="a JSON file: a list of messages with role and content")
    parser.add_argument("--model", help="for example gpt-4o; its ranks are looked for on this machine, then downloaded")
    arguments = parser.parse_args()
    encoding = encoding_of(arguments.model)
    with open(arguments.chat, encoding="utf-8") as file:
        messages = json.load(file)
    print(f"{count(encoding, messages)} tokens with {encoding.name}")
    try:
        encoding.encode(messages[-1]["content"])
    except ValueError as error:
        print("encode() refuses the last message:", str(error).splitlines()[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
