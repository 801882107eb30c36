"""botocore's model of a service: the shapes of request bodies and responses.

Only botocore's data file is read: without a client, a session, credentials or the network.
"""

from __future__ import annotations

import importlib.util
import json
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, Final

from dagcast.errors import DagcastError, did_you_mean
from dagcast.frozen_dataclass import dataclass
from dagcast.sagemaker.service_model_cache import cache_path, read_sections, write_sections
from dagcast.sagemaker.service_model_sections import find_section

ModelShape = Mapping[str, Any]
"""A shape of the model: ``type`` and, depending on it, ``members``, ``required``, ``enum``, ``min``, ..."""

CONTAINER_KINDS: Final = frozenset({"structure", "list", "map"})
"""The kinds of shape that contain others; all other kinds are single values."""


class ServiceModelError(DagcastError):
    """The installed botocore does not know a service, an operation or a shape."""


@dataclass(frozen=True, eq=False)
class ServiceModel:
    """The shapes and operations of one service.

    Attributes:
        service: botocore's name of the service, such as ``sagemaker``.
        version: The version of the service's API, a date such as ``2017-07-24``.
        shapes: Every shape by its name.
        operations: Every operation by its name, such as ``CreateTrainingJob``.
    """

    service: str
    version: str
    shapes: Mapping[str, ModelShape]
    operations: Mapping[str, Mapping[str, Any]]

    def shape(self, name: str) -> ModelShape:
        """Return a shape by its name.

        Raises:
            ServiceModelError: If the installed botocore does not know the shape.
        """
        found = self.shapes.get(name)
        if found is None:
            raise self._unknown_error("shape", name, self.shapes)
        return found

    def kind(self, name: str) -> str:
        """Return the kind of a shape: ``structure``, ``list``, ``map``, or that of a single value.

        Single values are ``string``, ``integer``, ``long``, ``float``, ``double``, ``boolean``, ``timestamp``
        and ``blob``.

        Raises:
            ServiceModelError: If the installed botocore does not know the shape.
        """
        kind: str = self.shape(name)["type"]
        return kind

    def input_shape(self, operation: str) -> str:
        """Return the name of the shape of an operation's request body.

        Raises:
            ServiceModelError: If the installed botocore does not know the operation, or it has no body.
        """
        return self._operation_shape(operation, "input")

    def output_shape(self, operation: str) -> str:
        """Return the name of the shape of an operation's response.

        Raises:
            ServiceModelError: If the installed botocore does not know the operation, or its response is empty.
        """
        return self._operation_shape(operation, "output")

    def _operation_shape(self, operation: str, side: str) -> str:
        found = self.operations.get(operation)
        if found is None:
            raise self._unknown_error("operation", operation, self.operations)
        if side not in found:
            raise ServiceModelError(f"operation {operation!r} of {self.service} has no {side}")
        name: str = found[side]["shape"]
        return name

    def _unknown_error(self, what: str, name: str, known: Mapping[str, object]) -> ServiceModelError:
        hint = did_you_mean(name, known)
        return ServiceModelError(
            f"botocore {botocore_version()} knows no {what} {name!r} of service {self.service!r}"
            + (f": {hint}" if hint else "; a newer botocore may")
        )


def load_shapes(service: str) -> ServiceModel:
    """Return the installed botocore's model of a service.

    The model is read once in a process and then shared. The function is safe for threads.

    Args:
        service: botocore's name of the service: ``sagemaker``, ``emr``, ``emr-serverless``.

    Raises:
        ServiceModelError: If the installed botocore does not know the service.
    """
    # Without the lock, threads that start at the same time would each read the same megabytes.
    with _LOADING:
        return _load(service)


_LOADING: Final = Lock()


@cache
def _load(service: str) -> ServiceModel:
    model = _read_packaged(service) or _read_with_botocore(service)
    return ServiceModel(
        service=service,
        version=model["metadata"]["apiVersion"],
        shapes=MappingProxyType(model["shapes"]),
        operations=MappingProxyType(model["operations"]),
    )


def _read_packaged(service: str) -> Mapping[str, Any] | None:
    """Return the model from botocore's package data, or ``None`` if that is not enough."""
    # Importing botocore.loaders also imports urllib3, dateutil and the http and e-mail packages, and takes several
    # times as long as reading the model itself (for sagemaker: 13 ms to inflate and 35 ms to parse, instead of 300 to
    # 600 ms). find_spec() locates a top-level package without running any of it. This also ignores models in
    # ~/.aws/models and AWS_DATA_PATH on purpose, so that every machine checks against the same model.
    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        return None
    versions = Path(spec.submodule_search_locations[0], "data", service)
    if not versions.is_dir():
        return None
    packed_models = sorted(versions.glob("*/service-2.json.gz"))
    # Only botocore's loader can merge extras into a model. sagemaker, emr, emr-serverless and lambda have none, so
    # only a few other services need the import.
    if not packed_models or packed_models[-1].with_name("service-2.sdk-extras.json").exists():
        return None
    kept = cache_path(service, packed_models[-1])
    sections = read_sections(kept)
    if sections is not None:
        return sections
    text = zlib.decompress(packed_models[-1].read_bytes(), wbits=zlib.MAX_WBITS | 16)
    found = {name: find_section(text, name) for name in ("metadata", "operations", "shapes")}
    sections = {name: section for name, section in found.items() if section is not None}
    if len(sections) < len(found):
        model: dict[str, Any] = json.loads(text)
        return model
    write_sections(kept, sections)
    return sections


def _read_with_botocore(service: str) -> dict[str, Any]:
    """Return the model from botocore's own loader, which also reads plain JSON files and merges extras."""
    from botocore.exceptions import DataNotFoundError, UnknownServiceError
    from botocore.loaders import Loader

    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    try:
        model: dict[str, Any] = loader.load_service_model(service, "service-2")
    except UnknownServiceError as error:
        hint = did_you_mean(service, loader.list_available_services("service-2"))
        raise ServiceModelError(
            f"botocore {botocore_version()} knows no service {service!r}" + (f": {hint}" if hint else "")
        ) from error
    except DataNotFoundError as error:
        raise ServiceModelError(f"botocore {botocore_version()} is installed without its data") from error
    return model


def botocore_version() -> str:
    """Return the version of the installed botocore."""
    from importlib.metadata import version

    return version("botocore")
