"""The dagcast plugin ``openlineage``: sends OpenLineage events with the inputs and outputs of a pipeline."""

__version__ = "0.1.0"
