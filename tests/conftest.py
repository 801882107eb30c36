"""Settings for every test."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.support.child_processes import ProcessStarter

# Machines differ in speed: a slow example is not a failure.
settings.register_profile("dagcast", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "no-shrink",
    settings.get_profile("dagcast"),
    phases=[phase for phase in Phase if phase is not Phase.shrink],
)
settings.load_profile("dagcast")

# A shell starts background jobs with SIGINT ignored, and every child would inherit that, so that no test could
# interrupt what it started. A program leaves it ignored; this process takes Python's own handler back instead.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def start_process() -> Iterator[ProcessStarter]:
    """Starts processes; those that still run when the test ends are killed, with their process groups."""
    starter = ProcessStarter()
    yield starter
    starter.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests counted: properties whose name begins with ``outcomes``."""
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in report.user_properties:
            if name.startswith("outcomes"):
                counts = ", ".join(f"{count} {what}" for what, count in sorted(value.items()))
                terminalreporter.write_line(f"{name}: {counts}")
