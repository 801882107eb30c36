"""Benchmarks: dagcast beside the same pipeline written by hand, in one run. ``make bench`` runs them."""
