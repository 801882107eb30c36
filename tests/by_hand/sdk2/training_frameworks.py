"""Scripts in framework images: every distribution, metric time series and the model directory of TensorFlow."""

from __future__ import annotations

from typing import Any

from sagemaker.estimator import Framework
from sagemaker.huggingface.estimator import HuggingFace
from sagemaker.mxnet.estimator import MXNet
from sagemaker.pytorch.estimator import PyTorch
from sagemaker.tensorflow.estimator import TensorFlow
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import TrainingStep

from ..inputs import CODE, IMAGE, OUTPUT, ROLE

TORCH = {"framework_version": "2.0.1", "py_version": "py310"}
HUGGING_FACE = {"transformers_version": "4.28.1", "pytorch_version": "2.0.0", "py_version": "py310"}
TENSORFLOW = {"framework_version": "2.11", "py_version": "py39"}
MODEL_PARALLEL = {
    "enabled": True,
    "parameters": {"partitions": 2, "microbatches": 4, "pipeline": "interleaved", "ddp": True},
}


def build(session: Any) -> Pipeline:
    """One training step for each way to write a distribution."""
    gpus = ParameterString("Gpus", default_value="ml.p4d.24xlarge")

    def step(name: str, kind: type[Framework], **more: Any) -> TrainingStep:
        arguments = {
            "entry_point": "train.py",
            "source_dir": f"{CODE}/source.tar.gz",
            "role": ROLE,
            "instance_count": 2,
            "instance_type": "ml.p4d.24xlarge",
            "output_path": f"{OUTPUT}/{name}",
            "hyperparameters": {"epochs": 3},
            "sagemaker_session": session,
            **more,
        }
        return TrainingStep(name=name, step_args=kind(**arguments).fit())

    steps = [
        step("torch-plain", PyTorch, **TORCH),
        step("torch-old", PyTorch, framework_version="1.2.0", py_version="py3", distribution={}),
        step("torch-quiet", PyTorch, enable_sagemaker_metrics=False, **TORCH),
        step("torch-run", PyTorch, distribution={"torch_distributed": {"enabled": True}}, **TORCH),
        step(
            "torch-trainium",
            PyTorch,
            framework_version="1.13.1",
            py_version="py39",
            instance_type="ml.trn1.32xlarge",
            image_uri=IMAGE,
            distribution={"torch_distributed": {"enabled": True}},
        ),
        step(
            "torch-ddp",
            PyTorch,
            distribution={"pytorchddp": {"enabled": True, "custom_mpi_options": "-verbose"}},
            **TORCH,
        ),
        step(
            "torch-data",
            PyTorch,
            distribution={"smdistributed": {"dataparallel": {"enabled": True}}},
            **TORCH,
        ),
        step(
            "torch-both",
            PyTorch,
            distribution={
                "torch_distributed": {"enabled": True},
                "smdistributed": {"dataparallel": {"enabled": True}},
            },
            **TORCH,
        ),
        step(
            "torch-model",
            PyTorch,
            distribution={
                "smdistributed": {"modelparallel": MODEL_PARALLEL},
                "mpi": {"enabled": True, "processes_per_host": 8, "custom_mpi_options": "-x A=1"},
            },
            **TORCH,
        ),
        step("face-plain", HuggingFace, **HUGGING_FACE),
        step("face-run", HuggingFace, distribution={"torch_distributed": {"enabled": True}}, **HUGGING_FACE),
        step("face-ddp", HuggingFace, distribution={"pytorchddp": {"enabled": True}}, **HUGGING_FACE),
        step(
            "face-data",
            HuggingFace,
            distribution={"smdistributed": {"dataparallel": {"enabled": True}}},
            **HUGGING_FACE,
        ),
        step(
            "flow-mpi",
            TensorFlow,
            distribution={"mpi": {"enabled": True, "processes_per_host": 4}},
            **TENSORFLOW,
        ),
        step(
            "flow-mpi-off",
            TensorFlow,
            distribution={"mpi": {"enabled": True}},
            model_dir=False,
            **TENSORFLOW,
        ),
        step(
            "flow-servers",
            TensorFlow,
            distribution={"parameter_server": {"enabled": True}},
            model_dir=f"{OUTPUT}/flow-servers/model",
            **TENSORFLOW,
        ),
        step(
            "flow-mirrored",
            TensorFlow,
            distribution={"multi_worker_mirrored_strategy": {"enabled": True}},
            model_dir=f"{OUTPUT}/flow-mirrored/model",
            **TENSORFLOW,
        ),
        step(
            "flow-data",
            TensorFlow,
            instance_type=gpus,
            image_uri=IMAGE,
            distribution={"smdistributed": {"dataparallel": {"enabled": True}}},
            model_dir=False,
        ),
        step(
            "mx-servers",
            MXNet,
            framework_version="1.9.0",
            py_version="py38",
            distribution={"parameter_server": {"enabled": True}},
        ),
        step(
            "mx-mpi",
            MXNet,
            framework_version="1.9.0",
            py_version="py38",
            distribution={"mpi": {"enabled": True}},
        ),
    ]
    return Pipeline(name="training-frameworks", parameters=[gpus], steps=steps, sagemaker_session=session)
