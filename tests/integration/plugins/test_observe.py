"""Plugins that hear of a run: real runs of the command line, and plugins that fail in the middle of one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.plugins.conftest import Site
from tests.support.distributions import run

CONFIG = """\
pipeline: {name: demo, role: arn:aws:iam::123456789012:role/SageMakerRole, bucket: my-bucket}
parameters: {Message: not today}
steps:
  decide:
    type: Condition
    conditions: [{left: "${param.Message}", op: "==", right: fine}]
    else_steps: [stop]
  stop: {type: Fail, error_message: "${param.Message}"}
"""
WRITER = """
import json, pathlib

@hookimpl
def observe_run(config, report):
    file = pathlib.Path(config.root, "heard.jsonl")
    file.write_text(json.dumps(report.pipeline) + "\\n")

    def tell(event):
        with file.open("a") as stream:
            stream.write(json.dumps(event) + "\\n")
    return tell
"""
FAILING = """
count = 0

@hookimpl
def observe_run():
    def tell(event):
        global count
        count += 1
        raise {raised}
    return tell
"""


def execute(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``dagcast run``, in a process of its own."""
    site.write(CONFIG)
    command = ["-m", "dagcast.cli", "run", "pipeline.yaml", *arguments]
    return run(command, [site.folder], site.project)


def heard(site: Site) -> list[dict[str, str]]:
    """What the plugin that writes heard of the run."""
    name, *events = map(json.loads, (site.project / "heard.jsonl").read_text().splitlines())
    assert name == "demo"
    return events


def written(site: Site) -> list[dict[str, str]]:
    """The events in the folder of the run."""
    (file,) = Path(site.project, ".dagcast", "runs").glob("*/events.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_plugin_hears_of_every_event_of_a_run(site: Site) -> None:
    site.plugin("alpha", WRITER)
    done = execute(site, "--plugin", "alpha", "--quiet")
    assert done.returncode == 1
    assert [event["event"] for event in heard(site)] == [
        "run-started",
        "step-started",
        "step-succeeded",
        "step-started",
        "step-failed",
        "run-ended",
    ]
    assert heard(site) == written(site)


def test_of_a_run_that_plugins_are_kept_from_they_hear_nothing(site: Site) -> None:
    site.plugin("alpha", WRITER, autoload=True)
    execute(site, "--no-plugins")
    assert not (site.project / "heard.jsonl").exists()
    site.plugin("beta", "@hookimpl\ndef observe_run(): return None\n")
    assert execute(site, "--plugin", "beta", "--param", "Message=fine").returncode == 0


@pytest.mark.parametrize("raised", ["RuntimeError('down')", "SystemExit(3)", "GeneratorExit()"])
def test_an_observer_that_fails_receives_no_further_events_and_the_run_goes_on(
    site: Site, raised: str
) -> None:
    site.plugin("alpha", FAILING.format(raised=raised))
    site.plugin("beta", WRITER)
    command = ["--plugin", "alpha", "--plugin", "beta", "--param", "Message=fine", "--json"]
    done = execute(site, *command)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["status"] == "Succeeded"
    name = raised.partition("(")[0]
    told = "plugin 'alpha' (alpha-plugin 1.0) receives no further events of this run: it raised " + name
    assert done.stderr.count(told) == 1
    assert heard(site) == written(site)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("raise RuntimeError('down')", "it raised RuntimeError: down"),
        ("return 5", "it returned 5, expected a function or None"),
        ("config.dag.add_node('more')", "it changes its input: the DAG"),
    ],
)
def test_a_plugin_that_fails_when_it_is_asked_ends_the_run_before_it_begins(
    site: Site, source: str, problem: str
) -> None:
    site.plugin("alpha", f"@hookimpl\ndef observe_run(config):\n    {source}\n")
    done = execute(site, "--plugin", "alpha")
    assert done.returncode == 1
    assert f"plugin 'alpha' (alpha-plugin 1.0), hook observe_run: {problem}" in done.stderr
    assert not (site.project / ".dagcast").exists()


def test_a_definition_has_no_plugins(site: Site) -> None:
    site.plugin("alpha", WRITER, autoload=True)
    definition = {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": []}
    step = {"Name": "stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    (site.project / "made.json").write_text(json.dumps({**definition, "Steps": [step]}))
    done = run(["-m", "dagcast.cli", "run", "made.json"], [site.folder], site.project)
    assert done.returncode == 1
    assert not (site.project / "heard.jsonl").exists()
