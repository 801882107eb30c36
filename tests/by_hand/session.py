"""An offline PipelineSession of the installed SDK, and a local AWS for the classes that insist on uploading.

Nothing here reaches beyond this machine: credentials are made up, the instance metadata service is off, and
the only endpoint ever named is a moto server on the loopback address.
"""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from tests.support.child_processes import child_process

from .inputs import BUCKET, REGION

_OFFLINE = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
    # SDK 3 otherwise asks IAM about every role that it is given.
    "SAGEMAKER_VALIDATE_ROLE": "false",
}

# What a developer's shell may hold and an SDK would follow.
_ABSENT = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS")

# Without the opt-out both SDKs report each call to a server of theirs.
_SDK_CONFIG = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}

_START_SECONDS = 60.0


def sdk_major() -> int:
    """The major version of the installed SageMaker SDK: 2 or 3."""
    return int(version("sagemaker").split(".")[0])


@contextmanager
def offline(extra: Mapping[str, str] | None = None) -> Iterator[None]:
    """Set the environment that keeps an SDK on this machine, for the time of a ``with`` block.

    Importing an SDK belongs inside: SDK 3 refuses without a region, and both look for instance metadata.
    """
    values = {**_OFFLINE, **(extra or {})}
    absent = [name for name in _ABSENT if name not in values]
    before = {name: os.environ.get(name) for name in (*values, *absent)}
    os.environ.update(values)
    for name in absent:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def offline_session(endpoint: str | None = None) -> Iterator[Any]:
    """A ``PipelineSession`` of the installed SDK that makes no call of its own.

    Definitions have to be made inside the ``with`` block: both SDKs read the environment then, too.

    Args:
        endpoint: URL of the local AWS that uploads go to, for the classes that insist on them.
    """
    with offline({"AWS_ENDPOINT_URL": endpoint} if endpoint else None):
        import boto3

        name = "sagemaker.workflow" if sdk_major() == 2 else "sagemaker.core.workflow"
        context = importlib.import_module(f"{name}.pipeline_context")
        session = context.PipelineSession(
            boto_session=boto3.Session(region_name=REGION),
            default_bucket=BUCKET,
            sagemaker_config=_SDK_CONFIG,
        )
        # A bucket that is only given by name is looked up (and created) on first use.
        session._default_bucket = BUCKET
        yield session


@contextmanager
def local_aws() -> Iterator[str]:
    """A moto server on the loopback address, with the bucket of the pipelines in it; yields its URL.

    The server is a child process that ends with the block, and by itself if this process is killed.

    Raises:
        RuntimeError: If the server ends or does not answer within a minute.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    # Reading ends when this process does, even if it is killed.
    program = (
        "import sys; from moto.server import ThreadedMotoServer;"
        "ThreadedMotoServer('127.0.0.1', int(sys.argv[1])).start(); sys.stdin.read()"
    )
    with child_process(
        [sys.executable, "-c", program, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        with offline({"AWS_ENDPOINT_URL": url}):
            _await_server(server, url)
            import boto3

            boto3.client("s3", region_name=REGION).create_bucket(Bucket=BUCKET)
        yield url


@contextmanager
def schemas_checked_once() -> Iterator[None]:
    """Let ``jsonschema.validate`` check a schema once and not at every call, for the time of a ``with`` block.

    SDK 3 validates its config at each look-up, a dozen times a step, and checks the whole schema of the config
    first, which takes about a second.
    """
    import jsonschema
    from jsonschema.validators import validator_for

    validate = jsonschema.validate
    # The schema is kept next to its validator, so that its id stays its own.
    checked: dict[int, tuple[Any, Any]] = {}

    def validate_only(instance: Any, schema: Any) -> None:
        if id(schema) not in checked:
            kind = validator_for(schema)
            kind.check_schema(schema)
            checked[id(schema)] = schema, kind(schema)
        checked[id(schema)][1].validate(instance)

    jsonschema.validate = validate_only
    try:
        yield
    finally:
        jsonschema.validate = validate


def definition(build: Callable[[Any], Any], endpoint: str | None = None) -> str:
    """The definition of the pipeline that ``build`` makes, as JSON text.

    Args:
        build: A reference pipeline's ``build``.
        endpoint: URL of the local AWS, for classes that insist on uploading.
    """
    with offline_session(endpoint) as session:
        text: str = build(session).definition()
        return text


def _await_server(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the moto server ended with code {server.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/moto-api/", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"the moto server at {url} did not answer in {_START_SECONDS:.0f} s")
