"""Settings for every test."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings

# Machines differ in speed: a slow example is not a failure.
settings.register_profile("dagcast", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dagcast")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests counted: properties whose name begins with ``outcomes``."""
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in report.user_properties:
            if name.startswith("outcomes"):
                counts = ", ".join(f"{count} {what}" for what, count in sorted(value.items()))
                terminalreporter.write_line(f"{name}: {counts}")
