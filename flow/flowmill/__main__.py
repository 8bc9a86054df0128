"""`python -m flowmill`."""

from __future__ import annotations

import sys

from flowmill.cli.main import main

sys.exit(main())
