"""Reference pipelines, written by hand with the SDK's own classes, to compare dagsmith's output with."""
