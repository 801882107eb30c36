"""Reusing what a step came to in an earlier run."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dagcast.definition.durations import parse_duration
from dagcast.definition.model import Step
from dagcast.runner.container.processing_request import declared_output_uris
from dagcast.runner.executor import executor_for
from dagcast.runner.records.run_folder import KeptResult, RunFolder, RunFolderError, write_json
from dagcast.runner.store.local_store import NotFoundError, Store
from dagcast.runner.store.s3_uri import UnsafeUriError
from dagcast.sagemaker.limits import BUCKET_NAME_PATTERN

_URI = re.compile(rf"s3://{BUCKET_NAME_PATTERN}(?:/[^\s\"'\\]*)?")
_NO_MATTER = frozenset(
    {
        "ExperimentConfig",
        "NetworkConfig",
        "ProcessingResources",
        "ProfilerConfig",
        "ResourceConfig",
        "RoleArn",
        "StoppingCondition",
        "Tags",
        "TransformResources",
        "VpcConfig",
    }
)
"""Arguments whose change is no reason to run a step again. Source: SageMaker Developer Guide, "Default cache key
attributes by pipeline step type"."""
_USERS = frozenset({"Environment", "HyperParameters", "StaticHyperParameters"})
"""Arguments whose keys are the user's own, and all matter, whatever they are called. A URI in them is a text to a job:
it reads from S3 what its inputs bring, and its code."""
_CODE = "sagemaker_submit_directory"


def asks_for_cache(step: Step) -> bool:
    """Whether the step may take the result of an earlier run."""
    config = step.fields.get("CacheConfig")
    return isinstance(config, Mapping) and config.get("Enabled") in (True, "true", "True")


def cache_key(
    step: Step,
    arguments: Mapping[str, Any],
    *,
    fields: Mapping[str, Any],
    store: Store,
    execution: str,
    code: str,
    models: Sequence[Mapping[str, Any]] = (),
) -> str:
    """What decides whether two runs of a step come to the same: a digest of its arguments and of what it reads.

    An S3 URI counts as the content that it leads to. Where outputs go does not count, and neither do the parts of the
    arguments that hold the execution's id.

    Args:
        step: The step.
        arguments: Its arguments, resolved.
        fields: The other fields of its entry in the definition, resolved.
        store: What stands for S3.
        execution: The id of the execution.
        code: The digest of code that is outside of the arguments, such as a Lambda function's source.
        models: The properties of the models that the arguments name: a name says nothing of what is in a model.

    Raises:
        DagcastError: If S3 itself is read, and cannot be.
    """

    def plain(value: Any, output: bool) -> Any:
        if isinstance(value, Mapping):
            return {
                key: own(inner) if key in _USERS else plain(inner, output or "Output" in key)
                for key, inner in value.items()
                if key not in _NO_MATTER
            }
        if isinstance(value, list | tuple):
            return [plain(inner, output) for inner in value]
        if not isinstance(value, str):
            return value
        return _URI.sub(lambda match: "s3:" if output else content(match[0]), value).replace(execution, "")

    def own(values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return {
            name: plain(value, False) if name.lower() == _CODE else str(value).replace(execution, "")
            for name, value in values.items()
        }

    def content(uri: str) -> str:
        try:
            return f"sha256:{store.digest(uri)}"
        except (NotFoundError, UnsafeUriError):
            return uri  # a text that leads nowhere stands for itself

    rest = {key: fields[key] for key in ("FunctionArn", "OutputParameters", "PropertyFiles") if key in fields}
    what = {
        "type": step.definition_type,
        "arguments": plain(arguments, False),
        "body": plain(rest, True),
        "code": code,
        "models": [plain(model, False) for model in models],
        "python": environment_digest(),
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()


def environment_digest() -> str:
    """A digest of the interpreter's version and of the distributions that it finds: they stand for the image."""
    found = {sys.version}
    for folder in sys.path:
        if Path(folder).is_dir():
            with os.scandir(folder or ".") as entries:  # in notebooks the current folder is ""
                found.update(entry.name for entry in entries if entry.name.endswith(".dist-info"))
    return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()


def remember(runs: Path, key: str, run: str, step: str) -> None:
    """Note that a step of a run came to the result that ``key`` stands for."""
    write_json(_entry(runs, key), {"run": run, "step": step})


def recall(
    runs: Path, key: str, step: Step, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
) -> tuple[RunFolder, KeptResult] | None:
    """The run that came to what ``key`` stands for, and what its step came to, if it is still there and not too old.

    What is cut off, or was written by another version, is as good as not there.

    Args:
        runs: The folder of all runs.
        key: The key of the step.
        step: The step: it says after which time a result is too old.
        now: The time, in UTC.
    """
    try:
        entry = json.loads(_entry(runs, key).read_text("utf-8"))
        folder = RunFolder(runs / entry["run"])
        kept = folder.result(entry["step"])
    except (FileNotFoundError, ValueError, KeyError, TypeError, RunFolderError):
        return None
    if kept is None:
        return None
    limit = parse_duration(str(step.fields["CacheConfig"].get("ExpireAfter", "")))
    if limit is not None and now() - kept.ended > limit:
        return None
    return folder, kept


def fixed_places(step: Step, arguments: Mapping[str, Any], execution: str) -> dict[str, str]:
    """By name of an output: where it goes in every execution, so that others may name that place themselves."""
    places: dict[str, Any] = declared_output_uris(arguments)
    executor = executor_for(step.definition_type)
    places |= executor.fixed_output_uris(arguments) if executor is not None else {}
    return {name: uri for name, uri in places.items() if isinstance(uri, str) and execution not in uri}


def take_outputs(
    kept: KeptResult, source: RunFolder, store: Store, scratch: Path, places: Mapping[str, str]
) -> bool:
    """Copy what a step left into this run's own store, under the same URIs; blocks are shared where they can be.

    Args:
        kept: What the step came to.
        source: The run that it did so in.
        store: The own store.
        scratch: A folder for the copies, made and removed here.
        places: By name of an output: where it goes too.

    Returns:
        Whether all of it was there; somebody may remove it, or the run, at any time.
    """
    theirs = Store(source.store)
    result = kept.result
    left = sorted({*result.outputs.values(), *result.property_files.values(), *result.more})
    shutil.rmtree(scratch, ignore_errors=True)  # a killed process may have left it
    if not all(theirs.exists(uri) if uri.startswith("s3://") else Path(uri).exists() for uri in left):
        return False
    try:
        copies = [(uri, uri) for uri in left if uri.startswith("s3://")]
        copies += [(uri, places[name]) for name, uri in result.outputs.items() if name in places]
        for number, (uri, place) in enumerate(dict.fromkeys(copies)):
            copy = scratch / str(number)
            if theirs.path(uri).is_file():
                theirs.fetch_file(uri, copy)
            else:
                theirs.fetch(uri, copy)
            store.put(copy, place)
    except (FileNotFoundError, NotFoundError):
        return False
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return True


def _entry(runs: Path, key: str) -> Path:
    return runs / "cache" / key[:2] / f"{key}.json"
