"""Every public method, with valid input and with every kind of mistake."""

from __future__ import annotations

import doctest
import json
from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

import mods_plugin
import mods_plugin.registry
from dagcast import PipelineDAG, PipelineDAGCompiler
from dagcast.errors import CycleError, InvalidInputError, PluginError
from mods_plugin import MODSPipelineDAGCompiler, default_execution_document
from mods_plugin.registry import Registry
from tests.mods_plugin.configs import CODE, STATED, config

DOCUMENT = {
    "PIPELINE_STEP_CONFIGS": {
        "load": {"STEP_TYPE": "PROCESSING_STEP", "STEP_CONFIG": {}},
        "train": {"STEP_TYPE": "TRAINING_STEP", "STEP_CONFIG": {}},
        "stop": {"STEP_TYPE": "FAIL_STEP", "STEP_CONFIG": {}},
    }
}
Call = Callable[[MODSPipelineDAGCompiler, Any], Any]

WITH_DAG: dict[str, Call] = {
    "compile": lambda compiler, dag: [step.name for step in compiler.compile(dag).steps],
    "compile_and_fill_execution_doc": lambda compiler, dag: list(
        compiler.compile_and_fill_execution_doc(dag, DOCUMENT)[1]["PIPELINE_STEP_CONFIGS"]
    ),
    "compile_definition": lambda compiler, dag: [s.name for s in compiler.compile_definition(dag).spec.steps],
    "compile_with_report": lambda compiler, dag: [s.name for s in compiler.compile_with_report(dag)[1].steps],
    "create_template": lambda compiler, dag: compiler.create_template(dag).dag.nodes,
    "create_template_params": lambda compiler, dag: compiler.create_template_params(dag)["dag"].nodes,
    "create_decorated_class": lambda compiler, dag: [
        name for name in ("load", "train", "stop") if compiler.create_decorated_class(dag)
    ],
}
WITHOUT_DAG: dict[str, Call] = {
    "load": lambda compiler, _: list(compiler.load().steps),
    "_get_base_config": lambda compiler, _: (
        list(compiler.load().steps) if compiler._get_base_config() else []
    ),
}
STEPS = ["load", "train", "stop"]


def refusing(compiler: MODSPipelineDAGCompiler, dag: Any) -> Any:
    """Validating raises nothing for mistakes; here it does."""
    result = compiler.validate(dag)
    if result.errors:
        assert not result.is_valid
        raise InvalidInputError(result.errors)
    return STEPS


WITH_DAG["validate"] = refusing
ALL = {**WITH_DAG, **WITHOUT_DAG}


def test_these_are_all_public_methods() -> None:
    public = {
        name
        for owner in (MODSPipelineDAGCompiler, PipelineDAGCompiler)
        for name, value in vars(owner).items()
        if not name.startswith("_") and callable(value) and not isinstance(value, type)
    }
    assert public | {"_get_base_config"} == set(ALL)


@pytest.mark.parametrize("method", ALL)
def test_valid_input_is_accepted(method: str) -> None:
    """No DAG, a DAG, and the same as a mapping."""
    dag = PipelineDAG(STEPS, ["load -> train", "train => stop"])
    for given in (None, dag, dag.to_dict()):
        assert ALL[method](MODSPipelineDAGCompiler(config()), given) == STEPS


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"steps": {"stop": {"type": "Fail", "messsage": "x"}}, "edges": []}, "unknown field 'messsage'"),
        ({"stepz": {}}, "the config has no section 'stepz'"),
        ({"plugins": {"options": {"mods": {"autor": "x"}}}}, "unknown field 'autor'"),
        ({"plugins": {"options": {"mods": {"version": "soon"}}}}, "expected a version"),
    ],
)
def test_mistakes_in_the_config_are_reported(method: str, wrong: dict[str, Any], expected: str) -> None:
    with pytest.raises(InvalidInputError, match=expected):
        ALL[method](MODSPipelineDAGCompiler(config(**wrong)), None)


@pytest.mark.parametrize("method", ALL)
def test_a_missing_config_is_reported(method: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="the file does not exist"):
        ALL[method](MODSPipelineDAGCompiler(tmp_path / "missing.yaml"), None)


@pytest.mark.parametrize("method", ALL)
def test_an_unknown_environment_is_reported(method: str) -> None:
    with pytest.raises(InvalidInputError, match="unknown environment 'prod'"):
        ALL[method](MODSPipelineDAGCompiler(config(), env="prod"), None)


@pytest.mark.parametrize("method", ALL)
def test_an_unknown_plugin_is_reported(method: str) -> None:
    with pytest.raises(PluginError, match="'no-such-plugin': it is not installed"):
        ALL[method](MODSPipelineDAGCompiler(config(), plugins=["no-such-plugin"]), None)


