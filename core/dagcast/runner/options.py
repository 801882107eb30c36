"""What a caller may choose about a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

Isolation = Literal["auto", "namespace", "paths", "docker"]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The choices of one run.

    Attributes:
        runs: The folder that holds all runs.
        parameters: Values of pipeline parameters, by name; texts are converted to the parameter's type.
        inputs: By S3 URI: the local file or folder that stands for it and for all below it.
        earlier: Folders of earlier runs: their stores are read where this run's own has nothing, and their results
            stand for steps that are not selected.
        real_s3: Whether what no local place has is read from S3 itself, through boto3.
        jobs: How many steps may run at the same time.
        isolation: How a job finds ``/opt/ml``: ``namespace`` by a mount namespace of its own, ``paths`` by having
            the paths in its arguments and environment rewritten, ``docker`` in the step's own image; ``auto`` takes
            the namespace where the machine has it, else rewrites paths.
        requirements: Whether a step whose code has a ``requirements.txt`` gets a Python environment of its own.
        only: Names of the steps to run, and no others; empty for all.
        start: Names of steps: they and all that comes after them run; empty for all.
        stubs: By step: a JSON file with the properties and outputs that stand for running it.
        lambdas: By function name or ARN: ``FILE.py:HANDLER`` that stands for the function.
        callbacks: By step: a JSON file or a command that answers for it.
        cache: Whether steps that ask for it may reuse the result of an earlier run.
    """

    runs: Path = Path(".dagcast/runs")
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Path] = field(default_factory=dict)
    earlier: tuple[Path, ...] = ()
    real_s3: bool = False
    jobs: int = 2
    isolation: Isolation = "auto"
    requirements: bool = True
    only: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    stubs: Mapping[str, Path] = field(default_factory=dict)
    lambdas: Mapping[str, str] = field(default_factory=dict)
    callbacks: Mapping[str, str] = field(default_factory=dict)
    cache: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The choices that a resumed run keeps, JSON-ready; paths are absolute, so that it may start elsewhere."""
        return {
            "inputs": {uri: str(path.absolute()) for uri, path in self.inputs.items()},
            "earlier": [str(path.absolute()) for path in self.earlier],
            "real_s3": self.real_s3,
            "isolation": self.isolation,
            "requirements": self.requirements,
            "only": list(self.only),
            "start": list(self.start),
            "stubs": {step: str(path.absolute()) for step, path in self.stubs.items()},
            "lambdas": {name: _absolute(handler) for name, handler in self.lambdas.items()},
            "callbacks": dict(self.callbacks),
            "cache": self.cache,
        }

    def over(self, kept: Mapping[str, Any]) -> RunOptions:
        """These choices over those of the run that is resumed: what is not chosen now is as it was then.

        Args:
            kept: What :meth:`as_dict` gave then.
        """
        before = RunOptions(
            inputs={uri: Path(path) for uri, path in kept["inputs"].items()},
            earlier=tuple(map(Path, kept["earlier"])),
            real_s3=kept["real_s3"],
            isolation=kept["isolation"],
            requirements=kept["requirements"],
            only=tuple(kept["only"]),
            start=tuple(kept["start"]),
            stubs={step: Path(path) for step, path in kept["stubs"].items()},
            lambdas=kept["lambdas"],
            callbacks=kept["callbacks"],
            cache=kept["cache"],
        )
        untouched = RunOptions()
        chosen: dict[str, Any] = {}
        for option in fields(self):
            now, then = getattr(self, option.name), getattr(before, option.name)
            if isinstance(now, Mapping):
                chosen[option.name] = {**then, **now}
            else:
                chosen[option.name] = now if now != getattr(untouched, option.name) else then
        return RunOptions(**chosen)


def _absolute(handler: str) -> str:
    file, colon, name = handler.rpartition(":")
    return f"{Path(file).absolute()}{colon}{name}"
