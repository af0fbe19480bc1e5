"""The command ``tokmill``.

Exit codes: 0 done, 1 failed (the message says what to do), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence

from ..errors import ArgumentError, Error
from . import condense, convert, count, decode, encode, info, ngrams, report, train, verify

__all__ = ["main"]

COMMANDS = {
    "report": (report, "sizes, speed, a preview and the round trip of a text"),
    "encode": (encode, "text to ids"),
    "decode": (decode, "ids to text"),
    "count": (count, "how many tokens files have"),
    "condense": (condense, "text to fewer ids than tokens, and back"),
    "ngrams": (ngrams, "plans of n-gram rows, the rows of texts or ids, and counts of n-grams"),
    "train": (train, "a vocabulary learnt from files"),
    "convert": (convert, "a vocabulary in another format, with what that format says otherwise"),
    "info": (info, "the vocabulary and this machine"),
    "verify": (verify, "compare with the installed tiktoken or tokenizers on your own texts"),
}
BENCH_HELP = "measure tokmill beside every installed peer"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("tokmill: interrupted", file=sys.stderr)
        return 130
    except ArgumentError as error:
        return _failed(str(error), 2)
    except Error as error:
        return _failed(str(error), 1)
    except MemoryError:
        return _failed("out of memory", 1)
    except OSError as error:
        return _failed(str(error), 1)
    return code


def _run(words: list[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 shows what it can
    if words[:1] == ["bench"]:
        return _bench(words[1:])
    parser = _parser()
    arguments = parser.parse_args(words)
    if arguments.command is None:
        parser.print_help()
        return 2
    code: int = COMMANDS[arguments.command][0].run(arguments)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tokmill", description="Text to token ids, exactly and fast.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and leave")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (module, description) in COMMANDS.items():
        module.add_parser(commands.add_parser(name, help=description, description=f"tokmill {name}: {description}"))
    commands.add_parser("bench", help=BENCH_HELP, add_help=False)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *unused: object) -> None:
        import tokmill

        print(f"tokmill {tokmill.__version__}")
        parser.exit()


def _bench(words: list[str]) -> int:
    from ..bench import file_main

    return file_main(words)


def _failed(message: str, code: int) -> int:
    # Hints name the arguments of calls; four of them are options here, of the same names.
    hint = re.sub(r"""\b(invalid|special|unknown)=["'](\w+)["']""", r"--\1 \2", message)
    hint = hint.replace("choose with field=", "choose with --field")
    print(f"tokmill: error: {hint}", file=sys.stderr)
    return code
