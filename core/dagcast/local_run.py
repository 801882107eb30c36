"""Runs a config or a definition on this machine: compiles it if it is a config, and gives it to the runner."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from dagcast.frozen_dataclass import dataclass
from dagcast.plugins.select import PluginRequest
from dagcast.run_result import RunResult, read_result
from dagcast.runner.options import Isolation, RunOptions
from dagcast.runner.records.events import Event, Listener
from dagcast.runner.records.run_folder import RunFolder
from dagcast.runner.runner import Runner
from dagcast.staging.temporary_folder import temporary_folder

if TYPE_CHECKING:
    from dagcast.compile.config.config import ConfigLike
    from dagcast.compile.config.pipeline_dag import DAGLike
    from dagcast.compile.report import CompileReport

_UNNAMED_FILE = "definition.json"
"""The file in messages about a definition that is in no file: it is saved as such in the run's folder."""


@dataclass(frozen=True)
class PreparedRun:
    """A run that has not started.

    Attributes:
        runner: What runs it.
        report: The report of the compile; ``None`` for a definition.
        local_values: Values that plugins give to the parameters that they add, by name.
        local_owners: The plugin that added a parameter, by the parameter's name.
    """

    runner: Runner
    report: CompileReport | None = None
    local_values: Mapping[str, Any] = field(default_factory=dict)
    local_owners: Mapping[str, str] = field(default_factory=dict)


def run(
    config: ConfigLike | None = None,
    dag: DAGLike | None = None,
    *,
    env: str | None = None,
    plugins: Iterable[Any] | None = None,
    resume: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    inputs: Mapping[str, str | os.PathLike[str]] | None = None,
    from_run: Iterable[str] = (),
    s3: bool = False,
    jobs: int = 2,
    runner: Isolation = "auto",
    requirements: bool = True,
    only: Iterable[str] = (),
    start: Iterable[str] = (),
    stubs: Mapping[str, str | os.PathLike[str]] | None = None,
    lambdas: Mapping[str, str] | None = None,
    callbacks: Mapping[str, str] | None = None,
    cache: bool = True,
    local_images: bool = True,
    ignore_rules: Mapping[str, str] | None = None,
    runs: str | os.PathLike[str] = ".dagcast/runs",
    listener: Callable[[Mapping[str, Any]], None] | None = None,
) -> RunResult:
    """Run a pipeline on this machine, as ``dagcast run`` does, and wait for its end.

    Progress is shown in a notebook, and on a terminal as a table on standard error.

    Args:
        config: A config or a pipeline definition: a file, or its content as a mapping; or a config as a pydantic model.
        dag: The DAG, or a file or mapping that contains it. Default: the ``edges`` of the config.
        env: The environment of the config to merge over it.
        plugins: Names of installed plugins and plugin objects; ``[]`` for no plugins. Default: as for a compile.
        resume: The run to resume instead of a config: its ID, a beginning of it that no other run has, its last word,
            or ``last``. It keeps its definition and parameters.
        parameters: Values of pipeline parameters, by name.
        inputs: Local files and folders by the S3 URI that they replace, including everything below it.
        from_run: Earlier runs, named as for ``resume``, whose results replace steps that are not selected.
        s3: Whether to read data that no local source has from S3 itself, through boto3.
        jobs: The maximum number of steps that run at the same time.
        runner: How a job gets ``/opt/ml``: ``namespace``, ``paths`` or ``docker``; ``auto`` for the best of the first
            two that this machine supports.
        requirements: Whether a step whose code has a ``requirements.txt`` gets a Python environment of its own.
        only: The only steps to run; empty for all.
        start: Steps to run, with all steps after them; empty for all.
        stubs: A JSON file with properties and outputs for each step that it replaces.
        lambdas: The local handler, ``FILE.py:HANDLER``, for each function name or ARN that it replaces.
        callbacks: A JSON file or a command that answers, for each callback step.
        cache: Whether steps with a ``CacheConfig`` may reuse results of earlier runs.
        local_images: Whether installed local images may stand for images with an algorithm of their own.
        ignore_rules: The reason, which may be empty, of each rule that a definition may break, by the rule's id. A
            config has ``ignore_rules`` of its own.
        runs: The folder of all runs.
        listener: Receives each event of the run as JSON-ready data. Calls come from several threads, one at a time.

    Returns:
        The result. A step that fails is not an exception: see :attr:`RunResult.succeeded`.

    Raises:
        TypeError: If an argument has the wrong type.
        InvalidInputError: With all mistakes, before anything starts.
        DagcastError: If the run cannot start for another reason, such as an unknown run.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> config = {
        ...     "pipeline": {"name": "demo", "role": "arn:aws:iam::123456789012:role/Role", "bucket": "my-bucket"},
        ...     "parameters": {"Score": 0.7},
        ...     "steps": {
        ...         "good": {"type": "Condition", "conditions": [{"left": "${param.Score}", "op": ">=", "right": 0.5}]}
        ...     },
        ... }
        >>> with TemporaryDirectory() as folder:
        ...     result = run(config, plugins=[], runs=folder)
        >>> result.status, result.steps["good"].reason
        ('Succeeded', 'true: 0.7 >= 0.5')
    """
    from dagcast.display.progress import show_progress

    if (config is None) == (resume is None):
        raise TypeError("give either a config or resume=RUN")
    if type(jobs) is not int or jobs < 1:
        raise TypeError(f"jobs is a number of at least 1, and not {jobs!r}")
    if runner not in get_args(Isolation):
        raise TypeError(f"runner is one of {', '.join(get_args(Isolation))}, and not {runner!r}")
    folder = Path(runs)
    options = RunOptions(
        runs=folder,
        parameters=_mapping("parameters", parameters),
        inputs={uri: Path(path) for uri, path in _mapping("inputs", inputs).items()},
        earlier=tuple(find_earlier_run(folder, name) for name in _names("from_run", from_run)),
        real_s3=s3,
        jobs=jobs,
        isolation=runner,
        requirements=requirements,
        only=_names("only", only),
        start=_names("start", start),
        stubs={step: Path(path) for step, path in _mapping("stubs", stubs).items()},
        lambdas=_mapping("lambdas", lambdas),
        callbacks=_mapping("callbacks", callbacks),
        cache=cache,
        use_local_images=local_images,
        ignore_rules=_mapping("ignore_rules", ignore_rules),
    )
    with temporary_folder("dagcast-") as scratch:
        if resume is not None:
            prepared = PreparedRun(resume_run(resume, options))
        else:
            assert config is not None
            prepared = prepare_run(config, options, scratch, dag=dag, env=env, plugins=plugins)
        pipeline_run, report = prepared.runner, prepared.report
        warnings = [str(item) for item in report.warnings] if report is not None else []
        if report is not None and report.stand_ins:
            warnings.append(f"stand-ins for this run: {'; '.join(report.stand_ins)}")
        with show_progress(asks_user(options)) as show:
            listeners = [delete_staged_on_start(scratch, pipeline_run.listener), show]

            def listen(event: Event) -> None:
                for each in listeners:
                    each(event)
                if event.kind == "warning":
                    warnings.append(f"{event.step}: {event.message}" if event.step else str(event.message))
                if listener is not None:
                    listener(event.as_dict())

            pipeline_run.listener = listen
            outcome = pipeline_run.run()
    return read_result(RunFolder(outcome.folder), tuple(warnings))


