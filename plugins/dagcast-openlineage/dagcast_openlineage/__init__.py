"""The dagcast plugin ``openlineage``: tells an OpenLineage receiver what a pipeline reads and writes."""

__version__ = "0.1.0"
