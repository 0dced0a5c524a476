"""``python -m vaccine_swift`` where the script is not on PATH."""

import sys

from vaccine_swift.cli.entry import main

sys.exit(main())
