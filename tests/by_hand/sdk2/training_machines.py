"""Scripts on instances of several types, and with the Training Compiler."""

from __future__ import annotations

from typing import Any

from sagemaker.estimator import Framework
from sagemaker.huggingface.estimator import HuggingFace
from sagemaker.huggingface.training_compiler.config import TrainingCompilerConfig as HuggingFaceCompiler
from sagemaker.inputs import TrainingInput
from sagemaker.instance_group import InstanceGroup
from sagemaker.pytorch.estimator import PyTorch
from sagemaker.pytorch.training_compiler.config import TrainingCompilerConfig as TorchCompiler
from sagemaker.tensorflow.estimator import TensorFlow
from sagemaker.tensorflow.training_compiler.config import TrainingCompilerConfig as FlowCompiler
from sagemaker.workflow.parameters import ParameterBoolean
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import TrainingStep

from ..inputs import CODE, DATA, OUTPUT, ROLE

TORCH = {"framework_version": "2.0.1", "py_version": "py310"}
XLA = {"framework_version": "1.13.1", "py_version": "py39"}
HUGGING_FACE = {"transformers_version": "4.21.1", "pytorch_version": "1.11.0", "py_version": "py38"}
OLD_HUGGING_FACE = {"transformers_version": "4.4.2", "pytorch_version": "1.6.0", "py_version": "py36"}
TENSORFLOW = {"framework_version": "2.11", "py_version": "py39"}


def build(session: Any) -> Pipeline:
    """One training step for each way to choose machines, and one for each form of the compiler."""
    debug = ParameterBoolean("Debug", default_value=False)
    data = InstanceGroup("data", "ml.c5.xlarge", 2)
    gpus = InstanceGroup("gpus", "ml.p4d.24xlarge", 1)

    def step(name: str, kind: type[Framework], inputs: Any = None, **more: Any) -> TrainingStep:
        arguments = {
            "entry_point": "train.py",
            "source_dir": f"{CODE}/source.tar.gz",
            "role": ROLE,
            "output_path": f"{OUTPUT}/{name}",
            "hyperparameters": {"epochs": 3},
            "sagemaker_session": session,
            **more,
        }
        if "instance_groups" not in more:
            arguments = {"instance_count": 2, "instance_type": "ml.p3dn.24xlarge", **arguments}
        return TrainingStep(name=name, step_args=kind(**arguments).fit(inputs))

    steps = [
        step(
            "groups-plain",
            PyTorch,
            {"train": TrainingInput(f"{DATA}/train", instance_groups=["data"])},
            instance_groups=[data, gpus],
            **TORCH,
        ),
        step(
            "groups-mpi",
            PyTorch,
            instance_groups=[data, gpus],
            distribution={"mpi": {"enabled": True}, "instance_groups": [gpus]},
            **TORCH,
        ),
        step(
            "groups-one",
            TensorFlow,
            instance_groups=[gpus],
            distribution={"smdistributed": {"dataparallel": {"enabled": True}}},
            model_dir=False,
            **TENSORFLOW,
        ),
        step(
            "groups-run",
            PyTorch,
            instance_groups=[data, gpus],
            distribution={"torch_distributed": {"enabled": True}, "instance_groups": [gpus]},
            **TORCH,
        ),
        step(
            "groups-face",
            HuggingFace,
            instance_groups=[gpus],
            distribution={"mpi": {"enabled": True, "processes_per_host": 2}},
            **OLD_HUGGING_FACE,
        ),
        step(
            "smp",
            PyTorch,
            instance_type="ml.p4d.24xlarge",
            distribution={
                "torch_distributed": {"enabled": True},
                "smdistributed": {
                    "modelparallel": {"enabled": True, "parameters": {"activation_loading_horizon": 2}}
                },
            },
            **TORCH,
        ),
        step("face-old", HuggingFace, **OLD_HUGGING_FACE),
        step("face-compiler", HuggingFace, compiler_config=HuggingFaceCompiler(), **HUGGING_FACE),
        step(
            "face-xla",
            HuggingFace,
            compiler_config=HuggingFaceCompiler(debug=True),
            distribution={"pytorchxla": {"enabled": True}},
            **HUGGING_FACE,
        ),
        step("torch-compiler", PyTorch, compiler_config=TorchCompiler(debug=debug), **XLA),
        step(
            "torch-xla",
            PyTorch,
            compiler_config=TorchCompiler(enabled=False),
            distribution={"pytorchxla": {"enabled": True}},
            **XLA,
        ),
        step(
            "flow-compiler",
            TensorFlow,
            compiler_config=FlowCompiler(),
            model_dir=False,
            **TENSORFLOW,
        ),
    ]
    return Pipeline(name="training-machines", parameters=[debug], steps=steps, sagemaker_session=session)
