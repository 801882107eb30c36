"""``python -m dagcast.cli`` is ``dagcast``."""

from __future__ import annotations

from dagcast.cli.main import main

main()