def prepare_run(
    config: ConfigLike,
    options: RunOptions,
    scratch: Path,
    *,
    dag: DAGLike | None = None,
    env: str | None = None,
    plugins: Iterable[Any] | PluginRequest | None = None,
) -> PreparedRun:
    """Compile a config, or read a definition, and create its runner.

    Args:
        config: A config or a definition.
        options: The options of the run.
        scratch: An empty folder for staged code. It can be deleted when the run has started.
        dag: The DAG. Default: the ``edges`` of the config.
        env: The environment of the config to merge over it.
        plugins: The plugins of the compile.

    Raises:
        TypeError: If an argument does not fit a config, or does not fit a definition.
        DagcastError: If the config cannot be compiled.
    """
    from dagcast.definition.definition_file import is_definition, read_definition_file

    file = str(config) if isinstance(config, str | os.PathLike) else None
    text = read_definition_file(file) if file is not None else None
    if is_definition(config):
        text = json.dumps(config)
    if text is None:
        if options.ignore_rules:
            raise TypeError("ignore_rules is for definitions: write it into the config")
        return _compile(config, options, scratch, dag=dag, env=env, plugins=plugins)
    # The command line has refused options that select plugins.
    selected = plugins is not None and not isinstance(plugins, PluginRequest) and tuple(plugins)
    if dag is not None or env is not None or selected:
        raise TypeError("dag, env and plugins are for configs, and this is a definition")
    from dagcast.plugins.local_images import choose_local_images
    from dagcast.plugins.lock import lock_text

    name = re.sub(r"[^A-Za-z0-9]+", "-", Path(file).stem).strip("-") if file is not None else ""
    images = choose_local_images(options, PluginRequest(), text)
    runner = Runner(
        text,
        name or "pipeline",
        options=replace(options, local_images=images.images),
        plugin_lock=lock_text([], local_images=images.lock) if images.lock else None,
        file=file or _UNNAMED_FILE,
    )
    return PreparedRun(runner)


