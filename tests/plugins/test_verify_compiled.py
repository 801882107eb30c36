"""What is emitted is what is explained: a plugin that changes one without the other is named."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.errors import PluginError
from dagcast.plugin import compile_verified, hookimpl, put

ROLE = "arn:aws:iam::123456789012:role/Role"
CONFIG = {
    "pipeline": {"name": "demo", "role": ROLE, "bucket": "my-bucket"},
    "parameters": {"Rate": {"type": "Float", "default": 0.5}},
    "steps": {
        "train": {
            "type": "Training",
            "image_uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1",
            "instance_type": "ml.m5.xlarge",
        },
        "stop": {"type": "Fail", "error_message": "enough"},
    },
}
PLAIN = PipelineDAGCompiler(CONFIG, plugins=[]).compile_definition()
needs_sdk = pytest.mark.skipif(find_spec("sagemaker") is None, reason="the SDK is not installed")


class Plugin:
    """Decorates the template class."""

    name = "alpha"

    def __init__(self, decorate: Callable[[Any], type]) -> None:
        self.decorate = decorate

    @hookimpl
    def decorate_template_class(self, template_class: Any) -> type:
        return self.decorate(template_class)


class Rules:
    """The rules of a company, which must not vanish."""

    name = "rules"

    @hookimpl
    def check_spec(self, spec: Any) -> list[Any]:
        return []


class Compiled:
    """Receives the pipeline when it is compiled."""

    name = "compiled"

    def __init__(self, receive: Callable[[Any, Any], Any]) -> None:
        self.receive = receive

    @hookimpl
    def pipeline_compiled(self, pipeline: Any, report: Any) -> None:
        self.receive(pipeline, report)


def compiler(*plugins: Any) -> PipelineDAGCompiler:
    return PipelineDAGCompiler(CONFIG, plugins=plugins)


def after_init(change: Callable[[Any], None]) -> Plugin:
    def decorate(template_class: Any) -> type:
        class Wrapped(template_class):
            def __init__(self, **arguments: Any) -> None:
                super().__init__(**arguments)
                change(self)

        return Wrapped

    return Plugin(decorate)


def overriding(**methods: Any) -> Plugin:
    """A plugin whose class has these methods. Each receives the instance and the overridden method's result."""

    def decorate(template_class: Any) -> type:
        def method(name: str, change: Any) -> Any:
            def changed(self: Any, *arguments: Any) -> Any:
                return change(self, getattr(super(Wrapped, self), name)(*arguments))

            return changed

        class Wrapped(template_class):
            pass

        for name, change in methods.items():
            setattr(Wrapped, name, method(name, change))
        return Wrapped

    return Plugin(decorate)


# Instances


def without_plugins(template: Any) -> None:
    template.plugins = dataclasses.replace(template.plugins, plugins=())


def another_config(template: Any) -> None:
    template.config = dataclasses.replace(template.config)


def another_dag(template: Any) -> None:
    template.dag = copy.copy(template.dag)


CHANGES = pytest.mark.parametrize(
    ("argument", "change", "remedy"),
    [
        ("dag", lambda template: setattr(template, "dag", None), "transform_spec"),
        ("dag", another_dag, "transform_spec"),
        ("config", another_config, "transform_spec"),
        ("plugins", without_plugins, "selection"),
        (
            "sagemaker_session",
            lambda template: setattr(template, "sagemaker_session", 1),
            "build_template_params",
        ),
        (
            "execution_role",
            lambda template: setattr(template, "execution_role", ROLE),
            "build_template_params",
        ),
        ("metadata", lambda template: setattr(template, "metadata", None), "extract_metadata"),
    ],
)


@CHANGES
def test_an_instance_that_holds_something_else_is_refused(argument: str, change: Any, remedy: str) -> None:
    for call in ("create_template", "compile_definition", "validate", "compile_with_report"):
        with pytest.raises(PluginError) as caught:
            getattr(compiler(after_init(change), Rules()), call)()
        assert (caught.value.plugin, caught.value.hook) == ("alpha", "decorate_template_class")
        assert f"does not hold its constructor arguments: {argument} is another" in caught.value.problem
        assert remedy in caught.value.remedy


def before_compile(
    change: Callable[[Any], Any], restore: Callable[[Any], Any] = lambda template: None
) -> Plugin:
    def decorate(template_class: Any) -> type:
        class Wrapped(template_class):
            def compile_into(self, sink: Any) -> Any:
                change(self)
                try:
                    return super().compile_into(sink)
                finally:
                    restore(self)

        return Wrapped

    return Plugin(decorate)


