"""`python -m flowmill_server`: the same as `flowmill server`."""

from __future__ import annotations

import sys

from flowmill.cli.main import main

sys.exit(main(["server", *sys.argv[1:]]))
