"""The language of pipeline definitions: steps, references, parameters, conditions, reading and writing."""
