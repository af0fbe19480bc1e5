"""`python -m bench.ngrams` from the repository's root."""

import sys

from tokmill.bench.ngrams import main

if __name__ == "__main__":
    sys.exit(main())
