"""Container image URIs by framework, from the SDK's own tables.

A compile needs the SDK only for these tables. URIs are cached in the process and on disk
(:mod:`dagcast.sagemaker.image_cache`), so that the next compile does not import the SDK.
"""

from __future__ import annotations

import functools
import json
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from dagcast.debug_log import log_debug
from dagcast.errors import ImageNotFoundError, did_you_mean
from dagcast.lazy_pattern import lazy_pattern
from dagcast.sagemaker.cache_files import cache_folder
from dagcast.sagemaker.image_cache import ImageCache
from dagcast.sagemaker.sdk import SDKVersion, load_image_uris, require_sdk

if TYPE_CHECKING:
    from typing_extensions import Unpack


_LOCK = threading.Lock()

# The SDK's message for an unknown value: "Unsupported region: x. ... Supported region(s): a, b."
_UNSUPPORTED = lazy_pattern(
    r"^Unsupported (?P<what>[^:]+): (?P<value>.*?)\. .*Supported [^:]+: (?P<known>.+)\.$", re.S
)


class ImageArguments(TypedDict, total=False):
    """The arguments that select an image of a framework in a region; ``None`` is the same as no argument.

    Source: the arguments of ``image_uris.retrieve`` of both SDKs that their tables use.

    Attributes:
        version: The framework's version; optional if the tables have only one.
        py_version: Such as ``py3`` or ``py310``; optional if the image has only one.
        instance_type: Such as ``ml.m5.xlarge``, if images differ by processor.
        image_scope: Such as ``training`` or ``inference``, if images differ by use.
        base_framework_version: For Hugging Face: such as ``pytorch2.1.0``.
        container_version: For images whose tag ends in one: such as ``cu110-ubuntu18.04``.
        inference_tool: ``neuron`` or ``neuronx``, if there are images for it.
        sdk_version: The version of the Neuron SDK, if images differ by it.
        accelerator_type: Such as ``ml.eia2.medium``, for the images of Elastic Inference.
        distribution: ``smdistributed`` if the job uses it, by which a few old images differ.
    """

    version: str | None
    py_version: str | None
    instance_type: str | None
    image_scope: str | None
    base_framework_version: str | None
    container_version: str | None
    inference_tool: str | None
    sdk_version: str | None
    accelerator_type: str | None
    distribution: str | None


def image_uri(framework: str, region: str, **arguments: Unpack[ImageArguments]) -> str:
    """Return the ECR URI of the image for a framework or built-in algorithm.

    Args:
        framework: Its name in the SDK's tables, such as ``xgboost``, ``sklearn`` or ``pytorch``.
        region: The AWS region of the registry.
        **arguments: :class:`ImageArguments`.

    Raises:
        ImageNotFoundError: If the tables have no such image.
        SDKError: If the URI is not cached and the SDK is missing or unusable.
        TypeError: If an argument is unknown.
    """
    unknown = arguments.keys() - ImageArguments.__annotations__.keys()
    if unknown:
        raise TypeError(f"the image tables have no argument {min(unknown)!r}")
    request: dict[str, Any] = {"framework": framework, "region": region, **arguments}
    given = {name: value for name, value in request.items() if value is not None}
    key = json.dumps(given, sort_keys=True)
    with _LOCK:
        cache = _cache(cache_folder(), require_sdk())
        answer = cache.get(key)
        if answer is None:
            log_debug(__name__, "looking up an image in the SDK's tables: %s", key)
            try:
                answer = _look_up(given)
            except ImageNotFoundError as missing:
                # Kept as well: a lookup whose answer is that there is no image would import the SDK each time.
                answer = missing
            cache.put(key, answer)
    if isinstance(answer, str):
        return answer
    raise ImageNotFoundError(answer.message, answer.known, answer.hint)


@functools.cache
def _cache(folder: Path, version: SDKVersion) -> ImageCache:
    return ImageCache(folder, version)


def _look_up(given: dict[str, str]) -> str:
    tables = load_image_uris()
    framework, version = given["framework"], given.get("version")
    table = _load_table(tables, framework)
    uri: str = _retrieve(given, lambda: tables.retrieve(**_retrieve_arguments(given)))
    # If there is only one version, the SDK returns its image for every version.
    known = _versions(_find_part(table, given.get("image_scope"), uri))
    if version is not None and len(known) == 1 and version not in known:
        raise _not_found(f"{framework} version", version, tuple(known))
    return uri


_VARIANT = lazy_pattern(r"(?P<framework>huggingface|pytorch)-(?P<variant>neuronx?|training-compiler)")


