"""Compares two runs: their parameters, the code of their steps, and their metrics."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from dagcast.definition.model import Step
from dagcast.definition.read import read_definition
from dagcast.definition.staged_code_uri import is_staged_code_uri
from dagcast.errors import InvalidInputError
from dagcast.frozen_dataclass import dataclass
from dagcast.runner.records.outcome import StepOutcome
from dagcast.runner.records.run_folder import RunFolder, RunFolderError

Change = Literal["added", "removed", "changed"]


@dataclass(frozen=True, kw_only=True)
class StepComparison:
    """What differs between a step of one run and the step of the same name in another.

    Attributes:
        name: The name of the step.
        status: Its status in both runs; ``None`` in a run without the step.
        metrics: The last values of each metric that differs, by name; ``None`` in a run without the metric.
        code: How each file of its code differs, by path.
    """

    name: str
    status: tuple[str | None, str | None]
    metrics: Mapping[str, tuple[float | None, float | None]]
    code: Mapping[str, Change]

    @property
    def differs(self) -> bool:
        """Whether anything differs."""
        return self.status[0] != self.status[1] or bool(self.metrics) or bool(self.code)


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """What differs between two runs.

    Attributes:
        runs: The IDs of the runs.
        parameters: The values of each parameter that differs, by name; ``None`` in a run without the parameter.
        steps: The steps of both runs that differ, in the order of the second run, then those of the first run alone.
    """

    runs: tuple[str, str]
    parameters: Mapping[str, tuple[Any, Any]]
    steps: tuple[StepComparison, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-ready data."""
        return {
            "runs": list(self.runs),
            "parameters": {name: list(values) for name, values in self.parameters.items()},
            "steps": {
                step.name: {
                    "status": list(step.status),
                    "metrics": {name: list(values) for name, values in step.metrics.items()},
                    "code": dict(step.code),
                }
                for step in self.steps
            },
        }


def compare_runs(first: RunFolder, second: RunFolder) -> RunComparison:
    """Compare two runs, of the same pipeline or of different ones.

    Code is compared by the content of its files, as far as the runs hold it: code that dagcast staged.

    Raises:
        RunFolderError: If a file of a run cannot be read.
    """
    folders = (first, second)
    outcomes = [{step.name: step for step in folder.outcome().steps} for folder in folders]
    code = [_code_by_step(folder) for folder in folders]
    names = dict.fromkeys((*outcomes[1], *outcomes[0]))
    compared = (
        _compare_step(
            name,
            (outcomes[0].get(name), outcomes[1].get(name)),
            (code[0].get(name, {}), code[1].get(name, {})),
        )
        for name in names
    )
    return RunComparison(
        runs=(first.id, second.id),
        parameters=_pairs(first.parameters(), second.parameters()),
        steps=tuple(step for step in compared if step.differs),
    )


def _compare_step(
    name: str,
    steps: tuple[StepOutcome | None, StepOutcome | None],
    code: tuple[Mapping[str, str], Mapping[str, str]],
) -> StepComparison:
    first, second = steps
    changes: dict[str, Change] = {}
    # Code of a step that is in one run alone is no change of the step.
    if first is not None and second is not None:
        for path, (before, after) in _pairs(*code).items():
            changes[path] = "added" if before is None else "removed" if after is None else "changed"
    return StepComparison(
        name=name,
        status=(first.status if first else None, second.status if second else None),
        metrics=_pairs(first.metrics if first else {}, second.metrics if second else {}),
        code=changes,
    )


def _pairs(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return both values of each name whose values differ. NaN is equal to itself."""
    names = sorted({*first, *second})
    pairs = {name: (first.get(name), second.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if json.dumps(pair[0]) != json.dumps(pair[1])}


def _code_by_step(folder: RunFolder) -> dict[str, dict[str, str]]:
    """Return the digest of each file of code, by step and path."""
    try:
        definition = read_definition(folder.definition(), "definition.json")
    except (OSError, InvalidInputError) as error:
        raise RunFolderError(f"{folder.path / 'definition.json'} cannot be read: {error}") from error
    return {step.name: dict(_files(folder, step)) for step in definition.steps}


def _files(folder: RunFolder, step: Step) -> Iterator[tuple[str, str]]:
    for uri in sorted(set(_staged_uris({"Arguments": step.arguments, **step.fields}))):
        path = folder.local_path(uri)
        if not path.is_file():
            continue
        if path.name.endswith(".tar.gz"):
            yield from _members(path)
        else:
            yield path.name, hashlib.sha256(path.read_bytes()).hexdigest()


def _members(archive: Path) -> Iterator[tuple[str, str]]:
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content is not None:
                    yield member.name, hashlib.sha256(content.read()).hexdigest()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise RunFolderError(f"{archive} cannot be read: {error}") from error


def _staged_uris(value: Any) -> Iterator[str]:
    """Yield each literal URI of staged code in a step. In hyperparameters, it stands in quotes."""
    if isinstance(value, str):
        if is_staged_code_uri(uri := value.strip('"')):
            yield uri
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _staged_uris(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _staged_uris(inner)
