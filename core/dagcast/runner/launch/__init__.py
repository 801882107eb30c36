"""How a job's process starts, what it sees of this machine, and how it ends."""
