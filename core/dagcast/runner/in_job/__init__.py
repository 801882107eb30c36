"""Programs that run inside a job's process. They do not import dagcast."""