@CHANGES
def test_an_instance_that_is_changed_later_is_refused(argument: str, change: Any, remedy: str) -> None:
    kept: dict[str, Any] = {}

    def remember(template: Any) -> None:
        kept.update({argument: getattr(template, argument)})
        change(template)

    for plugin in (
        before_compile(change),
        before_compile(remember, lambda template: setattr(template, argument, kept[argument])),
    ):
        for call in ("compile_definition", "validate", "compile_with_report"):
            with pytest.raises(PluginError) as caught:
                getattr(compiler(plugin, Rules()), call)()
            assert (caught.value.plugin, caught.value.hook) == ("alpha", "decorate_template_class")
            assert f"does not hold its constructor arguments: {argument} is another" in caught.value.problem
            assert remedy in caught.value.remedy


@pytest.mark.parametrize("when", [after_init, before_compile])
def test_a_dag_that_is_changed_in_place_is_refused(when: Any) -> None:
    plugin = when(lambda template: template.dag.add_edge("train -> stop"))
    for call in ("compile_definition", "validate", "compile_with_report"):
        with pytest.raises(PluginError, match="changes the DAG that the compiler gave to it") as caught:
            getattr(compiler(plugin, Rules()), call)()
        assert caught.value.plugin == "alpha"
        assert "transform_spec" in caught.value.remedy
    # A node that is there already changes nothing.
    unchanged = when(lambda template: template.dag.add_node("train"))
    assert compiler(unchanged).compile_definition().definition == PLAIN.definition


def test_an_attribute_that_changes_while_it_is_read_is_refused() -> None:
    def decorate(template_class: Any) -> type:
        class Wrapped(template_class):
            reads = 0

            @property
            def execution_role(self) -> str | None:
                self.reads += 1
                return None if self.reads < 2 else ROLE

            @execution_role.setter
            def execution_role(self, role: str | None) -> None:
                pass

        return Wrapped

    with pytest.raises(PluginError, match="execution_role is another"):
        compiler(Plugin(decorate)).compile_definition()


def test_the_remedy_for_a_role_works() -> None:
    class Role:
        name = "role"

        @hookimpl
        def build_template_params(self) -> dict[str, Any]:
            return {"execution_role": ROLE.replace("Role", "Other")}

    report = compiler(Role()).compile_definition().report
    assert [(change.plugin, change.path) for change in report.changes] == [
        ("role", ("arguments", "execution_role"))
    ]


# Compilations


def other_machine(done: Any) -> Any:
    place = ("ResourceConfig", "InstanceType")
    steps = tuple(
        put(step, place, "ml.p4d.24xlarge") if step.name == "train" else step for step in done.spec.steps
    )
    return dataclasses.replace(done.spec, steps=steps)


def spec_and_text(self: Any, done: Any) -> Any:
    text = done.definition.replace("ml.m5.xlarge", "ml.p4d.24xlarge")
    return dataclasses.replace(done, spec=other_machine(done), definition=text)


def everything(self: Any, done: Any) -> Any:
    """A consistent lie: the spec, the text and the report agree with each other."""
    spec, text = other_machine(done), done.definition.replace("ml.m5.xlarge", "ml.p4d.24xlarge")
    digest = hashlib.sha256(text.encode()).hexdigest()
    report = dataclasses.replace(done.report, spec=spec, digest=digest)
    return dataclasses.replace(done, spec=spec, definition=text, report=report)


def text_only(self: Any, done: Any) -> Any:
    return dataclasses.replace(done, definition=done.definition.replace("ml.m5.xlarge", "ml.p4d.24xlarge"))


def fewer_plugins(self: Any, done: Any) -> Any:
    report = dataclasses.replace(done.report, plugins=done.report.plugins[:1])
    return dataclasses.replace(done, report=report)


def another_digest(self: Any, done: Any) -> Any:
    return dataclasses.replace(done, report=dataclasses.replace(done.report, digest="0" * 64))


def mutated(self: Any, done: Any) -> Any:
    dict.__setitem__(done.spec.by_name["stop"].arguments, "ErrorMessage", "other")
    return done


