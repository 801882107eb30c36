"""The compiler of MODS is the standard compiler with the plugin selected."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dagcast import PipelineDAG, PipelineDAGCompiler, compile_dag_to_pipeline
from dagcast.errors import InvalidInputError, PluginError
from dagcast.paths import format_path
from dagcast.plugins.select import PluginRequest
from mods_plugin import (
    MODSPipelineDAGCompiler,
    MODSTemplateInner,
    build_mods_template_class,
    compile_mods_dag_to_pipeline,
)
from tests.mods_plugin.configs import ROLE, config

EXAMPLE = Path(__file__).parents[2] / "examples" / "breast_cancer" / "pipeline.yaml"
SAME = (
    "compile",
    "compile_with_report",
    "compile_definition",
    "validate",
    "create_template",
    "create_template_params",
    "_get_base_config",
    "load",
)


@pytest.fixture(params=["small", "example"])
def source(request: pytest.FixtureRequest) -> Any:
    return config() if request.param == "small" else EXAMPLE


@pytest.mark.parametrize("method", SAME)
def test_signatures_are_those_of_the_standard_compiler(method: str) -> None:
    ours = inspect.signature(getattr(MODSPipelineDAGCompiler, method))
    assert ours == inspect.signature(getattr(PipelineDAGCompiler, method))


def test_the_other_signatures_follow_the_contract() -> None:
    names = list(inspect.signature(MODSPipelineDAGCompiler).parameters)
    assert names == ["config_path", "sagemaker_session", "role", "kwargs"]
    decorated = inspect.signature(MODSPipelineDAGCompiler.create_decorated_class).parameters
    assert list(decorated) == ["self", "dag", "author", "version", "description"]
    assert all(parameter.default is None for name, parameter in decorated.items() if name != "self")
    ours = inspect.signature(compile_mods_dag_to_pipeline)
    assert ours == inspect.signature(compile_dag_to_pipeline)


def test_the_result_equals_the_standard_compiler_with_the_plugin(source: Any) -> None:
    ours, standard = MODSPipelineDAGCompiler(source), PipelineDAGCompiler(source, plugins=["mods"])
    assert ours.create_decorated_class() is standard.create_decorated_class()
    assert ours.compile_definition().definition == standard.compile_definition().definition
    first, second = ours.compile_with_report(), standard.compile_with_report()
    assert first[0].definition() == second[0].definition()
    assert first[1] == second[1]
    assert ours.create_template_params().keys() == standard.create_template_params().keys()
    assert ours._get_base_config() == standard._get_base_config()


def test_only_additions_of_mods_differ(source: Any) -> None:
    """Each field that differs from the undecorated pipeline is one that is known, and is recorded as the plugin's."""
    plain = PipelineDAGCompiler(source, plugins=[]).compile_definition()
    ours = MODSPipelineDAGCompiler(source).compile_definition()
    before, after = (flat(json.loads(compilation.definition)) for compilation in (plain, ours))
    before.pop("Parameters", None)  # the empty list, where the config has no parameters
    assert {path: after[path] for path in before if path in after} == before, (
        "something was changed or taken away"
    )
    added = {path: value for path, value in after.items() if path not in before}
    for path, value in added.items():
        last = path.split(".")[-1]
        if path.startswith("Parameters."):
            assert path.split(".")[1] in PARAMETERS
            assert value in (path.split(".")[1], "String")
        elif last == "EnableInterContainerTrafficEncryption":
            assert value is True
        else:
            assert value == ADDED[path.split(".Get")[0].split(".")[-1]], path
    recorded = {
        format_path(change.path) for change in ours.report.changes if change.hook != "extract_metadata"
    }
    for path in added:
        assert any(path == known or path.startswith((f"{known}.", f"{known}[")) for known in recorded), path
    assert all(change.plugin == "mods" for change in ours.report.changes)
    assert all(change.old is None for change in ours.report.changes), "nothing was there before"


PARAMETERS = ("EXECUTION_S3_PREFIX", "KMS_ENCRYPTION_KEY_PARAM", "SECURITY_GROUP_ID", "VPC_SUBNET")
ADDED = {
    "SecurityGroupIds[0]": "Parameters.SECURITY_GROUP_ID",
    "Subnets[0]": "Parameters.VPC_SUBNET",
    "KmsKeyId": "Parameters.KMS_ENCRYPTION_KEY_PARAM",
    "VolumeKmsKeyId": "Parameters.KMS_ENCRYPTION_KEY_PARAM",
}


