"""Select and load the local images of a run, under the site policy that holds for plugins.

A local image acts on jobs that otherwise could not run here. So an installed one is used unless something turns it off:
``--no-local-images``, ``--no-plugin``, ``plugins.disable`` of the config, or ``disable`` or ``forbidden`` of the site
policy. A name stands for the plugin and the local image of that name.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.check.rules.request_body import Finding, RequestBody
from dagcast.compile.config.models import PluginsConfig
from dagcast.errors import DiagnosticSink, PluginError
from dagcast.frozen_dataclass import dataclass
from dagcast.plugins.code_files import PluginCode, read_code
from dagcast.plugins.foreign_output import foreign_output
from dagcast.plugins.imported_code import check_loaded
from dagcast.plugins.load import find_entry, import_entry
from dagcast.plugins.safe_inspect import format_exception, is_instance, safe_repr
from dagcast.plugins.scan import InstalledPlugins, PluginEntry, scan_plugins
from dagcast.plugins.select import PluginRequest
from dagcast.plugins.site_policy import NO_POLICY, SitePolicy, read_site_policy
from dagcast.runner.local_images import (
    NO_LOCAL_IMAGES,
    LoadedLocalImage,
    LocalImage,
    LocalImages,
    Metric,
    RequestCheck,
)

if TYPE_CHECKING:
    from dagcast.compile.config.config import PipelineConfig
    from dagcast.compile.config.validation_errors import LocateInConfig
    from dagcast.runner.options import RunOptions

FLAG = "--no-local-images"
_USED = "it stands for images that do not run here"
_REMEDY = "see docs/writing-local-images.md"


@dataclass(frozen=True)
class LocalImageSelection:
    """The local images that a run would use.

    Attributes:
        chosen: Their names, sorted.
        excluded: By name of the others: why a run does not use it.
    """

    chosen: tuple[str, ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict)

    def reason(self, name: str) -> str:
        """Return why a run uses a local image or does not."""
        return self.excluded.get(name, _USED)


def select_local_images(
    request: PluginRequest,
    section: PluginsConfig,
    installed: InstalledPlugins,
    *,
    policy: SitePolicy = NO_POLICY,
    none: bool = False,
    locate: LocateInConfig | None = None,
) -> LocalImageSelection:
    """Select the local images that a run uses.

    Args:
        request: The caller's selection of plugins.
        section: The ``plugins`` section of the config.
        installed: What is installed.
        policy: The site policy.
        none: Whether ``--no-local-images`` is given.
        locate: Returns the location of a path in the config.

    Raises:
        InvalidInputError: If the selection turns off a local image that the site policy requires.
    """
    excluded: dict[str, str] = {}
    excluded.update({name: f"disabled by the site policy {at}" for name, at in policy.disable.items()})
    excluded.update(dict.fromkeys(section.disable, "plugins.disable of the config"))
    excluded.update(dict.fromkeys(request.disabled, "--no-plugin"))
    names = tuple(dict.fromkeys(entry.name for entry in installed.local_images))
    if none:
        excluded.update(dict.fromkeys(names, FLAG))
    sink = DiagnosticSink()
    for name in names:
        if name in policy.required and name in excluded:
            by = f"which the site policy {policy.required[name]} requires"
            message = f"{excluded[name]} turns off local image {name!r}, {by}"
            in_config = locate is not None and name in section.disable and not none
            place = (
                locate(("plugins", "disable", section.disable.index(name))) if in_config and locate else None
            )
            sink.error(message, place, code="plugin.required", hint="leave it on")
    sink.raise_errors()
    excluded.update({name: f"forbidden by the site policy {at}" for name, at in policy.forbidden.items()})
    chosen = tuple(name for name in names if name not in excluded)
    return LocalImageSelection(chosen, {name: excluded[name] for name in names if name in excluded})


@dataclass(frozen=True)
class LocalImageSet:
    """The loaded local images of a run, with their entries in its plugin lock.

    Attributes:
        images: The local images.
        lock: Their entries in the lock, each with the digests of the files of its code.
    """

    images: LocalImages = NO_LOCAL_IMAGES
    lock: tuple[Mapping[str, Any], ...] = ()


def load_local_images(selection: LocalImageSelection, installed: InstalledPlugins) -> LocalImageSet:
    """Import the selected local images.

    Raises:
        PluginError: If one is provided twice, cannot be imported, or is invalid.
    """
    candidates = InstalledPlugins(installed.local_images, installed.problems)
    loaded, lock = [], []
    for name in selection.chosen:
        entry = find_entry(name, candidates)
        image = _validate(entry, import_entry(entry))
        code = read_code(entry)
        problems = (*code.problems, *check_loaded(entry, code))
        if problems:
            raise _error(entry, "; ".join(problems), f"reinstall {entry.distribution}")
        image = replace(
            image,
            check_training=_guard(entry, "check_training", image.check_training),
            check_serving=_guard(entry, "check_serving", image.check_serving),
        )
        distribution = f"{entry.distribution} {entry.version}"
        loaded.append(LoadedLocalImage(name, distribution, image, code.digest or "", _import_root(entry)))
        lock.append(_lock_entry(entry, code))
    return LocalImageSet(LocalImages(tuple(loaded)), tuple(lock))


_TYPES = ("Training", "Tuning", "Transform")
"""The types of steps that run images for which a local image may stand."""


def choose_local_images(
    options: RunOptions, request: PluginRequest, definition: str, config: PipelineConfig | None = None
) -> LocalImageSet:
    """Select and import the local images of a run.

    None is imported if the images themselves run, or if no step runs an image for which one may stand.

    Args:
        options: The options of the run.
        request: The caller's selection of plugins.
        definition: The definition of the pipeline.
        config: The config, if the run has one.

    Raises:
        InvalidInputError: If the selection turns off a local image that the site policy requires.
        PluginError: If a local image cannot be imported, or is invalid.
    """
    if options.isolation == "docker" or not any(f'"{kind}"' in definition for kind in _TYPES):
        return LocalImageSet()
    installed = scan_plugins()
    selection = select_local_images(
        request,
        PluginsConfig() if config is None else config.plugins,
        installed,
        policy=read_site_policy(),
        none=not options.use_local_images,
        locate=None if config is None else config.source.locate,
    )
    return load_local_images(selection, installed)


def _lock_entry(entry: PluginEntry, code: PluginCode) -> dict[str, Any]:
    return {
        "name": entry.name,
        "distribution": entry.distribution,
        "version": entry.version,
        "api_version": entry.api_version,
        "entry_point": entry.value,
        "code": code.kind,
        "code_sha256": code.digest,
        "files": dict(code.files),
    }


def _import_root(entry: PluginEntry) -> str:
    """Return the folder from which the modules of a local image are imported; an empty text if it is no folder."""
    name = entry.value.partition(":")[0]
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:
        return ""
    path = Path(file).absolute()
    root = path.parents[name.count(".") + (path.stem == "__init__")]
    return str(root) if root.is_dir() else ""


def _validate(entry: PluginEntry, given: Any) -> LocalImage:
    """Check the values of a local image, which come from other authors' code."""
    if not is_instance(given, LocalImage):
        problem = f"{entry.value} is {safe_repr(given)}, not a LocalImage of dagcast.local_images"
        raise _error(entry, problem, _REMEDY)
    image: LocalImage = given
    for name in ("repository", "library", "title", "difference"):
        if not is_instance(getattr(image, name), str):
            raise _error(entry, f"its {name} is {safe_repr(getattr(image, name))}, not a string", _REMEDY)
    for name in ("train", "serve", "channel_type", "content_type", "accept"):
        value = getattr(image, name)
        if value is not None and not is_instance(value, str):
            raise _error(entry, f"its {name} is {safe_repr(value)}, not a string", _REMEDY)
    for name, kind in (("tags", str), ("requirements", str), ("metrics", Metric)):
        values = getattr(image, name)
        if not is_instance(values, tuple) or not all(is_instance(value, kind) for value in values):
            raise _error(entry, f"its {name} is {safe_repr(values)}, not a tuple of {kind.__name__}", _REMEDY)
    for name in ("check_training", "check_serving"):
        if not callable(getattr(image, name)):
            raise _error(entry, f"its {name} is not a function", _REMEDY)
    if not image.modes:
        raise _error(entry, "it has neither train nor serve", _REMEDY)
    if not image.tags:
        raise _error(entry, "it has no tags", _REMEDY)
    for what, expression in (("repository", image.repository), *_expressions(image.metrics)):
        try:
            re.compile(expression)
        except re.error as error:
            raise _error(entry, f"its {what} is an invalid regular expression: {error}", _REMEDY) from error
    for requirement in image.requirements:
        _check_requirement(entry, requirement)
    return image


