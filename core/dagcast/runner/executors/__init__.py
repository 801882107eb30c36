"""Executors: one module for each type of step that runs here."""
