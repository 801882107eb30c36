"""Limits and defaults of the service: sizes, lengths, and patterns of names.

"API reference" is the SageMaker API reference, followed by a shape or a member. Patterns are for ``re.fullmatch``.
"""

from __future__ import annotations

from typing import Final

# Definitions

DEFINITION_MAX_LENGTH: Final = 1_048_576
"""Characters of a definition. Source: API reference, ``PipelineDefinition``."""

DEFINITION_INLINE_BYTES: Final = 100 * 1024
"""Bytes above which both SDKs upload a definition to S3. Source: ``Pipeline._create_args`` of SDK 2 and 3."""

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
"""Characters of a value given at the start of an execution. Source: API reference, ``Parameter``, ``Value``.

The JSON schema of definitions does not limit the default of a parameter.
"""

TAG_VALUE_MAX_LENGTH: Final = 256
"""Characters. Source: API reference, ``TagValue``."""

# Jobs

DEFAULT_RUN_TIME_SECONDS: Final = 86_400
"""Seconds that a job may run without a limit of its own. Source: API reference, ``StoppingCondition``: 1 day."""

DEFAULT_VOLUME_GB: Final = 30
"""GB of a job's volume if the config has no size. Source: the estimators and processors of both SDKs."""

PROCESSING_INPUTS_MAX_COUNT: Final = 10
"""Inputs of a processing job, those that bring its code included. Source: API reference, ``ProcessingInputs``."""
