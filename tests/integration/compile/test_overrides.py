"""Subclasses of the compiler: each method that they override is used by every method that compiles."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest

from dagcast import DynamicPipelineTemplate, PipelineDAGCompiler
from dagcast.plugin import hookimpl
from dagcast.plugins.plugin_set import PluginSet

CONFIG = {
    "pipeline": {"name": "demo", "author": "config", "bucket": "my-bucket"},
    "steps": {
        "train": {
            "type": "Training",
            "image_uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1",
            "instance_type": "ml.m5.xlarge",
        }
    },
}
ROLE = "arn:aws:iam::123456789012:role/Override"


class Author:
    """Takes the author from the config, and puts it into the class and the pipeline."""

    name = "author"

    def __init__(self) -> None:
        self.asked = 0

    @hookimpl
    def extract_metadata(self, config: Any, explicit: Any) -> dict[str, Any]:
        self.asked += 1
        return {"author": explicit.get("author", config.pipeline.author)}

    @hookimpl
    def decorate_template_class(self, template_class: Any, metadata: Any) -> type:
        class Wrapped(template_class):
            author = metadata["author"]

        return Wrapped

    @hookimpl
    def transform_spec(self, spec: Any, metadata: Any) -> Any:
        from dataclasses import replace

        return replace(spec, description=metadata["author"])


class WithClass(PipelineDAGCompiler):
    def create_decorated_class(self, dag: Any = None, **metadata: Any) -> Any:
        return super().create_decorated_class(dag, **{**metadata, "author": "override"})


class WithParams(PipelineDAGCompiler):
    def create_template_params(self, dag: Any = None, **template_kwargs: Any) -> dict[str, Any]:
        return {**super().create_template_params(dag, **template_kwargs), "execution_role": ROLE}


class WithTemplate(PipelineDAGCompiler):
    made: Any = None

    def create_template(self, dag: Any = None, **template_kwargs: Any) -> Any:
        self.made = super().create_template(dag, **{**template_kwargs, "execution_role": ROLE})
        return self.made


class WithBaseConfig(PipelineDAGCompiler):
    def _get_base_config(self) -> Any:
        return super()._get_base_config().model_copy(update={"author": "override", "role": ROLE})


def report_of_definition(compiler: PipelineDAGCompiler) -> Any:
    return compiler.compile_definition().report


def report_of_pipeline(compiler: PipelineDAGCompiler) -> Any:
    if find_spec("sagemaker") is None:
        pytest.skip("the SDK is not installed")
    pipeline, report = compiler.compile_with_report()
    assert f'"RoleArn": "{report.spec.steps[0].arguments["RoleArn"]}"' in pipeline.definition()
    compiled: Any = compiler.compile()
    assert compiled.definition() == pipeline.definition()
    return report


REPORTS = [report_of_definition, report_of_pipeline]


@pytest.mark.parametrize("report_of", REPORTS)
def test_create_decorated_class(report_of: Callable[[Any], Any]) -> None:
    plugin = Author()
    report = report_of(WithClass(CONFIG, role=ROLE, plugins=[plugin]))
    assert report.metadata == {"author": "override"}
    assert report.metadata_sources == {"author": "argument"}
    assert report.spec.description == "override"


@pytest.mark.parametrize("report_of", REPORTS)
def test_create_template_params(report_of: Callable[[Any], Any]) -> None:
    compiler = WithParams(CONFIG, plugins=[Author()])
    assert compiler.create_template().execution_role == ROLE
    assert report_of(compiler).spec.steps[0].arguments["RoleArn"] == ROLE
    assert compiler.validate().is_valid


@pytest.mark.parametrize("report_of", REPORTS)
def test_create_template(report_of: Callable[[Any], Any]) -> None:
    compiler = WithTemplate(CONFIG, plugins=[Author()])
    assert report_of(compiler).spec.steps[0].arguments["RoleArn"] == ROLE
    compiler.made = None
    assert compiler.validate().is_valid
    assert compiler.made is not None


@pytest.mark.parametrize("report_of", REPORTS)
def test_get_base_config(report_of: Callable[[Any], Any]) -> None:
    compiler = WithBaseConfig(CONFIG, plugins=[Author()])
    assert compiler.create_decorated_class().author == "override"  # type: ignore[attr-defined]
    report = report_of(compiler)
    assert report.metadata == {"author": "override"}
    assert report.spec.steps[0].arguments["RoleArn"] == ROLE
    assert compiler.validate().is_valid


def test_without_the_overrides_the_config_is_incomplete() -> None:
    found = PipelineDAGCompiler(CONFIG, plugins=[Author()]).validate()
    assert any("role" in item.message for item in found.errors)


def test_a_class_of_ones_own() -> None:
    class Own(DynamicPipelineTemplate):
        pass

    class Compiler(PipelineDAGCompiler):
        def create_decorated_class(self, dag: Any = None, **metadata: Any) -> Any:
            return Own

    compiler = Compiler(CONFIG, role=ROLE, plugins=[Author()])
    assert type(compiler.create_template()) is Own
    assert compiler.compile_definition().report.metadata == {"author": "config"}


def test_a_class_that_was_decorated_with_other_metadata_reports_those() -> None:
    plugin = Author()
    decorated = PipelineDAGCompiler(CONFIG, plugins=[plugin]).create_decorated_class(author="first")

    class Compiler(PipelineDAGCompiler):
        def create_decorated_class(self, dag: Any = None, **metadata: Any) -> Any:
            return decorated

    report = Compiler(CONFIG, role=ROLE, plugins=[plugin]).compile_definition().report
    assert report.metadata == {"author": "first"}
    assert report.spec.description == "first"
    assert "author" not in report.metadata_sources
    assert [change.path for change in report.changes] == [("pipeline", "description")]


def test_a_class_that_is_decorated_again_reports_the_last() -> None:
    plugin = Author()
    first = PipelineDAGCompiler(CONFIG, plugins=[plugin]).create_decorated_class(author="first")

    class Again(PipelineDAGCompiler):
        template_class = first

    compiler = Again(CONFIG, role=ROLE, plugins=[plugin], metadata={"author": "second"})
    again: Any = compiler.create_decorated_class()
    assert (again.author, again.decorated_metadata) == ("second", {"author": "second"})
    assert compiler.compile_definition().report.metadata == {"author": "second"}
    assert first.author == "first"  # type: ignore[attr-defined]


def test_hooks_are_called_once_for_each_template() -> None:
    plugin = Author()
    PipelineDAGCompiler(CONFIG, role=ROLE, plugins=[plugin]).compile_definition()
    assert plugin.asked == 1
    PipelineDAGCompiler(CONFIG, role=ROLE, plugins=[plugin]).validate()
    assert plugin.asked == 2


def test_selected_plugins_cannot_be_left_out_by_an_argument() -> None:
    class Compiler(PipelineDAGCompiler):
        def create_template_params(self, dag: Any = None, **template_kwargs: Any) -> dict[str, Any]:
            return {**super().create_template_params(dag, **template_kwargs), "plugins": PluginSet()}

    for call in (
        lambda: Compiler(CONFIG, role=ROLE, plugins=[Author()]).compile_definition(),
        lambda: PipelineDAGCompiler(CONFIG, role=ROLE, plugins=[Author()]).compile_definition(
            plugins=PluginSet()
        ),
    ):
        with pytest.raises(TypeError, match="other plugins than the selected ones"):
            call()


@pytest.mark.parametrize("plugins", [[], [Author()]])
@pytest.mark.parametrize("call", ["compile", "compile_with_report", "compile_definition", "create_template"])
def test_a_keyword_that_no_one_takes_is_the_callers(call: str, plugins: list[Any]) -> None:
    compiler = PipelineDAGCompiler(CONFIG, role=ROLE, plugins=plugins)
    with pytest.raises(TypeError, match="unexpected keyword argument 'athor'") as caught:
        getattr(compiler, call)(None, athor="me")
    if plugins:
        assert "did you mean metadata={'author': ...}?" in str(caught.value)
    with pytest.raises(TypeError, match="'excution_role': did you mean 'execution_role'"):
        getattr(compiler, call)(None, excution_role=ROLE)


def test_the_base_config_must_be_one() -> None:
    class Compiler(PipelineDAGCompiler):
        def _get_base_config(self) -> Any:
            return {"name": "demo"}

    with pytest.raises(TypeError, match=r"_get_base_config\(\) returned .* expected a BasePipelineConfig"):
        Compiler(CONFIG, plugins=[]).compile_definition()