def _retrieve_arguments(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of ``image_uris.retrieve``.

    It finds the tables of Neuron and of the Training Compiler by an argument, and cannot read them by their names.
    """
    arguments: dict[str, Any] = dict(given)
    if "distribution" in arguments:
        arguments["distribution"] = {arguments["distribution"]: {}}
    if given.get("image_scope") == "training":
        arguments.setdefault("container_version", _container_version(given))
    variant = _VARIANT.fullmatch(given["framework"])
    if variant is None:
        return arguments
    arguments["framework"] = variant["framework"]
    if variant["variant"] == "training-compiler":
        return {**arguments, "training_compiler_config": True}
    return {"inference_tool": variant["variant"], **arguments}


def _container_version(given: Mapping[str, str]) -> str | None:
    """Return the end of a training image's tag that the SDK's classes add where the tables name none.

    Source: ``image_uris.get_training_image_uri`` of both SDKs.
    """
    machine = given.get("instance_type", "")
    if given["framework"] == "huggingface" and machine.startswith(("ml.g", "ml.p")):
        return "cu110-ubuntu18.04"
    if given["framework"] != "pytorch-smp":
        return None
    version = given.get("version", "")
    if "2.5" in version:
        return "cu124"
    is_recent = "p5" in machine or any(number in version for number in ("2.1", "2.2", "2.3", "2.4"))
    return "cu121" if is_recent else "cu118"


def _load_table(tables: Any, framework: str) -> dict[str, Any]:
    # Not all files in the folder are image tables.
    folder = Path(tables.__file__).parent / "image_uri_config"
    files = {file.stem: file for file in sorted(folder.glob("*.json"))}
    table = _read_json(files[framework]) if framework in files else {}
    if not _versions(table):
        raise _not_found("framework", framework, _frameworks(folder))
    return table


@functools.cache
def _frameworks(folder: Path) -> tuple[str, ...]:
    """Return the frameworks that have images, by a folder of tables."""
    return tuple(file.stem for file in sorted(folder.glob("*.json")) if _versions(_read_json(file)))


def _read_json(path: Path) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return table


def _find_part(table: dict[str, Any], scope: str | None, uri: str) -> dict[str, Any]:
    """Return the part of a table that an image is from; some tables have a part for each scope."""
    if "versions" in table:
        return table
    parts = [part for part in table.values() if isinstance(part, dict)]
    if len(parts) == 1:
        return parts[0]
    if "arm64" in uri or "graviton" in uri:
        scope = "inference_graviton"
    part: dict[str, Any] = table.get(scope or "training", {})
    return part


def _versions(table: dict[str, Any]) -> list[str]:
    """Return every version and alias in a table, or in a part of one."""
    parts = [table] if "versions" in table else [part for part in table.values() if isinstance(part, dict)]
    names = (name for part in parts for key in ("versions", "version_aliases") for name in part.get(key, {}))
    return list(dict.fromkeys(names))


def _retrieve(given: dict[str, str], look_up: Callable[[], str]) -> str:
    try:
        return look_up()
    except ValueError as error:
        if str(error).startswith("Empty SageMaker instance type"):
            message = "the image tables need the instance type to choose by"
            raise ImageNotFoundError(message, (), "set instance_type, such as ml.m5.xlarge") from error
        found = _UNSUPPORTED.match(str(error))
        if found is not None and found["what"] == "framework":
            # The table exists; the SDK has a list of frameworks for some kinds of instances.
            message = f"the SDK has no image of {found['value']} for {given.get('instance_type')}"
            raise ImageNotFoundError(message) from error
        if found is None:
            raise ImageNotFoundError(f"no image for {_format_arguments(given)}: {error}") from error
        names = (name.strip() for name in found["known"].split(","))
        known = tuple(name for name in names if name != "version_aliases")
        raise _not_found(found["what"], found["value"], known) from error
    except (LookupError, TypeError, AttributeError, NameError, NotImplementedError, OSError) as error:
        # The SDK raises each of these for combinations that its tables do not have.
        raise ImageNotFoundError(f"the SDK has no image for {_format_arguments(given)}") from error


_FIELDS: Mapping[str, str] = {"base framework": "base_framework_version", "Python version": "py_version"}
"""By what the SDK calls an argument: the field of a step that gives it."""


def _not_found(what: str, value: str, known: tuple[str, ...]) -> ImageNotFoundError:
    if value == "None":
        listed = f"known: {', '.join(known)}"
        field = _FIELDS.get(what)
        hint = f"set {field} to one of {', '.join(known)}" if field is not None else listed
        return ImageNotFoundError(f"the image tables need the {what} to choose by", known, hint)
    return ImageNotFoundError(f"the image tables have no {what} {value!r}", known, did_you_mean(value, known))


def _format_arguments(given: dict[str, str]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in given.items())
