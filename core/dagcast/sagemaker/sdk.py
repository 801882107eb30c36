"""The SageMaker SDK: which one is installed, and where each major keeps its classes.

The only module that knows how SDK 2 (``sagemaker.workflow.*``) and SDK 3 (``sagemaker.core.workflow.*`` and
``sagemaker.mlops.workflow.*``) differ in layout.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dagcast.errors import SDKError
from dagcast.sagemaker.sdk_isolation import sdk_import

DISTRIBUTION = "sagemaker"
OLDEST = (2, 257)
REMEDY = 'pip install "sagemaker>=3"'

_SESSION = {2: "sagemaker.session", 3: "sagemaker.core.helper.session_helper"}
_IMAGE_URIS = {2: "sagemaker.image_uris", 3: "sagemaker.core.image_uris"}
_WORKFLOW_MODULES = {
    "Pipeline": "pipeline",
    "PipelineExperimentConfig": "pipeline_experiment_config",
    "PipelineDefinitionConfig": "pipeline_definition_config",
    "ParallelismConfiguration": "parallelism_config",
    "EventBridgeSchedulerHelper": "_event_bridge_client_helper",
    "Step": "steps",
    "ConfigurableRetryStep": "steps",
    "StepTypeEnum": "steps",
    "CacheConfig": "steps",
    "RetryPolicy": "retry",
    "ConditionStep": "condition_step",
    "ConditionEquals": "conditions",
    "ConditionGreaterThan": "conditions",
    "ConditionGreaterThanOrEqualTo": "conditions",
    "ConditionLessThan": "conditions",
    "ConditionLessThanOrEqualTo": "conditions",
    "ConditionIn": "conditions",
    "ConditionNot": "conditions",
    "ConditionOr": "conditions",
    "ParameterString": "parameters",
    "ParameterInteger": "parameters",
    "ParameterFloat": "parameters",
    "ParameterBoolean": "parameters",
    "Properties": "properties",
    "PropertyFile": "properties",
    "ExecutionVariable": "execution_variables",
    "Join": "functions",
    "JsonGet": "functions",
}
_IN_CORE = {
    "pipeline_definition_config",
    "conditions",
    "parameters",
    "properties",
    "execution_variables",
    "functions",
}


@dataclass(frozen=True)
class SDKVersion:
    """The version of the installed SDK.

    Attributes:
        text: As the distribution ``sagemaker`` states it, such as ``3.27.0``.
        core: The version of ``sagemaker-core``, which holds SDK 3's tables, if that is installed.
    """

    text: str
    core: str | None = None

    @property
    def release(self) -> tuple[int, ...]:
        """The numbers of the version, such as ``(3, 27, 0)``."""
        from packaging.version import Version

        return Version(self.text).release

    @property
    def major(self) -> int:
        """The first number of the version."""
        return self.release[0]

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False, kw_only=True)
class SDK:
    """The classes of the installed SDK that emission needs, under the names the SDK gives them."""

    version: SDKVersion
    Session: Any
    Pipeline: Any
    PipelineExperimentConfig: Any
    PipelineDefinitionConfig: Any
    ParallelismConfiguration: Any
    EventBridgeSchedulerHelper: Any
    Step: Any
    ConfigurableRetryStep: Any
    StepTypeEnum: Any
    CacheConfig: Any
    RetryPolicy: Any
    ConditionStep: Any
    ConditionEquals: Any
    ConditionGreaterThan: Any
    ConditionGreaterThanOrEqualTo: Any
    ConditionLessThan: Any
    ConditionLessThanOrEqualTo: Any
    ConditionIn: Any
    ConditionNot: Any
    ConditionOr: Any
    ParameterString: Any
    ParameterInteger: Any
    ParameterFloat: Any
    ParameterBoolean: Any
    Properties: Any
    PropertyFile: Any
    ExecutionVariable: Any
    Join: Any
    JsonGet: Any


def installed_sdk() -> SDKVersion | None:
    """The SDK that is installed, whatever its version, or ``None``; nothing of it is imported."""
    version = _distribution_version(DISTRIBUTION)
    return SDKVersion(version, _distribution_version("sagemaker-core")) if version is not None else None


@functools.cache
def require_sdk() -> SDKVersion:
    """The SDK that is installed, if dagcast can work with it; nothing of it is imported.

    The answer is kept, since reading the metadata of distributions takes milliseconds; a refusal is not.

    Raises:
        SDKError: If none is installed, or one that is too old or too new.
    """
    version = installed_sdk()
    if version is None:
        raise SDKError(f"the SageMaker SDK is not installed: {REMEDY}")
    if version.release[:2] < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise SDKError(
            f"the installed SageMaker SDK {version} is too old: "
            f"SDK 3, or SDK 2 from {oldest} on, is needed: {REMEDY}"
        )
    if version.major not in _SESSION:
        raise SDKError(f'SageMaker SDK {version} is not supported: pip install "sagemaker>=3,<4"')
    return version


@functools.cache
def load_sdk() -> SDK:
    """Import the SDK and return what emission needs of it.

    The first call takes seconds, since the SDK does; it leaves no mark on the process (see
    :mod:`dagcast.sagemaker.sdk_isolation`). Later calls return the same object.

    Raises:
        SDKError: If the SDK is missing, not supported, or cannot be imported.
    """
    version = require_sdk()
    modules = {"Session": _SESSION[version.major]}
    for name, module in _WORKFLOW_MODULES.items():
        package = "sagemaker"
        if version.major >= 3:
            package = "sagemaker.core" if module in _IN_CORE else "sagemaker.mlops"
        modules[name] = f"{package}.workflow.{module}"
    imported = _import(version, modules.values())
    classes = {name: getattr(imported[module], name) for name, module in modules.items()}
    return SDK(version=version, **classes)


def load_image_uris() -> Any:
    """The SDK's module of image tables.

    Raises:
        SDKError: If the SDK is missing, not supported, or cannot be imported.
    """
    version = require_sdk()
    module = _IMAGE_URIS[version.major]
    return _import(version, [module])[module]


def _import(version: SDKVersion, modules: Iterable[str]) -> dict[str, Any]:
    from botocore.exceptions import BotoCoreError

    try:
        with sdk_import():
            return {module: importlib.import_module(module) for module in modules}
    except (ImportError, BotoCoreError) as error:
        message = f"SageMaker SDK {version} is installed but cannot be imported: {error}"
        if isinstance(error, ImportError):
            major = version.major
            message += (
                f': pip install --upgrade "sagemaker>={major},<{major + 1}", or install what is missing'
            )
        raise SDKError(message) from error


def _distribution_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
