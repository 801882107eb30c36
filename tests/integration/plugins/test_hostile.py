"""Plugins that give what no type allows, raise what nobody catches, or cannot even be looked at."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, model_validator

from dagcast.errors import InvalidInputError, PluginError
from dagcast.plugin import (
    Diagnostic,
    FrozenDict,
    Join,
    Location,
    ParameterRef,
    ParameterSpec,
    PipelineSpec,
    PropertyShape,
    RequestShape,
    StepConfig,
    StepSpec,
    StepType,
    hookimpl,
    put,
)
from tests.integration.plugins.conftest import Site
from tests.support.distributions import run
from tests.support.hooks import COMPILED

CALLED = tuple(hook for hook in COMPILED if hook != "options_model")


def made(hook: str, function: Callable[..., Any], name: Any = "alpha") -> Any:
    """A plugin object that implements one hook; what the function takes is what the hook gives."""
    return type("Made", (), {"name": name, hook: staticmethod(hookimpl(function))})()


def refusal(site: Site, plugin: Any) -> PluginError:
    with pytest.raises(PluginError) as caught:
        site.compile(plugin)
    error = caught.value
    assert error.plugin == "alpha"
    assert error.remedy
    assert len(str(error)) < 1_500
    assert "\n" not in str(error)
    return error


# Invalid pipelines


def on_spec(**changes: Any) -> Any:
    return made("transform_spec", lambda spec: replace(spec, **changes))


def on_step(**changes: Any) -> Any:
    def transform_spec(spec: PipelineSpec) -> PipelineSpec:
        first, *rest = spec.steps
        return replace(spec, steps=(replace(first, **changes), *rest))

    return made("transform_spec", transform_spec)


class Text(str):
    """A text that answers for itself."""

    __slots__ = ()


class Raising(dict[str, Any]):
    """A mapping that cannot be walked."""

    def items(self) -> Any:
        raise RuntimeError("no items")


class AnotherSpec(PipelineSpec):
    """A pipeline that could answer differently each time."""


class AnotherStep(StepSpec):
    """A step that could answer differently each time."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "a\nb"),
        ("name", "a" * 257),
        *((name, 5) for name in ("description", "version", "region", "role", "definition_bucket")),
        ("definition_prefix", object()),
        ("parallelism", 0),
        ("parallelism", True),
        ("parallelism", "4"),
        ("experiment", {"ExperimentName": math.nan}),
        ("experiment", {"ExperimentName": object()}),
        ("experiment", {5: "x"}),
        ("experiment", Raising(ExperimentName="x")),
        ("tags", (("team", "a"), ("team", "b"))),
        ("staged", (5,)),
    ],
)
def test_a_field_of_the_pipeline_that_is_of_no_use_is_refused(site: Site, name: str, value: Any) -> None:
    error = refusal(site, on_spec(**{name: value}))
    assert error.hook == "transform_spec"
    assert name in error.problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("display_name", 5),
        ("display_name", Text("x")),
        ("description", object()),
        ("step_type", 5),
        ("step_type", ["Processing"]),
        ("definition_type", None),
        ("definition_type", ""),
        ("properties", None),
        ("properties", PropertyShape(shapes=(5,))),  # type: ignore[arg-type]
        ("shapes", None),
        ("shapes", ("CreateProcessingJobRequest",)),
        ("shapes", (RequestShape(5),)),  # type: ignore[arg-type]
        ("if_steps", None),
        ("fields", {"Name": "another"}),
        ("fields", {"Arguments": {}}),
        ("fields", {5: "x"}),
        ("arguments", {"Environment": {5: "x"}}),
        ("arguments", {"Environment": math.inf}),
        ("arguments", {"Environment": b"x"}),
        ("arguments", Raising(Environment={})),
        ("arguments", {"Environment": Raising()}),
    ],
)
def test_a_field_of_a_step_that_is_of_no_use_is_refused(site: Site, name: str, value: Any) -> None:
    error = refusal(site, on_step(**{name: value}))
    assert error.hook == "transform_spec"
    assert f"step 'prepare' has {name}=" in error.problem or f"the {name} of step 'prepare'" in error.problem


