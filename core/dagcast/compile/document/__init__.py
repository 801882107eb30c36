"""Read YAML, JSON and TOML files into plain data, with the position of each value."""
