"""Which shapes of botocore's service model describe the request and the properties of a step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dagcast.paths import FieldPath, to_path


@dataclass(frozen=True)
class PropertyShape:
    """What a step's properties look like: shapes of a botocore service model, or fixed names.

    Attributes:
        service: The botocore service, such as ``sagemaker``.
        shapes: The shapes whose members are the properties.
        names: Properties that no service shape describes, as paths (``OutputParameters['x']``).
    """

    service: str = "sagemaker"
    shapes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, init=False)
class RequestShape:
    """Which botocore shape a part of a request body has.

    Attributes:
        name: The shape.
        at: Path of the part below ``Arguments``, or its name; empty for the whole body.
        service: The botocore service.
        ignore_required: Required members that the service fills in itself: names, and paths of members further down.
    """

    name: str
    at: FieldPath
    service: str
    ignore_required: tuple[FieldPath, ...]

    def __init__(
        self,
        name: str,
        at: str | FieldPath = (),
        service: str = "sagemaker",
        ignore_required: Iterable[str | FieldPath] = (),
    ) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "at", to_path(at))
        object.__setattr__(self, "service", service)
        object.__setattr__(self, "ignore_required", tuple(map(to_path, ignore_required)))
