"""Load the SDK classes that emission uses, from the modules of the installed major version.

Only this module depends on the layout of the workflow packages: ``sagemaker.workflow.*`` in SDK 2,
``sagemaker.core.workflow.*`` and ``sagemaker.mlops.workflow.*`` in SDK 3.
"""

from __future__ import annotations

import functools
from typing import Any

from dagcast.frozen_dataclass import dataclass
from dagcast.sagemaker.sdk import SDKVersion, import_modules, require_sdk

_SESSION = {2: "sagemaker.session", 3: "sagemaker.core.helper.session_helper"}
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


@dataclass(frozen=True, eq=False, kw_only=True)
class SDK:
    """The classes of the installed SDK that emission uses, under their SDK names."""

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


@functools.cache
def load_sdk() -> SDK:
    """Import the SDK and return the classes that emission uses.

    The first call takes seconds, because the SDK is slow to import. It does not change the state of the process (see
    :mod:`dagcast.sagemaker.sdk_isolation`). Later calls return the same object.

    Raises:
        SDKError: If the SDK is missing or unsupported, or if its import fails.
    """
    version = require_sdk()
    modules = {"Session": _SESSION[version.major]}
    for name, module in _WORKFLOW_MODULES.items():
        package = "sagemaker"
        if version.major >= 3:
            package = "sagemaker.core" if module in _IN_CORE else "sagemaker.mlops"
        modules[name] = f"{package}.workflow.{module}"
    imported = import_modules(version, modules.values())
    classes = {name: getattr(imported[module], name) for name, module in modules.items()}
    return SDK(version=version, **classes)
