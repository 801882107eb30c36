"""On the ``PYTHONPATH`` of jobs without a mount namespace: modules that keep a script from changing this machine."""
