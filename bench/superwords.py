"""`python -m bench.superwords` from the repository's root."""

import sys

from tokmill.bench.superwords import main

if __name__ == "__main__":
    sys.exit(main())
