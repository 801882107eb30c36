"""Limits and defaults of the service: sizes, lengths, and the form of names.

"API reference" is the SageMaker API reference; what it names is a shape or a member there. Patterns are for
``re.fullmatch``.
"""

from __future__ import annotations

from typing import Final

# Definitions

DEFINITION_MAX_LENGTH: Final = 1_048_576
"""Characters of a definition. Source: API reference, ``PipelineDefinition``."""

DEFINITION_INLINE_BYTES: Final = 100 * 1024
"""Bytes from which on both SDKs send a definition by way of S3. Source: ``Pipeline._create_args`` of SDK 2 and 3."""

# Names

PIPELINE_NAME_PATTERN: Final = r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$"
"""Source: API reference, ``PipelineName``."""

PIPELINE_NAME_MAX_LENGTH: Final = 256
"""Characters. Source: API reference, ``PipelineName``."""

EXECUTION_NAME_MAX_LENGTH: Final = 82
"""Characters of the name of an execution. Source: API reference, ``PipelineExecutionName``."""

PARAMETER_NAME_PATTERN: Final = r"^[A-Za-z0-9\-_]*$"
"""Source: API reference, ``PipelineParameterName``."""

PARAMETER_NAME_MAX_LENGTH: Final = 256
"""Characters. Source: API reference, ``PipelineParameterName``."""

STEP_NAME_PATTERN: Final = r"[A-Za-z0-9](-*[A-Za-z0-9_])*"
"""Letters, digits, hyphens and underscores; a letter or digit first. Source: API reference, ``StepName``."""

STEP_NAME_MAX_LENGTH: Final = 64
"""Characters. Source: API reference, ``StepName``."""

STEP_DISPLAY_NAME_MAX_LENGTH: Final = 256
"""Characters. Source: API reference, ``StepDisplayName``."""

BUCKET_NAME_PATTERN: Final = r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]"
"""Source: Amazon S3 User Guide, "General purpose bucket naming rules"."""

# Texts and values

DESCRIPTION_MAX_LENGTH: Final = 3072
"""Characters of the description of a pipeline or a step. Source: API reference, ``PipelineDescription``."""

PARAMETER_VALUE_MAX_LENGTH: Final = 1024
"""Characters of a value that an execution is started with. Source: API reference, ``Parameter``, ``Value``.

The JSON schema of definitions has no limit for the text of a parameter's own default.
"""

TAG_VALUE_MAX_LENGTH: Final = 256
"""Characters. Source: API reference, ``TagValue``."""

# Jobs

DEFAULT_RUN_TIME_SECONDS: Final = 86_400
"""Seconds that a job may run if it names no limit. Source: API reference, ``StoppingCondition``: 1 day."""

DEFAULT_VOLUME_GB: Final = 30
"""GB of a job's volume where the config gives none. Source: the estimators and processors of both SDKs."""

PROCESSING_INPUTS_MAX_COUNT: Final = 10
"""Inputs of a processing job, those that bring its code included. Source: API reference, ``ProcessingInputs``."""
