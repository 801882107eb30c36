"""``python -m dagcast``: the command line."""

from __future__ import annotations

from dagcast.cli.main import main

main()
