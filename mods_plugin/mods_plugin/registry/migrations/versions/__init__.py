"""The schema revisions, one module each."""
