"""Shapes of botocore's service model that describe the request and the properties of a step."""

from __future__ import annotations

from collections.abc import Iterable

from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath, to_path


@dataclass(frozen=True)
class PropertyShape:
    """The shape of a step's properties: shapes of a botocore service model, or fixed names.

    Attributes:
        service: botocore's name of the service, such as ``sagemaker``.
        shapes: The shapes whose members are the properties.
        names: Properties that no service shape describes, as property paths (``OutputParameters['x']``).
        documents: Properties that hold a JSON document. What is below them is read from the document.

    Example:
        >>> PropertyShape(shapes=("DescribeTrainingJobResponse",)).service
        'sagemaker'
    """

    service: str = "sagemaker"
    shapes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, init=False)
class RequestShape:
    """The botocore shape of a request body, or of a part of it.

    Attributes:
        name: The shape's name.
        at: The path of the part below ``Arguments``, or its name; empty for the whole body.
        service: botocore's name of the service.
        ignore_required: Required members that the service sets itself: names, or paths of nested members.

    Example:
        >>> RequestShape("CreateTrainingJobRequest").service
        'sagemaker'
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
