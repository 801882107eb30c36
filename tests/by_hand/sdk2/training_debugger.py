"""A training job that the debugger and the profiler watch, with rules."""

from __future__ import annotations

from typing import Any

from sagemaker.debugger import (
    DebuggerHookConfig,
    ProfilerConfig,
    ProfilerRule,
    Rule,
    TensorBoardOutputConfig,
    rule_configs,
)
from sagemaker.tensorflow.estimator import TensorFlow
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import TrainingStep

from ..inputs import CODE, OUTPUT, ROLE


def build(session: Any) -> Pipeline:
    """``train`` has a rule of each kind; what the hook saves is what the rule reads."""
    rules = [
        Rule.sagemaker(rule_configs.loss_not_decreasing(), rule_parameters={"num_steps": "10"}),
        ProfilerRule.sagemaker(rule_configs.ProfilerReport()),
    ]
    estimator = TensorFlow(
        entry_point="train.py",
        source_dir=f"{CODE}/source.tar.gz",
        framework_version="2.11",
        py_version="py39",
        model_dir=False,
        role=ROLE,
        instance_count=1,
        instance_type="ml.p3.2xlarge",
        output_path=f"{OUTPUT}/train",
        rules=rules,
        debugger_hook_config=DebuggerHookConfig(s3_output_path=f"{OUTPUT}/debug"),
        profiler_config=ProfilerConfig(
            s3_output_path=f"{OUTPUT}/profile", system_monitor_interval_millis=500
        ),
        tensorboard_output_config=TensorBoardOutputConfig(f"{OUTPUT}/board"),
        sagemaker_session=session,
    )
    return Pipeline(
        name="training-debugger",
        steps=[TrainingStep(name="train", step_args=estimator.fit())],
        sagemaker_session=session,
    )
