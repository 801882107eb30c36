"""Writes, reads and removes the files of a run: its folder, status, results, events and logs."""
