"""Local images: programs of this machine that stand for images with an algorithm of their own.

Authors import :mod:`dagcast.local_images`. :mod:`dagcast.plugins.local_images` finds, selects and loads them; a run
gets them as an option. :mod:`dagcast.runner.check_local_images` reports them, and what they refuse, before a run
starts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from dagcast.check.rules.request_body import Finding, RequestBody
from dagcast.definition.references import Reference
from dagcast.errors import DagcastError, did_you_mean
from dagcast.frozen_dataclass import dataclass
from dagcast.lazy_pattern import lazy_pattern

_ADDRESS = lazy_pattern(
    r"(?:(?P<registry>[^/]*[.:][^/]*|localhost)/)?(?P<repository>[^:@]+)(?::(?P<tag>[^@]+))?(?:@.+)?"
)
"""The parts of an image's address. Source: the reference grammar of github.com/distribution/reference."""


@dataclass(frozen=True)
class Metric:
    """A metric that an image reports without being asked.

    Attributes:
        name: The name, such as ``validation:rmse``.
        regex: The regular expression that finds it in a line of the log. Its first group is the value. A tab of the log
            can be written as ``#011``, as SageMaker shows it.

    Example:
        >>> Metric("loss", "loss=([0-9.]+)").name
        'loss'
    """

    name: str
    regex: str


RequestCheck = Callable[[str, RequestBody], Iterable[Finding]]
"""Finds what an image would refuse, from its tag and a request. A value that is not known is never wrong."""


def find_nothing(tag: str, request: RequestBody) -> Iterable[Finding]:
    """Find nothing: the check of an image that refuses no request."""
    return ()


@dataclass(frozen=True, kw_only=True)
class LocalImage:
    """Programs of this machine that stand for images with an algorithm of their own.

    It stands for a job that brings no code: a training job without a script and without an entry point, a batch
    transform of a model without a script. With ``--runner docker`` the image itself runs.

    Attributes:
        repository: A regular expression that matches the whole name of the image's repository, without the registry.
        tags: The tags that it stands for. Another tag of the repository is an error.
        library: The distribution that does the work, such as ``xgboost-cpu``. Reports name its version.
        title: What reports call it, such as ``xgboost``.
        difference: How a result differs from that of the image, for reports.
        requirements: Requirements (PEP 508) that have to be installed where dagcast runs.
        train: The module of the training program; ``None`` if it stands for no training jobs. It runs as ``python -m
            MODULE CONFIG DATA MODEL OUTPUT``: the folders with ``hyperparameters.json`` and ``inputdataconfig.json``,
            with a folder of each channel, for the model, and for ``failure`` and ``data``. The variable
            ``DAGCAST_IMAGE_TAG`` has the tag. An exit code other than 0 is a failure.
        serve: The module that predicts; ``None`` if it stands for no models. It has ``load_model(folder)``, which
            returns a model, and ``predict(model, body, content_type, accept)``, which returns the bytes of an answer.
            Both run in the process of the batch transform, with the variables of its container and
            ``DAGCAST_IMAGE_TAG``.
        metrics: The metrics that the image reports without ``MetricDefinitions``. Those of SageMaker's built-in
            algorithms need not be here.
        channel_type: The content type of a channel that names none.
        content_type: The content type of a batch transform that names none.
        accept: The type of the answers of a batch transform that names none.
        check_training: Finds what the image would refuse in a CreateTrainingJob request, or in a definition of a tuning
            job. The hyperparameters are in ``HyperParameters`` in both; what a tuning job searches is unknown.
        check_serving: Finds what the image would refuse in a CreateTransformJob request. The member ``Container``,
            which the service has not, holds the container of the model.

    Example:
        >>> image = LocalImage(repository="acme/.*", tags=("1",), library="acme", title="acme", train="acme.train")
        >>> image.modes
        ('training',)
    """

    repository: str
    tags: tuple[str, ...]
    library: str
    title: str
    difference: str = "numbers differ"
    requirements: tuple[str, ...] = ()
    train: str | None = None
    serve: str | None = None
    metrics: tuple[Metric, ...] = ()
    channel_type: str | None = None
    content_type: str | None = None
    accept: str | None = None
    check_training: RequestCheck = find_nothing
    check_serving: RequestCheck = find_nothing

    @property
    def modes(self) -> tuple[str, ...]:
        """What it stands for: ``training``, ``serving`` or both."""
        found = (("training", self.train), ("serving", self.serve))
        return tuple(mode for mode, module in found if module is not None)


