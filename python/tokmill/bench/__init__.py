"""The benchmark: tokmill beside every other installed package, each call compared with tiktoken before it is timed.

`file_main` is `tokmill bench FILE`; `suite_main` is `python -m bench` of the repository. Nothing heavy is imported before one is called.
"""

from __future__ import annotations


def file_main(arguments: list[str] | None = None) -> int:
    """`tokmill bench`: see `tokmill.bench.command.file_main`."""
    from .command import file_main

    return file_main(arguments)


def suite_main(arguments: list[str] | None = None) -> int:
    """`python -m bench`: see `tokmill.bench.command.suite_main`."""
    from .command import suite_main

    return suite_main(arguments)


__all__ = ["file_main", "suite_main"]
