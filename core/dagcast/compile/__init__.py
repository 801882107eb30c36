"""Compile a DAG and a config file to a pipeline, in stages."""
