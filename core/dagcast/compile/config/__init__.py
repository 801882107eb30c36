"""Loading: from a config file to typed models, with the line of every value."""
