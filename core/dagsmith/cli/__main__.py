"""``python -m dagsmith.cli`` is ``dagsmith``."""

from __future__ import annotations

from dagsmith.cli.main import main

main()
