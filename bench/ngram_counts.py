"""`python -m bench.ngram_counts` from the repository's root."""

import sys

from tokmill.bench.ngram_counts import main

if __name__ == "__main__":
    sys.exit(main())