def flat(definition: dict[str, Any]) -> dict[str, Any]:
    """Every scalar of a definition by its path; steps and parameters by their names, as the report spells them."""

    def steps(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for item in items:
            yield item
            for branch in ("IfSteps", "ElseSteps"):
                yield from steps(item["Arguments"].pop(branch, []))

    by_name = {
        **definition,
        "Parameters": {item["Name"]: item for item in definition["Parameters"]},
        "Steps": {item["Name"]: item for item in steps(definition["Steps"])},
    }

    def walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict) and value:
            for key, item in value.items():
                yield from walk(item, f"{path}.{key}" if path else key)
        elif isinstance(value, list) and value:
            for index, item in enumerate(value):
                yield from walk(item, f"{path}[{index}]")
        else:
            yield path, value

    return dict(walk(by_name, ""))


def test_the_plugin_runs_with_any_selection(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        name = "other"

    def names(compiler: PipelineDAGCompiler) -> list[str]:
        return [active.name for active in compiler.plugins.plugins]

    assert names(MODSPipelineDAGCompiler(config())) == ["mods"]
    assert names(MODSPipelineDAGCompiler(config(), plugins=[])) == ["mods"]
    assert names(MODSPipelineDAGCompiler(config(), plugins=PluginRequest(none=True))) == ["mods"]
    assert names(MODSPipelineDAGCompiler(config(plugins={"enable": []}))) == ["mods"]
    assert names(MODSPipelineDAGCompiler(config(plugins={"disable": ["mods"]}))) == ["mods"]
    assert names(MODSPipelineDAGCompiler(config(), plugins=["mods"])) == ["mods"]
    monkeypatch.setenv("DAGCAST_PLUGINS", "mods")
    assert names(MODSPipelineDAGCompiler(config())) == ["mods"]


def test_the_standard_compiler_runs_the_installed_plugin() -> None:
    assert [active.name for active in PipelineDAGCompiler(config()).plugins.plugins] == ["mods"]
    assert PipelineDAGCompiler(config(), plugins=[]).plugins.plugins == ()


def test_compile_takes_a_dag() -> None:
    pipeline = MODSPipelineDAGCompiler(config()).compile(PipelineDAG(["load"]))
    assert [step.name for step in pipeline.steps] == ["load"]


def test_one_function_compiles() -> None:
    pipeline = compile_mods_dag_to_pipeline(None, config(), None, ROLE, author="someone")
    assert dict(pipeline.spec.tags)["mods:author"] == "someone"
    assert pipeline.definition() == MODSPipelineDAGCompiler(config(), role=ROLE).compile().definition()


def test_extra_arguments_reach_the_templates_constructor() -> None:
    compiler = MODSPipelineDAGCompiler(config())
    params = compiler.create_template_params(None, execution_role=ROLE, more=1)
    assert (params["execution_role"], params["more"]) == (ROLE, 1)
    assert compiler.create_template(execution_role=ROLE).execution_role == ROLE
    with pytest.raises((PluginError, TypeError), match="more"):
        compiler.create_template(more=1)


def test_environments_work_as_in_the_standard_compiler() -> None:
    source = config(environments={"prod": {"pipeline": {"author": "prod team"}}})
    assert (
        MODSPipelineDAGCompiler(source, env="prod").compile_definition().report.metadata["author"]
        == "prod team"
    )


def test_mistakes_are_reported_as_by_the_standard_compiler() -> None:
    source = config(edges=["load -> trian"])
    ours, standard = (
        MODSPipelineDAGCompiler(source).validate(),
        PipelineDAGCompiler(source, plugins=[]).validate(),
    )
    assert ours.errors == standard.errors
    assert ours.errors
    for call in (
        MODSPipelineDAGCompiler(source).compile,
        MODSPipelineDAGCompiler(source).create_decorated_class,
    ):
        with pytest.raises(InvalidInputError, match="trian"):
            call()
    with pytest.raises(InvalidInputError, match="trian"):
        compile_mods_dag_to_pipeline(None, source)
    with pytest.raises(InvalidInputError, match="trian"):
        build_mods_template_class(None, source)


def test_unknown_arguments_are_an_error() -> None:
    with pytest.raises(TypeError, match="autor"):
        MODSPipelineDAGCompiler(config(), autor="x")


def test_metadata_of_a_call_override_those_of_the_compiler() -> None:
    compiler = MODSPipelineDAGCompiler(config(), author="compiler", version="2.0")
    template: Any = compiler.create_decorated_class(author="call")
    assert (template.extract_author(), template.extract_version()) == ("call", "2.0")
    assert issubclass(template, MODSTemplateInner)
