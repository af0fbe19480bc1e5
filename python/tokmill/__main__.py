"""``python -m tokmill`` is the command ``tokmill``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
