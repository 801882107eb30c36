"""The step types, one module for each."""
