"""What each hook does when all is well."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.plugin import CompileReport
from tests.integration.plugins.conftest import CONFIG, NOTE, Site

EVERYTHING = (
    NOTE
    + """
from dataclasses import replace

import click
from pydantic import BaseModel, ConfigDict, Field

from dagcast.plugin import Diagnostic, ParameterSpec, Rule, at_most

called = []


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    team: Annotated[str, Field(description="Who answers for it.")] = "nobody"


@hookimpl
def options_model():
    called.append("options_model")
    return Options


@hookimpl
def register_step_types(options):
    called.append("register_step_types")
    return [note]


@hookimpl
def register_rules(options):
    called.append("register_rules")
    return [
        Rule(
            id="team.small-volume",
            summary="Volumes of processing jobs are small",
            source="The team's handbook",
            shapes=("CreateProcessingJobRequest",),
            check=at_most(("ProcessingResources", "ClusterConfig", "VolumeSizeInGB"), 35),
            obeys={"ProcessingResources": {"ClusterConfig": {"VolumeSizeInGB": 35}}},
            breaks={"ProcessingResources": {"ClusterConfig": {"VolumeSizeInGB": 36}}},
            severity="warning",
        )
    ]


@hookimpl
def extract_metadata(config, dag, explicit, options):
    called.append("extract_metadata")
    return {"team": options.team, "nodes": len(dag.nodes)}


@hookimpl
def decorate_template_class(template_class, metadata, options):
    called.append("decorate_template_class")

    class Wrapped(template_class):
        team = metadata["team"]

    return Wrapped


@hookimpl
def build_template_params(dag, params, metadata, options):
    called.append("build_template_params")
    return {} if params["execution_role"] else {"execution_role": "arn:aws:iam::123456789012:role/" + options.team}


@hookimpl
def pipeline_parameters(config, metadata, options):
    called.append("pipeline_parameters")
    return [ParameterSpec("Team", "String", options.team)]


@hookimpl
def transform_spec(spec, metadata, options):
    called.append("transform_spec")
    return replace(spec, tags=(*spec.tags, ("owner", metadata["team"])))


@hookimpl
def check_spec(spec, locate, metadata, options):
    called.append("check_spec")
    for step in spec.steps:
        if step.step_type == "Note":
            place = locate(step.name, ("Arguments", "ErrorMessage"))
            yield Diagnostic(f"step {step.name!r} is a note", place, "warning", code="team.note")


@hookimpl
def pipeline_compiled(pipeline, report, options):
    called.append("pipeline_compiled")
    called.append((type(pipeline).__name__, report))


@hookimpl
def observe_run(config, report, options):
    called.append("observe_run")
    return called.append


@hookimpl
def register_commands(cli):
    called.append("register_commands")
    cli.add_command(click.Command("greet", callback=lambda: click.echo("hello"), help="Says hello."))
"""
)
ORDER = [
    "options_model",
    "register_step_types",
    "extract_metadata",
    "build_template_params",
    "decorate_template_class",
    "pipeline_parameters",
    "transform_spec",
    "register_rules",
    "check_spec",
    "pipeline_compiled",
]
NOTED = "  note:\n    type: Note\n    text: of ${param.Team}\n"
OPTIONS = "plugins:\n  enable: [alpha]\n  options:\n    alpha:\n      team: science\n"


@pytest.fixture
def everything(site: Site) -> Site:
    """A site with a plugin that implements every hook."""
    site.plugin("alpha", EVERYTHING)
    site.write(CONFIG, NOTED + OPTIONS)
    return site


def module() -> Any:
    import alpha_plugin  # type: ignore[import-not-found]

    return alpha_plugin


def test_every_hook_is_called_once_and_in_order(everything: Site) -> None:
    compilation = PipelineDAGCompiler(everything.config).compile_definition()
    *calls, (shown, report) = module().called
    assert sorted(calls) == sorted(ORDER)
    assert calls.index("options_model") < calls.index("register_step_types") < calls.index("extract_metadata")
    assert calls[-4:] == ORDER[-4:]
    assert (shown, report) == ("NoneType", compilation.report)


def test_what_each_hook_gives_arrives(everything: Site) -> None:
    compiler = PipelineDAGCompiler(everything.config)
    template: Any = compiler.create_template()
    report: CompileReport = template.generate_definition().report
    definition = json.loads(template.generate_definition().definition)
    assert template.team == "science"
    assert report.metadata == {"team": "science", "nodes": 3}
    assert template.execution_role == "arn:aws:iam::123456789012:role/science"
    parameters = {item["Name"]: item["DefaultValue"] for item in definition["Parameters"]}
    assert parameters == {"Machine": "ml.m5.xlarge", "Team": "science"}
    steps = {step["Name"]: step for step in definition["Steps"]}
    assert steps["note"]["Type"] == "Fail"
    assert steps["note"]["Arguments"]["ErrorMessage"]["Std:Join"]["Values"][1] == {"Get": "Parameters.Team"}
    assert steps["prepare"]["Arguments"]["RoleArn"] == "arn:aws:iam::123456789012:role/science"
    assert report.spec.tags == (("team", "science"), ("owner", "science"))
    (warning,) = report.warnings
    assert (warning.code, warning.message) == ("team.note", "step 'note' is a note")
    assert warning.location is not None
    assert warning.location.line == everything.line("text: of")


def test_validating_asks_the_same_hooks_and_does_not_say_that_it_compiled(everything: Site) -> None:
    result = PipelineDAGCompiler(everything.config).validate()
    assert result.is_valid
    assert [item.code for item in result.warnings] == ["team.note"]
    calls = module().called
    assert sorted(calls) == sorted(name for name in ORDER if name != "pipeline_compiled")


def test_the_pipeline_of_the_sdk_is_shown_to_plugins(
    everything: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sagemaker")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    pipeline, report = PipelineDAGCompiler(everything.config).compile_with_report()
    shown, seen = module().called[-1]
    assert (shown, seen) == (type(pipeline).__name__, report)
    assert json.loads(pipeline.definition()) == json.loads(
        PipelineDAGCompiler(everything.config).compile_definition().definition
    )


def test_a_command_of_a_plugin_is_found_by_the_variable(everything: Site) -> None:
    result = everything.cli("greet", DAGCAST_PLUGINS="alpha")
    assert (result.exit_code, result.output) == (0, "hello\n")
    assert everything.cli("greet").exit_code == 2


def test_options_and_step_types_are_in_what_is_shown_of_the_plugin(everything: Site) -> None:
    info = everything.json("plugins", "info", "alpha")
    assert len(info["hooks"]) == 12
    (option,) = info["options"]
    assert (option["name"], option["default"], option["description"]) == (
        "team",
        "nobody",
        "Who answers for it.",
    )


def test_mistakes_are_found_whichever_way_a_plugin_is_asked(everything: Site) -> None:
    """An error of ``check_spec`` ends a compile and names the line."""
    source = EVERYTHING.replace('"warning", code="team.note"', '"error", code="team.note"')
    everything.plugin("beta", source.replace('"Note"', '"Notes"').replace("Notes\n", "Notes"))
    text = CONFIG + NOTED.replace("type: Note", "type: Notes") + OPTIONS.replace("alpha", "beta")
    everything.write(text)
    result = everything.cli("compile", "pipeline.yaml")
    assert result.exit_code == 1
    assert f"pipeline.yaml:{everything.line('text: of')}: " in result.output
    assert "step 'note' is a note" in result.output
