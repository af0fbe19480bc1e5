"""`python -m bench.training` from the repository's root."""

import sys

from tokmill.bench.training import main

if __name__ == "__main__":
    sys.exit(main())
