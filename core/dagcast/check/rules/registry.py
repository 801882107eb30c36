"""All rules: about one request, and about a whole pipeline.

A module of rules is imported when a request of one of its shapes is first checked, so a pipeline costs the rules of its
own kinds of step.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import MappingProxyType

from dagcast.check.rules import conditions, destinations, pipeline, regions
from dagcast.check.rules.pipeline_rule import PipelineRule
from dagcast.check.rules.rule import TAGGED, TRAINING_JOBS, TUNING_JOB, Rule

_DEFINED_JOB = ("HyperParameterTrainingJobDefinition",)

MODULES = MappingProxyType(
    {
        "training": TRAINING_JOBS,
        "training_machines": TRAINING_JOBS,
        "training_channels": TRAINING_JOBS,
        "algorithms": TRAINING_JOBS,
        "tuning_ranges": TUNING_JOB,
        "tuning": (*TUNING_JOB, *_DEFINED_JOB),
        "processing": ("CreateProcessingJobRequest",),
        "transform": ("CreateTransformJobRequest",),
        "models": ("CreateModelInput", "CreateModelPackageInput"),
        "endpoints": ("CreateEndpointConfigInput", "CreateEndpointInput"),
        "automl": ("CreateAutoMLJobRequest",),
        "emr": ("RunJobFlowInput", "StepConfig"),
        "general": (*TAGGED, *_DEFINED_JOB),
    }
)
"""By module of rules about one request: the shapes of those requests. The order is that of the findings."""

PIPELINE_RULES: tuple[PipelineRule, ...] = (
    *pipeline.RULES,
    *conditions.RULES,
    *destinations.RULES,
    *regions.RULES,
)
"""Every rule about a whole pipeline."""


@cache
def service_rules(shape: str) -> tuple[Rule, ...]:
    """Return the rules about requests of a shape.

    Args:
        shape: The shape, such as ``CreateTrainingJobRequest``.

    Example:
        >>> [rule.id for rule in service_rules("CreateTransformJobRequest")][0]
        'transform.payload'
    """
    modules = (module for module, shapes in MODULES.items() if shape in shapes)
    return tuple(rule for module in modules for rule in _rules_in(module) if shape in rule.shapes)


def all_rules() -> tuple[Rule, ...]:
    """Return every rule about one request."""
    return tuple(rule for module in MODULES for rule in _rules_in(module))


def _rules_in(module: str) -> tuple[Rule, ...]:
    rules: tuple[Rule, ...] = import_module(f"dagcast.check.rules.{module}").RULES
    return rules
