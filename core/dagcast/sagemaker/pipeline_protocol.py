"""The methods that a pipeline of either SageMaker SDK has, for type checkers.

SDK 2 (``sagemaker.workflow.pipeline``) and SDK 3 (``sagemaker.mlops.workflow.pipeline``) each have a class
``Pipeline``. A compile returns an instance of a subclass of the installed one. A test compares the names of this
protocol's methods and their parameters with both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Pipeline(Protocol):
    """A pipeline object of the installed SDK.

    All methods but :meth:`definition` call AWS and need credentials.

    Attributes:
        name: The pipeline's name.
        parameters: Its parameters, as the SDK's objects.
        steps: Its steps, as the SDK's objects.
        sagemaker_session: The session that its methods call AWS with.

    Example:
        >>> from dagcast import compile_dag_to_pipeline
        >>> config = {"pipeline": {"name": "hello"}, "steps": {"stop": {"type": "Fail", "error_message": "no"}}}
        >>> pipeline: Pipeline = compile_dag_to_pipeline(None, config, plugins=[])
        >>> pipeline.definition()[:25]
        '{"Version": "2020-12-01",'
    """

    name: Any
    parameters: Sequence[Any]
    steps: Sequence[Any]

    @property
    def sagemaker_session(self) -> Any:
        """The given session of the SDK, or one that is created when it is first read."""

    def definition(self) -> str:
        """Return the definition as JSON text."""

    def create(
        self,
        role_arn: str | None = None,
        description: str | None = None,
        tags: Any = None,
        parallelism_config: Any = None,
    ) -> dict[str, Any]:
        """Create the pipeline in SageMaker; return the response of CreatePipeline."""

    def update(
        self, role_arn: str | None = None, description: str | None = None, parallelism_config: Any = None
    ) -> dict[str, Any]:
        """Update the pipeline in SageMaker; return the response of UpdatePipeline."""

    def upsert(
        self,
        role_arn: str | None = None,
        description: str | None = None,
        tags: Any = None,
        parallelism_config: Any = None,
    ) -> dict[str, Any]:
        """Create the pipeline, or update an existing one; return the response."""

    def delete(self) -> dict[str, Any]:
        """Delete the pipeline from SageMaker; return the response of DeletePipeline."""

    def describe(self, pipeline_version_id: int | None = None) -> dict[str, Any]:
        """Return the response of DescribePipeline."""

    def start(
        self,
        parameters: Mapping[str, str | bool | int | float] | None = None,
        execution_display_name: str | None = None,
        execution_description: str | None = None,
        parallelism_config: Any = None,
        selective_execution_config: Any = None,
        *,
        pipeline_version_id: int | None = None,
    ) -> Any:
        """Start an execution; return the SDK's object for it."""

    def list_executions(
        self,
        sort_by: str | None = None,
        sort_order: str | None = None,
        max_results: int | None = None,
        next_token: str | None = None,
    ) -> dict[str, Any]:
        """Return the response of ListPipelineExecutions."""

    def build_parameters_from_execution(
        self,
        pipeline_execution_arn: str,
        parameter_value_overrides: dict[str, str | bool | int | float] | None = None,
    ) -> dict[str, str | bool | int | float]:
        """Return the parameters of an earlier execution, with values replaced."""
