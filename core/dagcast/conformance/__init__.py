"""The conformance kit: what every plugin has to keep, as tests that any plugin can be put to.

``pytest --dagcast-plugin NAME`` adds them to a run; without that option the kit does nothing.
"""