def test_arguments_that_are_nested_without_end_are_refused(site: Site) -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    assert "the arguments of step 'prepare'" in refusal(site, on_step(arguments=endless)).problem


def test_classes_derived_from_the_spec_are_refused(site: Site) -> None:
    def as_another(kind: type, value: Any) -> Any:
        return kind(**{field.name: getattr(value, field.name) for field in fields(value)})

    error = refusal(site, made("transform_spec", lambda spec: as_another(AnotherSpec, spec)))
    assert "expected a PipelineSpec" in error.problem
    error = refusal(
        site,
        made(
            "transform_spec",
            lambda spec: replace(spec, steps=(as_another(AnotherStep, spec.steps[0]), *spec.steps[1:])),
        ),
    )
    assert "give a tuple of StepSpec" in error.remedy


def test_what_a_plugin_keeps_of_its_pipeline_changes_nothing_later(site: Site) -> None:
    kept: dict[str, str] = {"LEVEL": "low"}

    def transform_spec(spec: PipelineSpec) -> PipelineSpec:
        first, *rest = spec.steps
        # A frozen mapping around what is not frozen.
        arguments = FrozenDict({**first.arguments, "Environment": kept})
        return replace(spec, steps=(replace(first, arguments=arguments), *rest))

    def check_spec(spec: PipelineSpec) -> list[Diagnostic]:
        kept["LEVEL"] = "high"
        return []

    plugin = type(
        "Made",
        (),
        {
            "name": "alpha",
            "transform_spec": staticmethod(hookimpl(transform_spec)),
            "check_spec": staticmethod(hookimpl(check_spec)),
        },
    )()
    compilation = site.compile(plugin)
    assert '"LEVEL": "low"' in compilation.definition
    assert kept == {"LEVEL": "high"}
    assert compilation.report.changes[0].new == {"LEVEL": "low"}


class OddReference(ParameterRef):
    """A reference of somebody's own, which nobody can emit."""


@pytest.mark.parametrize(
    "value",
    [
        OddReference("Machine"),
        ParameterRef(5),  # type: ignore[arg-type]
        Join("/", ("s3:/", 5)),  # type: ignore[arg-type]
        Join("/", ["s3:/"]),  # type: ignore[arg-type]
        Join("/", (Join("-", (OddReference("Machine"),)),)),
        {"a": [OddReference("Machine")]},
    ],
)
def test_a_reference_of_no_use_is_refused(site: Site, value: Any) -> None:
    def transform_spec(spec: PipelineSpec) -> PipelineSpec:
        first, *rest = spec.steps
        return replace(spec, steps=(put(first, "Environment", {"DATA": value}), *rest))

    error = refusal(site, made("transform_spec", transform_spec))
    assert "the arguments of step 'prepare' are not JSON data and references" in error.problem


# Invalid diagnostics, parameters and step types


@pytest.mark.parametrize(
    "diagnostic",
    [
        Diagnostic(5, code="acme.late"),  # type: ignore[arg-type]
        Diagnostic("x", code="acme.late", hint=object()),  # type: ignore[arg-type]
        Diagnostic("x", code=None),  # type: ignore[arg-type]
        Diagnostic("x", location="pipeline.yaml", code="acme.late"),  # type: ignore[arg-type]
        Diagnostic("x", severity=["error"], code="acme.late"),  # type: ignore[arg-type]
    ],
)
def test_a_diagnostic_of_no_use_is_refused_however_it_is_given(site: Site, diagnostic: Diagnostic) -> None:
    def raising() -> Any:
        raise InvalidInputError([diagnostic])

    for function in (lambda: [diagnostic], raising):
        error = refusal(site, made("check_spec", function))
        assert "a diagnostic" in error.problem


