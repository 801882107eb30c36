"""Replaces S3 by a folder of the run, the user's files, earlier runs, and on request S3 itself."""
