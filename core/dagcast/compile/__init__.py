"""Compiles a DAG and a config file into a pipeline, stage by stage."""
