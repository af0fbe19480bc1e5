"""`python -m bench.training_proofs` from the repository's root."""

import sys

from tokmill.bench.training_proofs import main

if __name__ == "__main__":
    sys.exit(main())
