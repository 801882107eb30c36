"""All rules: about one request, and about a whole pipeline."""

from __future__ import annotations

from dagcast.check.rules import (
    algorithms,
    automl,
    conditions,
    destinations,
    emr,
    endpoints,
    general,
    models,
    pipeline,
    processing,
    regions,
    training,
    training_channels,
    training_machines,
    transform,
    tuning,
    tuning_ranges,
)
from dagcast.check.rules.pipeline_rule import PipelineRule
from dagcast.check.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    *training.RULES,
    *training_machines.RULES,
    *training_channels.RULES,
    *algorithms.RULES,
    *tuning_ranges.RULES,
    *tuning.RULES,
    *processing.RULES,
    *transform.RULES,
    *models.RULES,
    *endpoints.RULES,
    *automl.RULES,
    *emr.RULES,
    *general.RULES,
)
"""Every rule about one request."""

PIPELINE_RULES: tuple[PipelineRule, ...] = (
    *pipeline.RULES,
    *conditions.RULES,
    *destinations.RULES,
    *regions.RULES,
)
"""Every rule about a whole pipeline."""
