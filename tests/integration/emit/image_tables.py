"""Every way to ask the SDK's image tables for an image, read from the files of the tables.

The tables' own readers, ``image_uris.retrieve`` and the function that estimators call, are the oracle of tests: what
they answer is right, and what they refuse has no image.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dagcast.sagemaker.sdk import load_image_uris

TABLES = load_image_uris()
FILES: Mapping[str, Mapping[str, Any]] = {
    path.stem: json.loads(path.read_text())
    for path in sorted((Path(TABLES.__file__).parent / "image_uri_config").glob("*.json"))
}

_MACHINES: Mapping[str, tuple[str, ...]] = {
    "cpu": ("ml.m5.xlarge",),
    # Some images for GPUs depend on ml.p4d.
    "gpu": ("ml.g5.xlarge", "ml.p4d.24xlarge"),
    "inf": ("ml.inf1.xlarge", "ml.inf2.xlarge"),
    "neuronx": ("ml.trn1.2xlarge",),
    "trn": ("ml.trn1.2xlarge",),
}
"""Instance types with a processor. The other processors of the tables are instance families."""

_VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "huggingface-neuron": {"framework": "huggingface", "inference_tool": "neuron"},
    "huggingface-neuronx": {"framework": "huggingface", "inference_tool": "neuronx"},
    "huggingface-training-compiler": {"framework": "huggingface", "training_compiler_config": True},
    "pytorch-neuron": {"framework": "pytorch", "inference_tool": "neuron"},
    "pytorch-training-compiler": {"framework": "pytorch", "training_compiler_config": True},
}
"""How ``retrieve`` finds the tables that it cannot read by their names."""

_SUFFIXES: Mapping[str, str] = {"huggingface": "cu110-ubuntu18.04", "pytorch-smp": "cu121", "spark": "v1"}
"""A ``container_version`` for each framework whose classes in the SDK pass one."""

_UNSCOPED = frozenset({"clarify", "data-wrangler", "model-monitor", "spark"})
"""Frameworks for Processing alone, for which no scope is passed."""


@dataclass(frozen=True)
class Question:
    """One way to ask for an image.

    Attributes:
        scope: The part of the table.
        version: The version, or an alias of one.
        fields: The fields of a step.
        arguments: The arguments of ``retrieve`` that mean the same.
    """

    scope: str
    version: str
    fields: Mapping[str, Any]
    arguments: Mapping[str, Any]

    @property
    def framework(self) -> str:
        """The name of the table."""
        return str(self.fields["framework"])

    @property
    def region(self) -> str:
        """The region of the registry."""
        return str(self.arguments["region"])


def parts_of(table: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each scope of a table with its part."""
    if "versions" in table:
        for scope in table.get("scope", ["training"]):
            yield scope, table
        return
    for scope, part in table.items():
        if isinstance(part, dict) and "versions" in part:
            yield scope, part


FRAMEWORKS = [name for name, table in FILES.items() if any(parts_of(table))]
SCOPES = [(name, scope) for name in FRAMEWORKS for scope, _ in parts_of(FILES[name])]
"""The names of the tables, each with its scopes."""


def questions(framework: str, only_scope: str | None = None, *, newest: bool) -> list[Question]:
    """Return every way to ask for the images of a framework.

    Args:
        framework: The name of its table.
        only_scope: The scope to ask for; ``None`` asks for each.
        newest: Whether to ask for the last version that each scope lists, in one region, only. Otherwise each version
            and alias is asked for, and the last version in every region.
    """
    found: dict[str, Question] = {}
    for scope, part in parts_of(FILES[framework]):
        if only_scope not in (None, scope):
            continue
        aliases: Mapping[str, str] = part.get("version_aliases", {})
        names = list(part["versions"])[-1:] if newest else [*part["versions"], *aliases]
        for version in names:
            entry = part["versions"][aliases.get(version, version)]
            everywhere = not newest and version == list(part["versions"])[-1]
            for question in _of_version(
                framework, scope, version, part, entry, suffixes=not newest, everywhere=everywhere
            ):
                found.setdefault(json.dumps([question.fields, question.arguments]), question)
    return list(found.values())