def _guard(entry: PluginEntry, name: str, check: RequestCheck) -> RequestCheck:
    """Return a check whose failures are errors that name the local image."""

    def guarded(tag: str, request: RequestBody) -> Sequence[Finding]:
        try:
            with foreign_output():
                found = list(check(tag, request))
        except KeyboardInterrupt:
            raise
        # Third-party code: any exception, SystemExit included, is a failure of the local image.
        except BaseException as error:
            problem = f"its {name} raised {format_exception(error)}"
            raise _error(entry, problem, f"report it to the authors of {entry.distribution}") from error
        for item in found:
            if not is_instance(item, Finding):
                raise _error(entry, f"its {name} gives {safe_repr(item)}, not a Finding", _REMEDY)
        return found

    return guarded


def _expressions(metrics: Sequence[Metric]) -> Iterable[tuple[str, str]]:
    return ((f"metric {metric.name!r}", metric.regex) for metric in metrics)


def _check_requirement(entry: PluginEntry, text: str) -> None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(text)
    except InvalidRequirement as error:
        raise _error(entry, f"its requirement {text!r} is invalid: {error}", _REMEDY) from error


def _error(entry: PluginEntry, problem: str, remedy: str) -> PluginError:
    distribution = f"{entry.distribution} {entry.version}"
    return PluginError(entry.name, problem, remedy, distribution=distribution, can_deselect=True)
