"""`python -m bench.condensed` from the repository's root."""

import sys

from tokmill.bench.condensed import main

if __name__ == "__main__":
    sys.exit(main())
