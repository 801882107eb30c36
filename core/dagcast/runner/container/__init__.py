"""Implements SageMaker's container contract: folders, files and variables of a job, and the use of its outputs."""