def test_a_text_in_place_of_a_diagnostic_is_refused_however_it_is_given(site: Site) -> None:
    def raising() -> Any:
        raise InvalidInputError(["the author is missing"])  # type: ignore[list-item]

    for hook in ("extract_metadata", "transform_spec", "check_spec"):
        error = refusal(site, made(hook, raising))
        assert "it gives 'the author is missing' as a diagnostic" in error.problem


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_parameter_that_is_not_a_number_is_refused(site: Site, value: float) -> None:
    parameter = ParameterSpec("Rate", "Float", value)
    error = refusal(site, made("pipeline_parameters", lambda: [parameter]))
    assert "is not a finite number" in error.problem
    error = refusal(
        site,
        made("transform_spec", lambda spec: replace(spec, parameters=(*spec.parameters, parameter))),
    )
    assert "is not a finite number" in error.problem


@pytest.mark.parametrize(("name", "lower"), [(5, print), ("A\nB", print), ("", print), ("Note", None)])
def test_a_step_type_of_no_use_is_refused(site: Site, name: Any, lower: Any) -> None:
    given = StepType(name=name, definition_type="Fail", about="", config=StepConfig, lower=lower)
    error = refusal(site, made("register_step_types", lambda: [given]))
    assert "step type" in error.problem


def test_an_argument_of_a_strange_name_is_blamed_on_the_plugin(site: Site) -> None:
    error = refusal(site, made("build_template_params", lambda: {"a\nb": 1}))
    assert "which the template's constructor does not accept" in error.problem


# What it raises, and what cannot be shown


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("it has no text")

    __repr__ = __str__


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("it has no text")


def _no_class(_: object) -> Any:
    raise RuntimeError("it has no class")


class Classless:
    """An object that cannot be asked what it is."""

    __class__ = property(_no_class)  # type: ignore[assignment]


class ClasslessError(Exception):
    """An error that cannot be asked what it is."""

    __class__ = property(_no_class)  # type: ignore[assignment]


def raising(error: BaseException) -> Callable[[], Any]:
    def function() -> Any:
        raise error

    return function


@pytest.mark.parametrize("hook", CALLED)
@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (GeneratorExit(), "it raised GeneratorExit"),
        (StopIteration(), "it raised StopIteration"),
        (RecursionError("too deep"), "it raised RecursionError: too deep"),
        (ValueError("one\ntwo\n  three"), "it raised ValueError: one two three"),
        (UnspeakableError(), "it raised UnspeakableError: <UnspeakableError whose text is unavailable"),
        (ValueError("x" * 5_000_000), "(5,000,000 characters)"),
        (ClasslessError("no class"), "it raised ClasslessError: no class"),
    ],
    ids=["GeneratorExit", "StopIteration", "RecursionError", "lines", "unspeakable", "huge", "classless"],
)
def test_whatever_a_hook_raises_is_reported_in_a_line(
    site: Site, hook: str, raised: BaseException, told: str
) -> None:
    error = refusal(site, made(hook, raising(raised)))
    assert error.hook == hook
    assert told in error.problem
    assert error.__cause__ is raised


@pytest.mark.parametrize("hook", COMPILED)
@pytest.mark.parametrize("result", [Unshowable(), ["x" * 5_000_000], {Unshowable(): 1}])
def test_a_result_that_cannot_be_shown_or_fills_the_screen_is_reported_in_a_line(
    site: Site, hook: str, result: Any
) -> None:
    assert refusal(site, made(hook, lambda: result)).hook == hook


@pytest.mark.parametrize("hook", COMPILED)
@pytest.mark.parametrize("result", [Classless, lambda: [Classless()], lambda: {Classless(): 1}])
def test_a_result_that_cannot_be_asked_what_it_is_is_reported_in_a_line(
    site: Site, hook: str, result: Callable[[], Any]
) -> None:
    assert refusal(site, made(hook, lambda: result())).hook == hook


@pytest.mark.parametrize("name", [field.name for field in fields(PipelineSpec) if field.name != "origins"])
def test_a_field_of_the_pipeline_that_cannot_be_asked_what_it_is_is_refused(site: Site, name: str) -> None:
    assert name in refusal(site, on_spec(**{name: Classless()})).problem


