"""Programs that run inside a step's own process: the standard library alone, and no dagcast."""
