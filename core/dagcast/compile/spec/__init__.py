"""The intermediate representation of a pipeline: frozen, plain data."""
