"""Choose the image of a training job as the SDK's framework classes do.

Source: ``Framework.training_image_uri``, ``EstimatorBase._get_instance_type``, ``image_uris.get_training_image_uri`` of
SageMaker Python SDK 2.257.
"""

from typing import TYPE_CHECKING

from dagcast.compile.steps.job import put_image
from dagcast.compile.steps.training_compiler import TABLES, compiler_mistakes
from dagcast.paths import FieldPath
from dagcast.sagemaker.instances import has_gpu

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering
    from dagcast.compile.steps.training import TrainingJobConfig

SMP = "pytorch-smp"
"""The table of PyTorch's images with SageMaker's library for model parallelism, version 2."""


def put_training_image(step: "Lowering", config: "TrainingJobConfig", target: FieldPath) -> None:
    """Set the training image at ``target``.

    Args:
        step: The step.
        config: The config of the job.
        target: The path of the image in the request.
    """
    if config.compiler_config is not None and any(compiler_mistakes(config)):
        # Tables with the compiler lack the image for the same reason; compiler_hyperparameters() reports it.
        step.incomplete = True
        return
    distribution = config.distribution
    smdistributed = distribution.smdistributed if distribution is not None else None
    put_image(
        step,
        config,
        target,
        "training",
        framework=_table(config),
        machine=_machine(config),
        distribution="smdistributed" if smdistributed is not None else None,
    )


def _table(config: "TrainingJobConfig") -> str | None:
    """Return the name of the image table of the job's framework."""
    framework = config.framework
    if framework is None:
        return None
    if config.compiler_config is not None:
        return TABLES.get(framework, framework)
    distribution = config.distribution
    if framework != "pytorch" or distribution is None or distribution.torch_distributed is None:
        return framework
    library = distribution.smdistributed.modelparallel if distribution.smdistributed is not None else None
    return SMP if library is not None and library.enabled else framework


def _machine(config: "TrainingJobConfig") -> object:
    """Return the instance type that the image is for: of several groups, the first one with a GPU, else the first."""
    types = [group.instance_type for group in config.instance_groups]
    if config.instance_type is not None or not types:
        return config.instance_type
    return next((item for item in types if isinstance(item, str) and has_gpu(item)), types[0])