@pytest.mark.parametrize("name", [field.name for field in fields(StepSpec) if field.name != "origins"])
def test_a_field_of_a_step_that_cannot_be_asked_what_it_is_is_refused(site: Site, name: str) -> None:
    assert refusal(site, on_step(**{name: Classless()})).hook == "transform_spec"


@pytest.mark.parametrize("name", [field.name for field in fields(ParameterSpec)])
def test_a_field_of_a_parameter_that_cannot_be_asked_what_it_is_is_refused(site: Site, name: str) -> None:
    parameter = replace(ParameterSpec("Limit", "String"), **{name: Classless()})
    assert refusal(site, made("pipeline_parameters", lambda: [parameter])).hook == "pipeline_parameters"


@pytest.mark.parametrize("name", [field.name for field in fields(Diagnostic)])
def test_a_field_of_a_diagnostic_that_cannot_be_asked_what_it_is_is_refused(site: Site, name: str) -> None:
    diagnostic = replace(Diagnostic("Too large", code="acme.late"), **{name: Classless()})
    assert refusal(site, made("check_spec", lambda: [diagnostic])).hook == "check_spec"


def test_a_role_that_is_not_text_is_refused(site: Site) -> None:
    for role in (5, Classless()):
        error = refusal(site, made("build_template_params", lambda given=role: {"execution_role": given}))
        assert "which is not a role ARN" in error.problem


def test_an_argument_that_cannot_be_asked_what_it_is_is_reported_by_its_type(site: Site) -> None:
    report = site.report(made("build_template_params", lambda: {"sagemaker_session": Classless()}))
    [change] = report.as_dict()["changes"]
    assert change["new"] == f"<{__name__}.Classless>"


def test_a_generator_that_ends_in_the_middle_is_reported(site: Site) -> None:
    def check_spec() -> Any:
        yield Diagnostic("one", severity="warning", code="acme.late")
        raise GeneratorExit

    assert refusal(site, made("check_spec", check_spec)).problem == "it raised GeneratorExit"


def test_a_mapping_that_fails_when_it_is_read_is_reported(site: Site) -> None:
    class Failing(Mapping[str, Any]):
        def __len__(self) -> int:
            return 1

        def __iter__(self) -> Any:
            return iter(["author"])

        def __getitem__(self, key: str) -> Any:
            raise GeneratorExit

    for hook in ("extract_metadata", "build_template_params"):
        assert refusal(site, made(hook, Failing)).problem == "it raised GeneratorExit"


@pytest.mark.parametrize(
    "metadata",
    [{"deep": math.inf}, {"big": 10**5_000}, {"nested": None}],
    ids=["no number", "too big a number", "nested without end"],
)
def test_metadata_that_json_has_no_words_for_are_refused(site: Site, metadata: dict[str, Any]) -> None:
    if "nested" in metadata:
        metadata["nested"] = metadata
    error = refusal(site, made("extract_metadata", lambda: metadata))
    assert "its metadata is not JSON data" in error.problem


def test_texts_of_any_length_and_kind_are_metadata(site: Site) -> None:
    metadata = {"long": "x" * 1_000_000, "two\nlines": "\N{SNOWMAN}", "half": "\ud800"}
    assert site.report(made("extract_metadata", lambda: metadata)).metadata == metadata


# Options


@pytest.mark.parametrize("raised", [SystemExit(3), GeneratorExit(), RecursionError("too deep")])
def test_options_whose_validator_raises_anything_are_the_plugins_failure(
    site: Site, raised: BaseException
) -> None:
    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid")

        @model_validator(mode="after")
        def _raise(self) -> Options:
            raise raised

    error = refusal(site, made("options_model", lambda: Options))
    assert f"{type(raised).__name__}" in error.problem


def test_options_that_are_not_a_number_have_a_digest(site: Site) -> None:
    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid")
        level: float = math.nan

    plugin = made("options_model", lambda: Options)
    digests = {site.report(plugin).plugins[0]["options_sha256"] for _ in range(2)}
    assert len(digests) == 1