def resume_run(run: str, options: RunOptions) -> Runner:
    """Create the runner of a resumed run. It uses the local images that are installed now.

    Args:
        run: The run, as :func:`run` names it.
        options: Options that replace those of the run, where they differ from the default.

    Raises:
        DagcastError: If the run is unknown or cannot be read, or a local image is invalid.
    """
    from dagcast.plugins.local_images import choose_local_images
    from dagcast.runner.records.find_runs import find_run

    folder = find_run(options.runs, run)
    merged = options.merge_saved(folder.record().options)
    images = choose_local_images(merged, PluginRequest(), folder.definition())
    return Runner.resume(run, replace(options, local_images=images.images))


def _compile(
    config: ConfigLike,
    options: RunOptions,
    scratch: Path,
    *,
    dag: DAGLike | None,
    env: str | None,
    plugins: Iterable[Any] | PluginRequest | None,
) -> PreparedRun:
    from dagcast.compile.compile_pipeline import locate_value
    from dagcast.compiler import PipelineDAGCompiler
    from dagcast.plugins.local_images import choose_local_images
    from dagcast.plugins.local_parameters import local_parameters
    from dagcast.plugins.lock import lock_text
    from dagcast.plugins.observe_run import create_run_listener
    from dagcast.runner.records.staged_sources import RunSources
    from dagcast.staging.write_local_copy import write_staged

    compiler = PipelineDAGCompiler(config, env=env, plugins=plugins)
    compiler.local = True
    compilation = compiler.compile_definition(dag)
    report = compilation.report
    loaded = compiler.load()
    local = local_parameters(compiler.plugins, loaded, report, options.parameters)
    request = plugins if isinstance(plugins, PluginRequest) else PluginRequest()
    images = choose_local_images(options, request, compilation.definition, loaded)
    lock = None
    if report.plugins or report.policies or images.lock:
        lock = lock_text(
            report.plugins,
            definition_sha256=report.digest,
            files=compiler.plugins.code_files(),
            policies=report.policies,
            local_images=images.lock,
        )
    runner = Runner(
        compilation.definition,
        report.pipeline,
        options=replace(options, local_images=images.images),
        local_parameters=local.values,
        parameter_owners=local.owners,
        listener=create_run_listener(compiler.plugins, loaded, report),
        objects=write_staged(report.spec.staged, scratch),
        plugin_lock=lock,
        sources=RunSources(report.spec.staged),
        file=str(config) if isinstance(config, str | os.PathLike) else _UNNAMED_FILE,
        checked=True,
        locate=lambda step, path: locate_value(loaded, report.spec, step, path),
    )
    return PreparedRun(runner, report, local.values, local.owners)


def delete_staged_on_start(scratch: Path, listener: Listener) -> Listener:
    """Return a listener that deletes the staged files at the first event, when the run has copied them.

    If this process is killed later, no staged files are left behind.
    """

    def listen(event: Event) -> None:
        if event.kind in ("run-started", "run-resumed"):
            shutil.rmtree(scratch)
        listener(event)

    return listen


def asks_user(options: RunOptions) -> Callable[[Mapping[str, str]], bool]:
    """Return a function that takes the types of steps by name: whether one of them asks at the terminal."""
    answered = {*options.callbacks, *options.stubs}
    return lambda steps: (
        options.debug is not None
        or any(kind == "Callback" and name not in answered for name, kind in steps.items())
    )


def find_earlier_run(runs: Path, name: str) -> Path:
    """Return the folder of an earlier run. An unknown one is reported with all other mistakes, before the run.

    Raises:
        RunFolderError: If several runs have the name.
    """
    from dagcast.runner.records.find_runs import UnknownRunError, find_run

    try:
        return find_run(runs, name).path
    except UnknownRunError:
        return runs / name


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TypeError(f"{name} is a mapping with names as keys, and not {value!r}")
    return dict(value)


def _names(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise TypeError(f"{name} is a list of names: write [{value!r}]")
    names = tuple(value)
    if not all(isinstance(item, str) for item in names):
        raise TypeError(f"{name} is a list of names, and not {value!r}")
    return names
