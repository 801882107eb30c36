"""The step types, one module for each; ``catalog`` lists them.

Shared by several: ``step_type`` describes a type; ``lowering`` and ``request_builder`` build a request; ``job``,
``model``, ``distribution``, ``hyperparameters`` and ``baseline_check`` have parts of configs and requests.
"""
