"""The exit codes of the command line. 0 is success, and click exits with 2 after a usage error."""

from __future__ import annotations

from typing import Final

FAILURE: Final = 1
"""The input is invalid, or a run failed."""

INTERRUPTED: Final = 130
"""A signal ended a run: 128 plus the number of SIGINT, as in shells."""

DIFFERENT: Final = 3
"""Two runs differ."""
