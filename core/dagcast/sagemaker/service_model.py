"""botocore's description of a service: the shapes that a request body or a response is made of.

Only the data file is read. No client, session or credentials are made, and nothing is fetched.
"""

from __future__ import annotations

import importlib.util
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, Final

from dagcast.errors import DagcastError, did_you_mean
from dagcast.sagemaker.model_sections import find_section

Shape = Mapping[str, Any]
"""A shape as the model writes it: ``type``, and by type ``members``, ``required``, ``enum``, ``min``, ..."""

CONTAINER_KINDS: Final = frozenset({"structure", "list", "map"})
"""The kinds of shape that hold others; all other kinds are single values."""


class ServiceModelError(DagcastError):
    """The installed botocore does not know a service, an operation or a shape that is asked for."""


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
    shapes: Mapping[str, Shape]
    operations: Mapping[str, Mapping[str, Any]]

    def shape(self, name: str) -> Shape:
        """The shape of that name.

        Raises:
            ServiceModelError: If the installed botocore has none.
        """
        found = self.shapes.get(name)
        if found is None:
            raise self._unknown("shape", name, self.shapes)
        return found

    def kind(self, name: str) -> str:
        """What a shape is: ``structure``, ``list``, ``map``, or the kind of a single value.

        Single values are ``string``, ``integer``, ``long``, ``float``, ``double``, ``boolean``, ``timestamp``
        and ``blob``.

        Raises:
            ServiceModelError: If the installed botocore has no such shape.
        """
        kind: str = self.shape(name)["type"]
        return kind

    def input_shape(self, operation: str) -> str:
        """The name of the shape of an operation's request body.

        Raises:
            ServiceModelError: If the installed botocore has no such operation, or it takes no body.
        """
        return self._operation_shape(operation, "input")

    def output_shape(self, operation: str) -> str:
        """The name of the shape of an operation's response.

        Raises:
            ServiceModelError: If the installed botocore has no such operation, or it returns nothing.
        """
        return self._operation_shape(operation, "output")

    def _operation_shape(self, operation: str, side: str) -> str:
        found = self.operations.get(operation)
        if found is None:
            raise self._unknown("operation", operation, self.operations)
        if side not in found:
            raise ServiceModelError(f"operation {operation!r} of {self.service} has no {side}")
        name: str = found[side]["shape"]
        return name

    def _unknown(self, what: str, name: str, known: Mapping[str, object]) -> ServiceModelError:
        hint = did_you_mean(name, known)
        return ServiceModelError(
            f"botocore {_botocore_version()} knows no {what} {name!r} of service {self.service!r}"
            + (f": {hint}" if hint else "; a newer botocore may")
        )


def load_shapes(service: str) -> ServiceModel:
    """The model of a service as the installed botocore describes it.

    The model is read once in a process and then shared; it is safe to call this from several threads.

    Args:
        service: botocore's name of the service: ``sagemaker``, ``emr``, ``emr-serverless``.

    Raises:
        ServiceModelError: If the installed botocore does not know the service.
    """
    # Without the lock, threads that start together would each parse the same megabytes.
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


def _read_packaged(service: str) -> dict[str, Any] | None:
    """The model straight from botocore's package data, or ``None`` where that is not enough."""
    # Importing botocore.loaders pulls in urllib3, dateutil and the http and e-mail packages, and takes
    # several times as long as reading the model itself (for sagemaker: 13 ms to inflate and 35 ms to parse,
    # against 300 to 600 ms). find_spec() locates a top-level package without running any of it. A side
    # effect is wanted: models in ~/.aws/models and AWS_DATA_PATH are not read, so that every machine checks
    # against the same.
    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        return None
    versions = Path(spec.submodule_search_locations[0], "data", service)
    if not versions.is_dir():
        return None
    packed_models = sorted(versions.glob("*/service-2.json.gz"))
    # What extras add to a model is merged by botocore's own rules. sagemaker, emr, emr-serverless and
    # lambda have none, so the few services that do may pay for the import.
    if not packed_models or packed_models[-1].with_name("service-2.sdk-extras.json").exists():
        return None
    text = zlib.decompress(packed_models[-1].read_bytes(), wbits=zlib.MAX_WBITS | 16)
    sections = {name: find_section(text, name) for name in ("metadata", "operations", "shapes")}
    if None not in sections.values():
        return sections
    model: dict[str, Any] = json.loads(text)
    return model


def _read_with_botocore(service: str) -> dict[str, Any]:
    """The model through botocore's own loader, which also knows plain JSON files and merges extras."""
    from botocore.exceptions import DataNotFoundError, UnknownServiceError
    from botocore.loaders import Loader

    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    try:
        model: dict[str, Any] = loader.load_service_model(service, "service-2")
    except UnknownServiceError as error:
        hint = did_you_mean(service, loader.list_available_services("service-2"))
        raise ServiceModelError(
            f"botocore {_botocore_version()} knows no service {service!r}" + (f": {hint}" if hint else "")
        ) from error
    except DataNotFoundError as error:
        raise ServiceModelError(f"botocore {_botocore_version()} is installed without its data") from error
    return model


def _botocore_version() -> str:
    from importlib.metadata import version

    return version("botocore")
