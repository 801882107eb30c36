"""Reuses the results of steps of earlier runs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dagcast.definition.durations import parse_duration
from dagcast.definition.model import Step
from dagcast.runner.container.processing_request import declared_output_uris
from dagcast.runner.executors.catalog import executor_for
from dagcast.runner.records.run_folder import RunFolder, RunFolderError, SavedResult, write_json
from dagcast.runner.store.local_store import NotFoundError, Store
from dagcast.runner.store.s3_uri import UnsafeUriError
from dagcast.sagemaker.limits import BUCKET_NAME_PATTERN

_URI = re.compile(rf"s3://{BUCKET_NAME_PATTERN}(?:/[^\s\"'\\]*)?")
_IGNORED_ARGUMENTS = frozenset(
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
"""Arguments that are not part of the key. Source: SageMaker Developer Guide, "Default cache key
attributes by pipeline step type"."""
_USER_KEYED_ARGUMENTS = frozenset({"Environment", "HyperParameters", "StaticHyperParameters"})
"""Arguments whose keys the user chooses: all are part of the key, whatever their names. A URI in their values counts as
text, because a job reads only its inputs and its code from S3."""
_CODE_HYPERPARAMETER = "sagemaker_submit_directory"


def is_cache_enabled(step: Step) -> bool:
    """Whether the step's ``CacheConfig`` lets it reuse the result of an earlier run."""
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
    """Return the key of a step's result: a digest of its arguments and of all that it reads.

    An S3 URI is replaced by the digest of its content. The URIs of outputs and the ID of the execution are ignored.

    Args:
        step: The step.
        arguments: Its arguments, resolved.
        fields: The other fields of its entry in the definition, resolved.
        store: The folder that replaces S3.
        execution: The ID of the execution.
        code: The digest of code outside the arguments, such as the source of a Lambda function.
        models: The properties of the models that the arguments name. A model's name does not identify its content.

    Raises:
        DagcastError: If S3 itself has to be read, and cannot be.
    """

    def normalize(value: Any, output: bool) -> Any:
        if isinstance(value, Mapping):
            return {
                key: normalize_user_values(inner)
                if key in _USER_KEYED_ARGUMENTS
                else normalize(inner, output or "Output" in key)
                for key, inner in value.items()
                if key not in _IGNORED_ARGUMENTS
            }
        if isinstance(value, list | tuple):
            return [normalize(inner, output) for inner in value]
        if not isinstance(value, str):
            return value
        return _URI.sub(lambda match: "s3:" if output else content_digest(match[0]), value).replace(
            execution, ""
        )

    def normalize_user_values(values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return {
            name: normalize(value, False)
            if name.lower() == _CODE_HYPERPARAMETER
            else str(value).replace(execution, "")
            for name, value in values.items()
        }

    def content_digest(uri: str) -> str:
        try:
            return f"sha256:{store.digest(uri)}"
        except (NotFoundError, UnsafeUriError):
            return uri  # text that only looks like a URI, or a URI without an object

    other_fields = {
        key: fields[key] for key in ("FunctionArn", "OutputParameters", "PropertyFiles") if key in fields
    }
    parts = {
        "type": step.definition_type,
        "arguments": normalize(arguments, False),
        "body": normalize(other_fields, True),
        "code": code,
        "models": [normalize(model, False) for model in models],
        "python": digest_environment(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def digest_environment() -> str:
    """Return a digest of the interpreter's version and the installed distributions, which replace the image."""
    found = {sys.version}
    for folder in sys.path:
        if Path(folder).is_dir():
            with os.scandir(folder or ".") as entries:  # in notebooks the current folder is ""
                found.update(entry.name for entry in entries if entry.name.endswith(".dist-info"))
    return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()


def add_result(runs: Path, key: str, run: str, step: str) -> None:
    """Add the result of a step of a run to the cache."""
    write_json(_entry_path(runs, key), {"run": run, "step": step})


def find_result(
    runs: Path, key: str, step: Step, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
) -> tuple[RunFolder, SavedResult] | None:
    """Return the run and the result that have this key; ``None`` if there is no result, or it has expired.

    Truncated files, and files of another version of dagcast, are ignored.

    Args:
        runs: The folder of all runs.
        key: The key of the step's result.
        step: The step, whose ``CacheConfig`` has the lifetime.
        now: Returns the time in UTC.
    """
    try:
        entry = json.loads(_entry_path(runs, key).read_text("utf-8"))
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


def fixed_output_uris(step: Step, arguments: Mapping[str, Any], execution: str) -> dict[str, str]:
    """Return the S3 URIs of outputs that are the same in every execution, by name: other steps may use them as text."""
    uris: dict[str, Any] = declared_output_uris(arguments)
    executor = executor_for(step.definition_type)
    uris |= executor.fixed_output_uris(arguments) if executor is not None else {}
    return {name: uri for name, uri in uris.items() if isinstance(uri, str) and execution not in uri}


def copy_outputs(saved: SavedResult, source: RunFolder, store: Store, fixed_uris: Mapping[str, str]) -> bool:
    """Add the outputs of a cached step to the store of this run, under the same URIs.

    Both runs share the files, which nobody writes to again.

    Args:
        saved: The cached result.
        source: The run that has the outputs.
        store: The store of this run.
        fixed_uris: Further S3 URIs of outputs, by name.

    Returns:
        Whether all outputs existed. Another process may remove them, or the run, at any time.
    """
    source_store = Store(source.store)
    result = saved.result
    uris = sorted({*result.outputs.values(), *result.property_files.values(), *result.more})
    if not all(source_store.exists(uri) if uri.startswith("s3://") else Path(uri).exists() for uri in uris):
        return False
    try:
        copies = [(uri, uri) for uri in uris if uri.startswith("s3://")]
        copies += [(uri, fixed_uris[name]) for name, uri in result.outputs.items() if name in fixed_uris]
        for uri, target in dict.fromkeys(copies):
            store.share(source_store, uri, target)
    except (FileNotFoundError, NotFoundError):
        return False
    return True


def _entry_path(runs: Path, key: str) -> Path:
    return runs / "cache" / key[:2] / f"{key}.json"
