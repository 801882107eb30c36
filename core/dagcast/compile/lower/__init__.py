"""Lowering: from typed config and DAG to the intermediate representation."""