@dataclass(frozen=True)
class LoadedLocalImage:
    """A local image of an installed distribution.

    Attributes:
        name: The name of its entry point.
        distribution: The name and version of its distribution.
        image: The local image.
        code_digest: The digest of its code.
        root: The folder from which its modules are imported.
    """

    name: str
    distribution: str
    image: LocalImage
    code_digest: str = ""
    root: str = ""

    @property
    def library(self) -> str:
        """Its title with the version of its library."""
        try:
            return f"{self.image.title} {version(self.image.library)}"
        except PackageNotFoundError:
            return self.image.title


@dataclass(frozen=True)
class StandIn:
    """A local image that stands for the image of one job.

    Attributes:
        address: The address of the image.
        label: Its repository and tag.
        tag: Its tag.
        loaded: The local image.
    """

    address: str
    label: str
    tag: str
    loaded: LoadedLocalImage

    @property
    def image(self) -> LocalImage:
        """The local image."""
        return self.loaded.image

    def __str__(self) -> str:
        """Return the report: ``sagemaker-xgboost:1.7-1 does not run here; xgboost 3.2.0 stands in: numbers differ``."""
        difference = f": {self.image.difference}" if self.image.difference else ""
        return f"{self.label} does not run here; {self.loaded.library} stands in{difference}"

    def as_dict(self) -> dict[str, str]:
        """Return what results, events and registered models keep."""
        return {
            "image": self.address,
            "label": self.label,
            "local_image": self.loaded.name,
            "distribution": self.loaded.distribution,
            "library": self.loaded.library,
            "difference": self.image.difference,
            "code_sha256": self.loaded.code_digest,
        }


class NoStandInError(DagcastError):
    """No local image can stand for an image, although its repository is that of one."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message


@dataclass(frozen=True)
class LocalImages:
    """The local images of a run.

    Attributes:
        loaded: The local images, in the order of their names.
    """

    loaded: tuple[LoadedLocalImage, ...] = ()

    def find(self, address: Any, mode: str) -> StandIn | None:
        """Return the local image that stands for an image; ``None`` if there is none.

        Args:
            address: The address of the image; any value can be a reference.
            mode: ``training`` or ``serving``.

        Raises:
            NoStandInError: If its tag is unknown, or two local images stand for it.
        """
        parts = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
        if parts is None:
            return None
        repository, tag = parts["repository"], parts["tag"]
        found = [
            loaded
            for loaded in self.loaded
            if mode in loaded.image.modes and re.fullmatch(loaded.image.repository, repository)
        ]
        if not found:
            return None
        label = f"{repository}:{tag}" if tag else repository
        known = [loaded for loaded in found if tag in loaded.image.tags]
        if len(known) > 1:
            names = " and ".join(repr(loaded.name) for loaded in known)
            raise NoStandInError(
                f"local images {names} both stand for {label}", "uninstall one, or use --no-plugin NAME"
            )
        if not known:
            tags = [tag for loaded in found for tag in loaded.image.tags]
            hint = did_you_mean(tag or "", tags) or f"known tags: {', '.join(tags)}"
            raise NoStandInError(f"local image {found[0].name!r} does not know {label}", hint)
        return StandIn(str(address), label, str(tag), known[0])

    def may_stand_for(self, address: Any, mode: str = "training") -> bool:
        """Return whether a local image knows the repository of an image, or the image is not known before the run."""
        if isinstance(address, Reference):
            return bool(self.loaded)
        try:
            return self.find(address, mode) is not None
        except NoStandInError:
            return True

    def metric_names(self, address: Any) -> tuple[str, ...]:
        """Return the names of the metrics that an image reports by itself, if a local image stands for it."""
        try:
            found = self.find(address, "training")
        except NoStandInError:
            return ()
        return () if found is None else tuple(metric.name for metric in found.image.metrics)

    def __iter__(self) -> Iterator[LoadedLocalImage]:
        return iter(self.loaded)

    def __bool__(self) -> bool:
        return bool(self.loaded)


NO_LOCAL_IMAGES = LocalImages()
"""No local image: the images themselves run, or nothing stands for them."""
