"""The version of the hooks, apart from their specifications: a scan that finds no plugin needs no pluggy."""

from __future__ import annotations

API_VERSION = 1
"""The version of the hooks. Entry-point group ``dagcast.api`` holds the version that a plugin is written for."""
