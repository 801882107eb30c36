"""Explains failures that a job has on this machine and not in its container, from what it printed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dagcast.runner.executors.executor import StepAttempt
from dagcast.sagemaker.image_modules import is_image_module

_NO_CREDENTIALS = re.compile(
    r"NoCredentialsError|NoAuthTokenError|CredentialRetrievalError|Unable to locate credentials|NoCredentialProviders"
)
"""Errors of botocore, the command line of AWS, and the SDK for Go without credentials."""

_MISSING_MODULE = re.compile(r"No module named '?([\w.]+)'?")

_S3_URI = re.compile(r"s3a?://[a-z0-9][^\s\"'<>,;)\]}]*")

_TEXTS = ("ContainerArguments", "Environment", "HyperParameters", "StaticHyperParameters")
"""Fields of a request whose values reach the script as text."""

_CODE = "sagemaker_submit_directory"


def hint_credentials(attempt: StepAttempt, outputs: Sequence[str]) -> str:
    """Return a hint for a script that seems to have called AWS, for which a local job has no credentials."""
    if not any(_NO_CREDENTIALS.search(text) for text in outputs):
        return ""
    found = [uri for text in outputs for uri in _S3_URI.findall(text)]
    found += [uri for text in _list_texts(attempt.arguments) for uri in _S3_URI.findall(text)]
    uri = found[0].rstrip(".:/").replace("s3a://", "s3://") if found else "s3://BUCKET/KEY"
    return (
        f". A local job has no credentials of AWS: declare what it reads as an input of step {attempt.step.name!r} "
        f"(inputs: {{data: {uri}}}), read it from the input's folder, and provide it with --input {uri}=PATH or --s3"
    )


def _list_texts(value: Any, *, wanted: bool = False) -> Iterator[str]:
    """Yield the texts that a request passes to its script."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if str(name).lower() != _CODE:
                yield from _list_texts(inner, wanted=wanted or name in _TEXTS)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _list_texts(inner, wanted=wanted)
    elif wanted:
        yield str(value)


def hint_image_module(attempt: StepAttempt, outputs: Sequence[str]) -> str:
    """Return a hint for a script that imports what only its image has."""
    if attempt.launcher.isolation == "docker":
        return ""
    names = (name for text in outputs for name in _MISSING_MODULE.findall(text))
    name = next((name.partition(".")[0] for name in names if is_image_module(name)), None)
    if name is None:
        return ""
    return (
        f". Only SageMaker's images contain the module {name}: run the step in its image with --runner docker, or take "
        "paths and hyperparameters from SM_* variables and arguments instead"
    )
