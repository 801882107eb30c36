"""Starts the processes of jobs, isolates them, and ends them."""