@pytest.mark.parametrize("method", WITH_DAG)
@pytest.mark.parametrize(
    ("dag", "expected"),
    [
        ({"nodes": ["load"], "edges": ["load -> trian"]}, "'trian', which is not a node"),
        ({"nodez": []}, "a DAG has no field 'nodez'"),
        ({"nodes": "load"}, "'nodes' is not a list"),
    ],
)
def test_mistakes_in_the_dag_are_reported(method: str, dag: Any, expected: str) -> None:
    with pytest.raises(InvalidInputError, match=expected):
        WITH_DAG[method](MODSPipelineDAGCompiler(config()), dag)


@pytest.mark.parametrize(
    "method", sorted(set(WITH_DAG) - {"create_decorated_class", "create_template_params", "create_template"})
)
def test_mismatches_between_dag_and_config_are_reported(method: str) -> None:
    """The class and its instance can be made: what they compile to is looked at when they compile."""
    unknown = PipelineDAG(["load", "other"])
    cyclic = PipelineDAG(edges=["load => stop", "stop => load"])
    with pytest.raises(InvalidInputError, match="node 'other' has no config under steps"):
        WITH_DAG[method](MODSPipelineDAGCompiler(config()), unknown)
    with pytest.raises((CycleError, InvalidInputError), match="cycle"):
        WITH_DAG[method](MODSPipelineDAGCompiler(config()), cyclic)


@pytest.mark.parametrize("method", sorted(WITH_DAG))
def test_metadata_arguments_are_validated(method: str) -> None:
    with pytest.raises(InvalidInputError, match="the version of the template, from argument, is 'soon'"):
        WITH_DAG[method](MODSPipelineDAGCompiler(config(), version="soon"), None)


@pytest.mark.parametrize("wrong", ["text", 7, {"nodes": []}, ("pipeline", "report")])
def test_a_document_requires_a_pipeline(wrong: object) -> None:
    with pytest.raises(TypeError, match="expected a pipeline"):
        default_execution_document(wrong)


def test_a_document_can_be_a_mapping_or_a_file(tmp_path: Path) -> None:
    compiler = MODSPipelineDAGCompiler(config())
    file = tmp_path / "document.json"
    file.write_text(json.dumps(DOCUMENT))
    for given in (DOCUMENT, file, str(file)):
        _, filled = compiler.compile_and_fill_execution_doc(None, given)
        assert filled["PIPELINE_STEP_CONFIGS"] == DOCUMENT["PIPELINE_STEP_CONFIGS"]
    with pytest.raises(InvalidInputError, match="the file does not exist"):
        compiler.compile_and_fill_execution_doc(None, tmp_path / "missing.json")


@pytest.mark.parametrize("record", ["text", {}, {"sources": {}}, {"sources": {"author": "x"}}])
def test_recorded_metadata_must_be_complete(record: Any) -> None:
    with pytest.raises(
        InvalidInputError, match="invalid metadata 'mods': expected the record of an earlier compile"
    ):
        MODSPipelineDAGCompiler(config(), metadata={"mods": record}).compile_definition()


def test_recorded_metadata_are_validated_and_not_extended() -> None:
    known = MODSPipelineDAGCompiler(config()).compile_definition().report.metadata
    record = {**known, "commit_id": None, "author": "recorded"}
    again = MODSPipelineDAGCompiler(config(), metadata=record).compile_definition().report
    assert again.metadata == {**known, "commit_id": None, "author": "recorded"}
    with pytest.raises(InvalidInputError, match="the recorded version of the template is 'soon'"):
        MODSPipelineDAGCompiler(config(), metadata={**known, "version": "soon"}).compile_definition()


def test_public_names_are_documented() -> None:
    owners = [getattr(mods_plugin, name) for name in mods_plugin.__all__]
    members = [
        value
        for owner in [*owners, Registry]
        if isinstance(owner, type)
        for name, value in vars(owner).items()
        if not name.startswith("_") and callable(value)
    ]
    assert [item for item in [*owners, *members] if not item.__doc__] == []


@pytest.mark.parametrize(
    "name",
    sorted({*mods_plugin.__all__, "registry.Registry"} - {"MODSTemplateInner"}),  # an interface
)
def test_public_names_have_examples_that_run(name: str) -> None:
    value = attrgetter(name)(mods_plugin)
    output: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    found = doctest.DocTestFinder(recurse=False).find(
        value, name, globs=dict(vars(import_module(value.__module__)))
    )
    for example in found:
        runner.run(example, out=output.append)
    assert not output, "".join(output)
    assert runner.tries > 0


def test_the_class_has_the_metadata_as_attributes_and_methods() -> None:
    decorated: Any = MODSPipelineDAGCompiler(config()).create_decorated_class()
    expected = {**STATED, **CODE, "module": "dagcast.template", "name": "DynamicPipelineTemplate"}
    assert {field: getattr(decorated, field) for field in expected} == expected
    answers = {
        field: getattr(decorated, f"extract_{'gitfarm_' if field == 'package_name' else ''}{field}")()
        for field in expected
    }
    assert answers == expected
