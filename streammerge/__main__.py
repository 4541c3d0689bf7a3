"""`python -m streammerge` is the command."""

import sys

from streammerge.cli import main

sys.exit(main())
