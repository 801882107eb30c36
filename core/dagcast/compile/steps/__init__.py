"""The step types: one module each."""
