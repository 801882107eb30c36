"""Finds runs in a folder of runs: all of them, one by a short name, and those that a run was made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from dagcast.errors import did_you_mean
from dagcast.runner.records.run_folder import RunFolder, RunFolderError

LAST = "last"
"""The name of the run that started last."""

_LISTED = 5
"""Runs listed for an ambiguous name."""


class UnknownRunError(RunFolderError):
    """No run has the name."""


def runs_in(runs: Path) -> list[RunFolder]:
    """Return all runs in a folder of runs, in the order of their start."""
    return sorted((RunFolder(path.parent) for path in runs.glob("[!.]*/run.json")), key=_start_order)


def find_run(runs: Path, name: str) -> RunFolder:
    """Return the folder of an existing run.

    Args:
        runs: The folder of all runs.
        name: The run's ID, a beginning of it that no other run has, its last word (``x7k2`` of
            ``20261125T100311Z-churn-x7k2``), or ``last`` for the run that started last.

    Raises:
        UnknownRunError: If no run has the name.
        RunFolderError: If several have.
    """
    if Path(name).name == name and (runs / name / "run.json").is_file():
        return RunFolder(runs / name)
    found = runs_in(runs)
    if name == LAST and found:
        return found[-1]
    if name and (named := [run for run in found if run.id.startswith(name) or _last_word(run) == name]):
        if len(named) == 1:
            return named[0]
        listed = ", ".join(run.id for run in named[:_LISTED]) + (", ..." if len(named) > _LISTED else "")
        raise RunFolderError(f"run {name!r} is ambiguous in {runs}: {listed}")
    if name == LAST:
        raise UnknownRunError(f"no runs in {runs}")
    hint = did_you_mean(name, (run.id for run in found))
    raise UnknownRunError(f"unknown run {name!r} in {runs}" + (f" ({hint})" if hint else ""))


def short_names(ids: Sequence[str]) -> list[str]:
    """Return a short name of each run: the last word of its ID, or the whole ID if another one ends so."""
    words = [run.rpartition("-")[2] for run in ids]
    count = Counter(words)
    return [word if count[word] == 1 else run for run, word in zip(ids, words, strict=True)]


def follow_earlier_runs(runs: Iterable[Path]) -> tuple[Path, ...]:
    """Return the folders of runs, each followed by those that it was made from itself.

    A run that was removed, or cannot be read, is made from no other run.
    """
    followed: dict[Path, None] = {}
    pending = list(runs)
    while pending:
        folder = pending.pop(0)
        if folder in followed:
            continue
        followed[folder] = None
        try:
            earlier = RunFolder(folder).record().options.get("earlier", ())
        except RunFolderError:
            continue
        pending[:0] = [Path(path) for path in earlier if (Path(path) / "run.json").is_file()]
    return tuple(followed)


def _last_word(run: RunFolder) -> str:
    return run.id.rpartition("-")[2]


def _start_order(folder: RunFolder) -> tuple[str, int, str]:
    """Return the sort key: IDs have a resolution of one second; the definition is written once, at the start."""
    time = folder.id.partition("-")[0]
    try:
        return time, (folder.path / "definition.json").stat().st_mtime_ns, folder.id
    except OSError:  # another process is removing it
        return time, 0, folder.id
