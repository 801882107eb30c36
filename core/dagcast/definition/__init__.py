"""The language of pipeline definitions: values with references, reading, parameters, conditions."""
