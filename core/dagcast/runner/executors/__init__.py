"""What runs a step: one module for each type of step."""
