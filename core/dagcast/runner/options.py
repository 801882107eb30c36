"""The options of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields
from pathlib import Path
from typing import Any, Literal

from dagcast.frozen_dataclass import dataclass
from dagcast.runner.local_images import NO_LOCAL_IMAGES, LocalImages

Isolation = Literal["auto", "namespace", "paths", "docker"]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of one run.

    Attributes:
        runs: The folder of all runs.
        parameters: Values of pipeline parameters, by name; text is converted to the parameter's type.
        inputs: Local files and folders by the S3 URI that they replace, including everything below it.
        earlier: Folders of earlier runs. Their stores are searched after the store of this run, and their results
            replace steps that are not selected.
        real_s3: Whether to read data that no local source has from S3 itself, through boto3.
        jobs: The maximum number of steps that run at the same time.
        isolation: How a job gets ``/opt/ml``: ``namespace`` by a mount namespace of its own, ``paths`` by rewriting
            the paths in its arguments and environment, ``docker`` in the step's image. ``auto`` is ``namespace`` where
            the machine supports it, else ``paths``.
        requirements: Whether a step whose code has a ``requirements.txt`` gets a Python environment of its own.
        only: Names of the only steps to run; empty for all.
        start: Names of steps to run, with all steps after them; empty for all.
        stubs: A JSON file with properties and outputs for each step that it replaces.
        lambdas: The local handler, ``FILE.py:HANDLER``, for each function name or ARN that it replaces.
        callbacks: A JSON file or a command that answers, for each callback step.
        cache: Whether steps with a ``CacheConfig`` may reuse results of earlier runs.
        debug: The step that gets the user's terminal, or waits for a debugger.
        debugpy: The port of this machine at which that step waits for a debugger; ``None`` for the terminal.
        ignore_rules: The reason, which may be empty, of each rule that the definition may break, by the rule's id.
        use_local_images: Whether local images may stand for images.
        local_images: The programs that stand for images with an algorithm of their own. With ``docker`` none does.
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
    ignore_rules: Mapping[str, str] = field(default_factory=dict)
    use_local_images: bool = True
    local_images: LocalImages = NO_LOCAL_IMAGES
    debug: str | None = None
    debugpy: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the options that a resumed run keeps, as JSON data.

        Paths are absolute, so that a run can be resumed from another working directory.
        """
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
            "local_images": self.use_local_images,
        }

    def merge_saved(self, saved: Mapping[str, Any]) -> RunOptions:
        """Return these options, with saved values for those that have their default here.

        Args:
            saved: The options of the resumed run, as :meth:`as_dict` returns them.
        """
        before = RunOptions(
            inputs={uri: Path(path) for uri, path in saved["inputs"].items()},
            earlier=tuple(map(Path, saved["earlier"])),
            real_s3=saved["real_s3"],
            isolation=saved["isolation"],
            requirements=saved["requirements"],
            only=tuple(saved["only"]),
            start=tuple(saved["start"]),
            stubs={step: Path(path) for step, path in saved["stubs"].items()},
            lambdas=saved["lambdas"],
            callbacks=saved["callbacks"],
            cache=saved["cache"],
            use_local_images=saved.get("local_images", True),
        )
        defaults = RunOptions()
        chosen: dict[str, Any] = {}
        for option in fields(self):
            now, then = getattr(self, option.name), getattr(before, option.name)
            if isinstance(now, Mapping):
                chosen[option.name] = {**then, **now}
            else:
                chosen[option.name] = now if now != getattr(defaults, option.name) else then
        if not chosen["use_local_images"]:
            chosen["local_images"] = NO_LOCAL_IMAGES
        return RunOptions(**chosen)


def _absolute(handler: str) -> str:
    file, colon, name = handler.rpartition(":")
    return f"{Path(file).absolute()}{colon}{name}"
