"""``tokmill ngrams``: what is done with n-grams of token ids."""

from __future__ import annotations

import argparse

from . import ngrams_count

__all__ = ["add_parser", "run"]

COMMANDS = {"count": (ngrams_count, "exact counts of the n-grams of files, in bounded memory")}


def add_parser(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="ngrams_command", metavar="COMMAND", required=True)
    for name, (module, description) in COMMANDS.items():
        module.add_parser(commands.add_parser(name, help=description, description=f"tokmill ngrams {name}: {description}"))


def run(arguments: argparse.Namespace) -> int:
    code: int = COMMANDS[arguments.ngrams_command][0].run(arguments)
    return code
