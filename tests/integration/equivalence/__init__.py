"""The pipelines of ``tests/by_hand`` as configs: the same definition from dagcast, on both SDKs."""