CHANGES = {
    "spec and text": (spec_and_text, "Steps.train.Arguments.ResourceConfig.InstanceType"),
    "everything": (everything, "Steps.train.Arguments.ResourceConfig.InstanceType"),
    "text": (text_only, "writes another definition"),
    "plugins": (fewer_plugins, "changes the report of the compile: plugins"),
    "digest": (another_digest, "whose digest is not that of the report"),
    "frozen data": (mutated, "writes another definition"),
    "nothing": (lambda self, done: None, "expected a Compilation"),
}


@pytest.mark.parametrize("method", ["compile_into", "generate_definition"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_compilation_that_is_changed_is_refused(name: str, method: str) -> None:
    change, problem = CHANGES[name]
    ours = compiler(overriding(**{method: change}), Rules())
    with pytest.raises(PluginError) as caught:
        ours.compile_definition()
    assert (caught.value.plugin, caught.value.hook) == ("alpha", "decorate_template_class")
    assert problem in caught.value.problem
    assert "transform_spec" in caught.value.remedy or name == "nothing"
    if method == "compile_into":
        with pytest.raises(PluginError):
            ours.validate()
        with pytest.raises(PluginError):
            compile_verified(ours.create_template())


def test_a_text_of_another_type_is_refused() -> None:
    class Text(str):
        def encode(self, *arguments: Any) -> bytes:
            return b"{}"

    plugin = overriding(
        generate_definition=lambda self, done: dataclasses.replace(done, definition=Text(done.definition))
    )
    with pytest.raises(PluginError, match="writes another definition"):
        compiler(plugin).compile_definition()


def test_a_compilation_of_another_dag_is_refused() -> None:
    other = PipelineDAGCompiler(CONFIG, plugins=[]).create_template()

    def decorate(template_class: Any) -> type:
        class Wrapped(template_class):
            def compile_into(self, sink: Any) -> Any:
                return other.compile_into(sink)

        return Wrapped

    with pytest.raises(PluginError, match=r"compile_into does not call super\(\)"):
        compiler(Plugin(decorate)).compile_definition()


def test_a_plugin_cannot_leave_out_others_while_it_compiles() -> None:
    def decorate(template_class: Any) -> type:
        class Wrapped(template_class):
            def compile_into(self, sink: Any) -> Any:
                self.plugins = dataclasses.replace(self.plugins, plugins=())
                return super().compile_into(sink)

        return Wrapped

    with pytest.raises(PluginError, match="arguments: plugins is another"):
        compiler(Plugin(decorate), Rules()).compile_definition()


def test_a_class_that_only_watches_is_accepted() -> None:
    watched: list[str] = []

    def watch(self: Any, done: Any) -> Any:
        watched.append(done.report.pipeline)
        return dataclasses.replace(done)

    done = compiler(overriding(compile_into=watch, generate_definition=watch)).compile_definition()
    assert done.definition == PLAIN.definition
    assert watched == ["demo", "demo"]


@pytest.mark.parametrize("method", ["compile_into", "generate_definition"])
def test_an_error_of_a_method_names_the_plugin(method: str) -> None:
    def failing(self: Any, done: Any) -> Any:
        raise LookupError("no owner")

    with pytest.raises(PluginError, match="a method of its template class raised LookupError: no owner"):
        compiler(overriding(**{method: failing})).compile_definition()


# The SDK's pipeline


def drop_step(pipeline: Any) -> Any:
    pipeline.steps.pop()
    return pipeline


def rename_step(pipeline: Any) -> Any:
    pipeline.steps[0].name = "fit"
    return pipeline


def drop_parameter(pipeline: Any) -> Any:
    pipeline.parameters.clear()
    return pipeline


def rename(pipeline: Any) -> Any:
    pipeline.name = "other"
    return pipeline


def replace_method(pipeline: Any) -> Any:
    pipeline.definition = lambda: "{}"
    return pipeline


def other_role(pipeline: Any) -> Any:
    pipeline._role = "arn:aws:iam::123456789012:role/Other"
    return pipeline


def other_session(pipeline: Any) -> Any:
    pipeline.sagemaker_session = object()
    return pipeline


def break_steps(pipeline: Any) -> Any:
    pipeline.parameters.append(None)
    return pipeline


def other_spec(pipeline: Any) -> Any:
    pipeline.spec = dataclasses.replace(pipeline.spec, description="other")
    return pipeline


def other_type_of_step(pipeline: Any) -> Any:
    step = pipeline.steps[0]

    class Step(type(step)):  # type: ignore[misc]
        asked = 0

        def definition_request(self) -> Any:
            self.asked += 1
            found = super().definition_request()
            return found if self.asked < 2 else {**found, "Arguments": {}}

    step.__class__ = Step
    return pipeline


def other_method_of_step(pipeline: Any) -> Any:
    step = pipeline.steps[0]
    asked = []
    original = step.definition_request
    step.definition_request = lambda: asked.append(1) or (original() if len(asked) < 2 else {})
    return pipeline


PIPELINES = {
    "replaces the type of a step": (other_type_of_step, "types of steps"),
    "replaces a method of a step": (other_method_of_step, "types of steps"),
    "drops a step": (drop_step, "definition"),
    "renames a step": (rename_step, "definition"),
    "drops parameters": (drop_parameter, "Parameters.Rate"),
    "renames the pipeline": (rename, "name"),
    "replaces a method": (replace_method, "methods"),
    "sets a role": (other_role, "role"),
    "sets a session": (other_session, "session"),
    "adds nonsense": (break_steps, "definition"),
    "sets tags and description": (other_spec, "spec"),
}


@needs_sdk
@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_that_is_changed_is_refused(name: str) -> None:
    change, what = PIPELINES[name]
    generating = overriding(generate_pipeline=lambda self, made: change(made))
    receiving = Compiled(lambda pipeline, report: change(pipeline) and None if pipeline is not None else None)
    for plugin, hook in ((generating, "decorate_template_class"), (receiving, "pipeline_compiled")):
        for call in ("compile", "compile_with_report"):
            with pytest.raises(PluginError) as caught:
                getattr(compiler(Rules(), plugin), call)()
            assert (caught.value.plugin, caught.value.hook) == (plugin.name, hook)
            assert "changes the compiled pipeline" in caught.value.problem
            assert what in caught.value.problem
            assert "transform_spec" in caught.value.remedy


@needs_sdk
@pytest.mark.parametrize("made", [None, "text", {"Steps": []}, object()])
def test_another_object_for_a_pipeline_is_refused(made: Any) -> None:
    with pytest.raises(
        PluginError, match="generate_pipeline of its template class changes the compiled pipeline: type"
    ):
        compiler(overriding(generate_pipeline=lambda self, _: made)).compile()


@needs_sdk
def test_reading_a_pipeline_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    read: list[Any] = []

    def receive(pipeline: Any, report: Any) -> None:
        read.append(json.loads(pipeline.definition())["Steps"][0]["Name"])
        read.append(pipeline.sagemaker_session is not None)

    pipeline = compiler(overriding(generate_pipeline=lambda self, made: made), Compiled(receive)).compile()
    assert read == ["train", True]
    assert pipeline.definition() == PLAIN.definition


@needs_sdk
def test_an_error_of_generate_pipeline_names_the_plugin() -> None:
    def failing(self: Any, made: Any) -> Any:
        raise LookupError("no owner")

    with pytest.raises(PluginError, match="a method of its template class raised LookupError: no owner"):
        compiler(overriding(generate_pipeline=failing)).compile()


def test_a_report_that_is_changed_names_the_plugin() -> None:
    def forge(pipeline: Any, report: Any) -> None:
        object.__setattr__(report, "digest", "0" * 64)

    def mutate(pipeline: Any, report: Any) -> None:
        dict.__setitem__(report.spec.by_name["stop"].arguments, "ErrorMessage", "other")

    for receive, what in ((forge, "report.digest"), (mutate, "report.spec")):
        with pytest.raises(PluginError, match=f"it changes the compiled pipeline: {what}") as caught:
            compiler(Compiled(receive), Rules()).compile_definition()
        assert (caught.value.plugin, caught.value.hook) == ("compiled", "pipeline_compiled")


class EndsAllError(BaseException):
    """What a plugin may raise to pass by every handler of exceptions."""


@pytest.mark.parametrize("error", [SystemExit(0), GeneratorExit(), EndsAllError("now")])
def test_an_exit_in_a_method_of_a_decorated_class_names_the_plugin(error: BaseException) -> None:
    def leave(self: Any, sink: Any) -> Any:
        raise error

    def decorate(template_class: Any) -> type:
        return type("Leaving", (template_class,), {"compile_into": leave})

    made = PipelineDAGCompiler(CONFIG, plugins=[Plugin(decorate)])
    for call in (made.compile_definition, made.validate):
        with pytest.raises(
            PluginError, match=f"a method of its template class raised {type(error).__name__}"
        ):
            call()
