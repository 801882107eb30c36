"""Binding: which output feeds which input, and which steps are in which branch."""
