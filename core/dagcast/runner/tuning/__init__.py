"""Reads the request of a tuning step, and chooses the hyperparameters of each trial."""
