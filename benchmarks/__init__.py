"""Benchmarks: dagcast compared with the same pipeline written by hand, in one process. ``make bench`` runs them."""
