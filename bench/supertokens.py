"""`python -m bench.supertokens` from the repository's root."""

import sys

from tokmill.bench.supertokens import main

if __name__ == "__main__":
    sys.exit(main())
