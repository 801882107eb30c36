"""The hooks of docs/writing-plugins.md that a compile calls, in the order of their first calls."""

from __future__ import annotations

COMPILED = (
    "options_model",
    "extract_metadata",
    "decorate_template_class",
    "build_template_params",
    "pipeline_parameters",
    "register_step_types",
    "register_rules",
    "transform_spec",
    "check_spec",
    "pipeline_compiled",
)
