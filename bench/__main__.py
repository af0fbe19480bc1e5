"""`python -m bench` from the repository's root."""

import sys

from tokmill.bench import suite_main

sys.exit(suite_main())
