"""Lower a typed config and a DAG to the intermediate representation."""
