"""Reference pipelines, written by hand with the SDK's own classes, to compare dagcast's output with."""
