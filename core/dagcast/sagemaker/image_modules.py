"""Python modules that only SageMaker's images contain: no package index has them, or what it has does not work outside.

Sources: the repositories aws/sagemaker-training-toolkit, aws/sagemaker-inference-toolkit and aws/sagemaker-containers,
the ``sagemaker-*-container`` repositories of the frameworks, and the Developer Guide on distributed training.
"""

from __future__ import annotations

from dagcast.lazy_pattern import lazy_pattern

_IMAGE_MODULE = lazy_pattern(
    r"sagemaker_(?:containers|training|inference|algorithm_toolkit|huggingface_inference_toolkit)"
    r"|sagemaker_[a-z0-9]+(?:_serving)?_container"
    r"|smdistributed|smddpcommon|smppy|smprof|smdebug|mlio|aws_mxnet_toolkit"
)


def is_image_module(name: str) -> bool:
    """Return whether only SageMaker's images contain a module.

    Args:
        name: The name of the module, with or without those of its parts.

    Example:
        >>> is_image_module("sagemaker_containers.beta.framework"), is_image_module("sagemaker.workflow")
        (True, False)
    """
    return _IMAGE_MODULE.fullmatch(name.partition(".")[0]) is not None
