"""Settings for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Machines differ in speed: a slow example is not a failure.
settings.register_profile("dagsmith", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dagsmith")