# Objects that cannot be looked at


class WithHook:
    @hookimpl
    def check_spec(self) -> list[Diagnostic]:
        return []


class NameRaises(WithHook):
    @property
    def name(self) -> str:
        raise RuntimeError("no name")


class AttributesRaise(WithHook):
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")


class ClassRaises(WithHook):
    name = "alpha"
    __class__ = property(_no_class)  # type: ignore[assignment]


class NeverEqual(WithHook):
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")

    __hash__ = None  # type: ignore[assignment]


class Unlistable(WithHook):
    name = "alpha"

    def __dir__(self) -> list[str]:
        raise RuntimeError("no list")


class Unsigned:
    name = "alpha"

    def check_spec(self) -> list[Diagnostic]:
        return []

    check_spec.__signature__ = "nonsense"  # type: ignore[attr-defined]
    check_spec = hookimpl(check_spec)


@pytest.mark.parametrize("kind", [NameRaises, AttributesRaise, NeverEqual])
def test_an_object_that_raises_where_it_need_not_be_asked_runs(site: Site, kind: type) -> None:
    assert [plugin["name"] for plugin in site.report(kind()).plugins] == [kind.__name__]


@pytest.mark.parametrize(
    ("kind", "problem"),
    [(Unlistable, "no list"), (Unsigned, "__signature__"), (ClassRaises, "no class")],
    ids=["list", "signature", "class"],
)
def test_an_object_that_raises_where_it_has_to_be_asked_is_refused(
    site: Site, kind: type, problem: str
) -> None:
    error = refusal(site, kind())
    assert error.problem.startswith("its hooks are invalid: ")
    assert problem in error.problem


@pytest.mark.parametrize("name", ["al\npha", "al pha", "-alpha", "alpha,beta"])
def test_an_object_with_an_invalid_name_is_refused(site: Site, name: str) -> None:
    with pytest.raises(PluginError, match="invalid name") as caught:
        site.compile(made("check_spec", lambda: [], name))
    assert caught.value.plugin == name


# What it does to the process


@pytest.mark.parametrize(
    "gone", ["dagcast.compile.emit", "dagcast.check", "dagcast.compile.steps", "alpha_plugin"]
)
def test_modules_that_a_hook_takes_out_of_the_process_are_found_again(site: Site, gone: str) -> None:
    site.plugin(
        "alpha",
        f"""
        import sys

        @hookimpl
        def extract_metadata():
            for name in [name for name in sys.modules if name == {gone!r} or name.startswith("{gone}.")]:
                del sys.modules[name]
            return {{}}
        """,
    )
    command = ["-m", "dagcast.cli", "compile", str(site.config)]
    done = [
        run([*command, flag, "-o", f"{flag}.json"], [site.folder], site.project)
        for flag in ("--plugin=alpha", "--no-plugins")
    ]
    assert [process.returncode for process in done] == [0, 0], done[0].stderr
    made, plain = (
        (site.project / f"{flag}.json").read_bytes() for flag in ("--plugin=alpha", "--no-plugins")
    )
    assert made == plain


def test_a_module_that_takes_itself_out_of_the_process_is_reported(site: Site) -> None:
    site.plugin("alpha", "import sys\ndel sys.modules[__name__]\n")
    assert "importing alpha_plugin raised KeyError" in refusal(site, "alpha").problem


def test_a_module_that_puts_something_else_in_its_place_is_what_it_put_there(site: Site) -> None:
    site.plugin(
        "alpha",
        """
        import sys

        class Plugin:
            __file__ = __file__

            @hookimpl
            def extract_metadata(self):
                return {"from": "an object"}

        sys.modules[__name__] = Plugin()
        """,
    )
    assert site.report("alpha").metadata == {"from": "an object"}


def test_a_location_is_shown_as_it_was_given(site: Site) -> None:
    found = Diagnostic("it is late", Location("clock", 12), "warning", code="acme.late")
    assert (
        str(site.report(made("check_spec", lambda: [found])).warnings[0]) == "clock:12: warning: it is late"
    )