def _of_version(
    framework: str,
    scope: str,
    version: str,
    part: Mapping[str, Any],
    entry: Mapping[str, Any],
    *,
    suffixes: bool,
    everywhere: bool,
) -> Iterator[Question]:
    for base, python, image in _images(entry):
        regions = sorted(image["registries"], key=lambda name: name not in ("us-east-1", "us-west-2"))
        processors = part.get("processors") or image.get("processors") or ()
        choices = itertools.product(
            _machines(scope, processors),
            dict.fromkeys((python, None)),
            dict.fromkeys((*image.get("sdk_versions", ()), None)),
            dict.fromkeys((None, _SUFFIXES.get(framework) if suffixes else None)),
        )
        for index, (machine, given_python, sdk, suffix) in enumerate(choices):
            chosen = {
                "py_version": given_python,
                "base_framework_version": base,
                "sdk_version": sdk,
                "container_version": suffix,
                "instance_type": machine,
                "accelerator_type": "ml.eia2.medium" if scope == "eia" else None,
            }
            chosen = {name: value for name, value in chosen.items() if value is not None}
            for region in regions if index == 0 and everywhere else regions[:1]:
                yield _question(framework, scope, version, region, chosen)


def _images(entry: Mapping[str, Any]) -> Iterator[tuple[str | None, str | None, Mapping[str, Any]]]:
    """Yield each image of a version, with its base framework and its Python where it has them.

    Most entries describe one image; those of Hugging Face have one for each base framework and its aliases, and some
    old ones have one for each Python.
    """
    if "repository" in entry:
        for python in entry.get("py_versions") or [None]:
            yield None, python, entry
        return
    aliases = entry.get("version_aliases", {})
    for key in (*entry, *aliases):
        image = entry.get(aliases.get(key, key))
        if key == "version_aliases" or not isinstance(image, dict):
            continue
        if key.startswith(("pytorch", "tensorflow")):
            for python in image.get("py_versions") or [None]:
                yield key, python, image
        else:
            yield None, key, image


def _machines(scope: str, processors: Any) -> list[str | None]:
    if scope == "inference_graviton":
        return ["ml.c7g.xlarge"]
    machines: list[str | None] = [
        machine for name in processors for machine in _MACHINES.get(name, (f"ml.{name}.xlarge",))
    ]
    if _kind(scope) != "CreateModel":
        return machines or ["ml.m5.xlarge"]
    # A model has no instances. Without a choice of processors no instance type is needed to choose an image, either.
    return [*machines, None] if len(processors) == 1 else machines or ["ml.m5.xlarge", None]


def _kind(scope: str) -> str:
    """Return the type of the steps that use the images of a scope."""
    if scope.startswith("inference") or scope == "eia":
        return "CreateModel"
    return "Training" if scope == "training" else "Processing"


def _question(framework: str, scope: str, version: str, region: str, chosen: Mapping[str, Any]) -> Question:
    kind = _kind(scope)
    asked = "inference" if kind == "CreateModel" else "training"
    arguments = {"framework": framework, "region": region, "version": version, **chosen}
    if framework not in _UNSCOPED:
        arguments["image_scope"] = asked
    return Question(
        scope,
        version,
        {"type": kind, "framework": framework, "framework_version": version, **chosen},
        {**arguments, **_VARIANTS.get(framework, {})},
    )


@contextmanager
def endpoints_read_once() -> Iterator[None]:
    """Keep the endpoints that ``retrieve`` otherwise reads anew, in 0.1 s, for each answer."""
    read = TABLES.utils._botocore_resolver
    TABLES.utils._botocore_resolver = cache(read)
    try:
        yield
    finally:
        TABLES.utils._botocore_resolver = read


def retrieved(question: Question) -> str | None:
    """Return the image that the SDK names, or ``None`` if it raises one of its many errors."""
    try:
        uri: str = _ask(question)
    except (ValueError, LookupError, TypeError, AttributeError, NameError, NotImplementedError, OSError):
        return None
    return uri


def _ask(question: Question) -> Any:
    arguments = question.arguments
    of_class = question.framework in ("huggingface", "pytorch-smp") and "container_version" not in arguments
    if not of_class or question.scope != "training" or "instance_type" not in arguments:
        return TABLES.retrieve(**arguments)
    # The estimators of these do not pass their arguments on as they are.
    base = str(arguments.get("base_framework_version", ""))
    library = {"torch_distributed": {}, "smdistributed": {"modelparallel": {}}}
    return TABLES.get_training_image_uri(
        region=question.region,
        framework=question.framework.partition("-")[0],
        framework_version=question.version,
        py_version=arguments.get("py_version"),
        distribution=library if question.framework == "pytorch-smp" else None,
        tensorflow_version=base.removeprefix("tensorflow") if base.startswith("tensorflow") else None,
        pytorch_version=base.removeprefix("pytorch") if base.startswith("pytorch") else None,
        instance_type=arguments["instance_type"],
    )
