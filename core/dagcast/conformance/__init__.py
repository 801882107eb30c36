"""The conformance kit: tests that every plugin must pass.

``pytest --dagcast-plugin NAME`` adds them to a test run. Without the option the kit does nothing.
"""
