"""Shows runs to people: on a terminal and in a notebook."""
