"""Every way in which a plugin can be broken: the compile ends, and the message says who, where and what to do."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.compile.config.pipeline_dag import PipelineDAG
from dagcast.errors import DagcastError, InvalidInputError, PluginError
from dagcast.plugins.scan import scan_plugins
from tests.integration.plugins.conftest import CONFIG, Site
from tests.support.child_processes import ProcessStarter
from tests.support.distributions import Built, environment, plugin, run
from tests.support.hooks import COMPILED

SOUND = """
@hookimpl
def check_spec(spec):
    return []
"""
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def refusal(site: Site, *plugins: Any) -> PluginError:
    """The error that a compile with these plugins ends with; validating ends with the same."""
    with pytest.raises(PluginError) as caught:
        site.compile(*plugins)
    error = caught.value
    assert error.plugin in str(error)
    assert error.problem in str(error)
    assert error.remedy
    assert error.remedy in str(error)
    assert error.distribution is None or error.distribution in str(error)
    assert error.hook is None or f"hook {error.hook}" in str(error)
    if error.hook != "pipeline_compiled":
        with pytest.raises(PluginError) as again:
            site.compiler(*plugins).validate()
        assert ADDRESS.sub("", str(again.value)) == ADDRESS.sub("", str(error))
    return error


def refused(site: Site, source: str, **more: Any) -> PluginError:
    """The error of a compile with a plugin ``alpha`` of this source."""
    site.plugin("alpha", source, **more)
    error = refusal(site, "alpha")
    assert error.plugin == "alpha"
    assert error.distribution == "alpha-plugin 1.0"
    return error


# Finding it


def test_a_missing_plugin_is_named_with_what_is_installed(site: Site) -> None:
    error = refusal(site, "alpha")
    assert (error.plugin, error.problem) == ("alpha", "it is not installed")
    others = ", ".join(scan_plugins().names) or "none"
    assert error.remedy == f"install the distribution that provides it (installed: {others})"


def test_a_misspelt_plugin_is_answered_with_the_nearest_name(site: Site) -> None:
    site.plugin("guardrails", SOUND)
    error = refusal(site, "gaurdrails")
    assert error.remedy == "install the distribution that provides it (did you mean 'guardrails'?)"


def test_two_distributions_of_one_plugin_are_both_named(site: Site) -> None:
    site.plugin("alpha", SOUND)
    site.plugin("alpha", SOUND, distribution="other-alpha", version="2.0")
    error = refusal(site, "alpha")
    assert error.problem == "it is provided by alpha-plugin 1.0 and other-alpha 2.0"
    assert error.remedy == "uninstall all but one of them"


def test_two_objects_of_one_name_are_refused(site: Site) -> None:
    site.plugin("alpha", SOUND)

    class Same:
        name = "alpha"

    from dagcast.plugin import hookimpl

    Same.check_spec = hookimpl(lambda self, spec: [])  # type: ignore[attr-defined]
    error = refusal(site, "alpha", Same())
    assert error.problem == "two selected plugins have this name"


@pytest.mark.parametrize(
    ("api", "problem"),
    [
        ("v2", "it is written for version 2 of the hooks, this dagcast has version 1"),
        ("0", "it is written for version 0 of the hooks, this dagcast has version 1"),
        ("latest", "dagcast.api says 'latest', expected v1"),
    ],
)
def test_an_api_version_that_is_not_ours_is_refused_without_an_import(
    site: Site, api: str, problem: str
) -> None:
    error = refused(site, "raise AssertionError('imported')", api=api)
    assert error.problem == problem
    assert "alpha-plugin" in error.remedy


def test_an_api_version_that_is_ours_is_taken(site: Site) -> None:
    site.plugin("alpha", SOUND, api="v1")
    assert site.report("alpha").plugins[0]["api_version"] == 1


@pytest.mark.parametrize(
    ("points", "problem"),
    [
        ({"al pha": "alpha_plugin"}, "'al pha' is not a valid name"),
        ({"alpha": "alpha plugin"}, "'alpha plugin' does not point to a module or module:attribute"),
        ({"alpha": "alpha_plugin:"}, "'alpha_plugin:' does not point to a module or module:attribute"),
    ],
)
def test_broken_entry_points_are_refused(site: Site, points: dict[str, str], problem: str) -> None:
    site.install(Built("alpha-plugin", modules={"alpha_plugin": SOUND}, entry_points={"dagcast": points}))
    (name,) = points
    error = refusal(site, name)
    assert problem in error.problem
    assert error.distribution == "alpha-plugin 1.0"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("entry_points.txt", b"[dagcast]\nalpha\n"),
        ("entry_points.txt", b"[dagcast]\nalpha = \xff\xfe\n"),
        ("METADATA", b"\xff\xfe"),
        ("METADATA", None),
    ],
    ids=["no value", "entry points not UTF-8", "metadata not UTF-8", "no metadata"],
)
def test_broken_metadata_stops_only_those_who_ask_for_the_plugin(
    site: Site, file: str, content: bytes | None
) -> None:
    built = plugin("alpha", SOUND)
    site.install(built)
    site.plugin("beta", SOUND)
    path = site.folder / built.info / file
    path.unlink() if content is None else path.write_bytes(content)

    assert [entry["name"] for entry in site.report("beta").plugins] == ["beta"]
    assert site.report().plugins == ()
    listed = site.json("plugins", "list")
    assert "beta" in [row["name"] for row in listed]
    doctor = site.cli("plugins", "doctor")
    if "alpha" not in [row["name"] for row in listed]:
        assert "dagcast plugins doctor" in refusal(site, "alpha").remedy
        assert doctor.exit_code == 1
        assert built.info in doctor.output


def test_what_is_broken_in_other_groups_stops_nothing_and_doctor_names_the_file(site: Site) -> None:
    other = "# comment\n; another\n[console_scripts]\nbroken\nodd = not a reference!\n"
    built = replace(plugin("alpha", SOUND), other_entry_points=other)
    site.install(built)
    assert [entry["name"] for entry in site.report("alpha").plugins] == ["alpha"]
    findings = site.json("plugins", "doctor")["findings"]
    assert findings
    assert {finding["plugin"] for finding in findings} == {"metadata"}
    assert all(f"{built.info}/entry_points.txt" in finding["problem"] for finding in findings)


@pytest.mark.parametrize(
    ("groups", "finding"),
    [
        ({"dagcast.autolaod": {"alpha": "x"}}, "unknown entry-point group 'dagcast.autolaod'"),
        ({"dagcast ": {"alpha": "x"}}, "unknown entry-point group 'dagcast '"),
        ({"dagcast.api": {"alhpa": "v1"}}, "dagcast.api names 'alhpa', which is not one of its plugins"),
        (
            {"dagcast.autoload": {"other": "x"}},
            "dagcast.autoload names 'other', which is not one of its plugins",
        ),
    ],
)
def test_the_doctor_finds_misspelt_groups(
    site: Site, groups: dict[str, dict[str, str]], finding: str
) -> None:
    points = {"dagcast": {"alpha": "alpha_plugin"}, **groups}
    site.install(Built("alpha-plugin", modules={"alpha_plugin": SOUND}, entry_points=points))
    findings = site.json("plugins", "doctor")["findings"]
    assert [item["problem"] for item in findings] == [f"alpha-plugin: {finding}"]


def test_what_a_failed_upgrade_leaves_behind_is_deterministic(site: Site) -> None:
    site.plugin("alpha", SOUND, version="1.0")
    site.plugin("alpha", SOUND, version="2.0")
    error = refusal(site, "alpha")
    assert error.problem == "two versions of alpha-plugin are installed in one folder"
    assert "alpha-plugin" in error.remedy


def test_an_earlier_folder_hides_a_distribution_in_a_later_one(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = tmp_path / "later"
    later.mkdir()
    plugin("alpha", "raise AssertionError('imported')", version="0.9").install(later)
    monkeypatch.setattr(sys, "path", [*sys.path, str(later), str(site.folder)])
    site.plugin("alpha", SOUND)
    assert site.report("alpha").plugins[0]["version"] == "1.0"


# Importing it


@pytest.mark.parametrize(
    ("source", "raised"),
    [
        ("import no_such_module_at_all", ModuleNotFoundError),
        ("from dagcast.plugin import no_such_name", ImportError),
        ("def f(:\n", SyntaxError),
        ("import sys\nsys.exit(3)", SystemExit),
        ("1 / 0", ZeroDivisionError),
    ],
)
def test_whatever_its_import_raises_is_reported_with_its_cause(
    site: Site, source: str, raised: type[BaseException]
) -> None:
    error = refused(site, source)
    assert error.problem.startswith(f"importing alpha_plugin raised {raised.__name__}")
    assert error.remedy == "reinstall or fix alpha-plugin"
    assert str(error).endswith(
        "; reinstall or fix alpha-plugin, or leave the plugin out with --no-plugin alpha"
    )
    assert isinstance(error.__cause__, raised)


def test_a_module_that_is_gone_is_reported(site: Site) -> None:
    built = plugin("alpha", SOUND)
    site.install(built)
    (site.folder / "alpha_plugin.py").unlink()
    error = refusal(site, "alpha")
    assert "importing alpha_plugin raised ModuleNotFoundError" in error.problem
    findings = site.json("plugins", "doctor")["findings"]
    assert "'alpha_plugin', which does not exist" in findings[0]["problem"]


def test_an_attribute_that_is_not_there_is_reported(site: Site) -> None:
    error = refused(site, SOUND, attribute="Plugin")
    assert "importing alpha_plugin:Plugin raised AttributeError" in error.problem


@pytest.mark.parametrize(
    "body", ["def __init__(self, level): pass", "def __init__(self): raise ValueError('no')"]
)
def test_a_class_that_cannot_be_called_is_reported(site: Site, body: str) -> None:
    source = f"""
    class Plugin:
        {body}

        @hookimpl
        def check_spec(self, spec):
            return []
    """
    error = refused(site, source, attribute="Plugin")
    assert error.problem.startswith("calling alpha_plugin:Plugin raised")
    assert error.remedy.startswith("a plugin class takes no arguments")


@pytest.mark.parametrize("given", [None, 5, object(), "", type("Empty", (), {})])
def test_an_object_that_is_not_a_plugin_is_refused(site: Site, given: Any) -> None:
    error = refusal(site, given)
    assert "not installed" in error.problem if given == "" else "it implements no hook" in error.problem


# Its hooks


@pytest.mark.parametrize(
    ("source", "hook", "problem", "remedy"),
    [
        (
            "@hookimpl\ndef tranform_spec(spec): return spec",
            "tranform_spec",
            "unknown hook 'tranform_spec'",
            "did you mean 'transform_spec'?",
        ),
        (
            "@hookimpl(optionalhook=True)\ndef tranform_spec(spec): return spec",
            "tranform_spec",
            "unknown hook 'tranform_spec'",
            "did you mean 'transform_spec'?",
        ),
        ("@hookimpl\ndef zzz(): pass", "zzz", "unknown hook 'zzz'", "the hooks are options_model, "),
        (
            "def transform_spec(spec): return spec",
            "transform_spec",
            "it is not marked",
            "put @hookimpl before it",
        ),
        (
            "@hookimpl\ndef transform_spec(spec, config): return spec",
            "transform_spec",
            "it takes config, which the hook does not pass",
            "take only, by name: spec, metadata, options",
        ),
        (
            "@hookimpl\ndef options_model(options): pass",
            "options_model",
            "it takes options",
            "by name: nothing",
        ),
        (
            "@hookimpl\ndef check_spec(*args): pass",
            "check_spec",
            "it takes *args",
            "spec, locate, metadata, options",
        ),
        ("@hookimpl\ndef check_spec(**given): pass", "check_spec", "it takes **given", "take only"),
        (
            "@hookimpl\ndef check_spec(spec, /): pass",
            "check_spec",
            "it takes spec by position only",
            "take only",
        ),
        ("@hookimpl\nasync def check_spec(spec): pass", "check_spec", "it is asynchronous", "use def"),
        (
            "@hookimpl(wrapper=True)\ndef check_spec(spec): yield",
            "check_spec",
            "it wraps",
            "without a wrapper",
        ),
        (
            "@hookimpl(hookwrapper=True)\ndef check_spec(spec): yield",
            "check_spec",
            "it wraps",
            "without a wrapper",
        ),
        (
            f"{SOUND}\n@hookimpl(specname='check_spec')\ndef again(spec): return []",
            "check_spec",
            "it is implemented twice",
            "keep one",
        ),
        ("", None, "it implements no hook", "implement one of options_model, "),
    ],
)
def test_hooks_that_would_never_run_or_fail_when_called_are_refused(
    site: Site, source: str, hook: str | None, problem: str, remedy: str
) -> None:
    error = refused(site, source)
    assert error.hook == hook
    assert problem in error.problem
    assert remedy in error.remedy


def test_hooks_may_be_spelt_in_every_way_that_works(site: Site) -> None:
    site.plugin(
        "alpha",
        """
        class Plugin:
            @staticmethod
            @hookimpl
            def extract_metadata():
                return {"from": "staticmethod"}

            @classmethod
            @hookimpl
            def check_spec(cls, spec, options=None):
                assert options is not None
                return []

            @hookimpl(specname="transform_spec")
            def change(self, *, spec):
                return spec

            @property
            def trap(self):
                return 1
        """,
        attribute="Plugin",
    )
    report = site.report("alpha")
    assert report.metadata == {"from": "staticmethod"}


@pytest.mark.parametrize("hook", COMPILED)
@pytest.mark.parametrize(
    "raising", ["raise ValueError('boom')", "raise SystemExit('boom')", "import nowhere_at_all"]
)
def test_an_exception_in_a_hook_is_chained(site: Site, hook: str, raising: str) -> None:
    error = refused(site, f"@hookimpl\ndef {hook}():\n    {raising}")
    assert error.hook == hook
    assert error.problem.startswith("it raised ")
    assert "boom" in error.problem or "nowhere_at_all" in error.problem
    assert error.remedy == "report it to the authors of alpha-plugin"
    assert str(error).endswith(f"; {error.remedy}, or leave the plugin out with --no-plugin alpha")
    assert isinstance(error.__cause__, (ValueError, SystemExit, ImportError))


@pytest.mark.parametrize("hook", ["check_spec", "register_step_types", "pipeline_parameters"])
def test_an_exception_in_a_generator_is_chained(site: Site, hook: str) -> None:
    error = refused(site, f"@hookimpl\ndef {hook}():\n    yield from ()\n    raise ValueError('boom')")
    assert (error.hook, error.problem) == (hook, "it raised ValueError: boom")
    assert isinstance(error.__cause__, ValueError)


def test_what_a_hook_yields_is_a_list(site: Site) -> None:
    site.plugin(
        "alpha",
        """
        from dagcast.plugin import Diagnostic

        @hookimpl
        def check_spec(spec):
            for step in spec.steps:
                yield Diagnostic(f"{step.name} is seen", severity="warning", code="alpha.seen")
        """,
    )
    assert [item.message for item in site.report("alpha").warnings] == ["prepare is seen", "stop is seen"]


def test_the_error_of_another_plugin_inside_of_a_hook_is_chained_too(site: Site) -> None:
    source = """
    @hookimpl
    def check_spec(spec):
        from dagcast import PipelineDAGCompiler

        PipelineDAGCompiler({"pipeline": {"name": "x"}, "steps": {}}, plugins=["beta"]).compile_definition()
    """
    error = refused(site, source)
    assert "it raised PluginError: plugin 'beta': it is not installed" in error.problem


def test_what_a_hook_tells_the_user_is_a_mistake_of_the_user(site: Site) -> None:
    for index, hook in enumerate(("extract_metadata", "pipeline_parameters", "transform_spec", "check_spec")):
        site.plugin(
            f"p{index}",
            f"""
            from dagcast.errors import Diagnostic, InvalidInputError

            @hookimpl
            def {hook}():
                raise InvalidInputError([Diagnostic("the author is missing", code="p.author")])
            """,
        )
        with pytest.raises(InvalidInputError, match="the author is missing"):
            site.compile(f"p{index}")
        result = site.compiler(f"p{index}").validate()
        assert [item.code for item in result.errors] == ["p.author"]


# What its hooks return

WRONG = [
    ("options_model", "return None", "it returned nothing", "pydantic.BaseModel"),
    ("options_model", "return 5", "it returned 5, expected a pydantic model", "pydantic.BaseModel"),
    ("options_model", "return dict", "expected a pydantic model", "pydantic.BaseModel"),
    ("extract_metadata", "pass", "it returned nothing", "return a mapping, or an empty one"),
    ("extract_metadata", "return ['author']", "expected a mapping with string keys", "return a mapping"),
    ("extract_metadata", "return {1: 'author'}", "expected a mapping with string keys", "return a mapping"),
    ("extract_metadata", "return {'a': object()}", "its metadata is not JSON data", "return plain data"),
    ("extract_metadata", "return {'a': float('nan')}", "its metadata is not JSON data", "return plain data"),
    ("decorate_template_class", "pass", "it returned nothing", "return the class from the hook"),
    ("decorate_template_class", "return lambda: 1", "expected a class", "return the class itself"),
    ("decorate_template_class", "return object()", "expected a class", "return the class itself"),
    ("decorate_template_class", "return dict", "not a subclass of the class that it was given", "derive"),
    ("build_template_params", "pass", "it returned nothing", "return a mapping"),
    ("build_template_params", "return 5", "it returned 5, expected a mapping", "return a mapping"),
    (
        "build_template_params",
        "return {'config': 5}",
        "it sets 'config', which defines what is compiled",
        "transform_spec",
    ),
    (
        "build_template_params",
        "return {'exec_role': 'x'}",
        "which the template's constructor does not accept",
        "remove",
    ),
    ("pipeline_parameters", "pass", "it returned nothing", "return a list of ParameterSpec"),
    (
        "pipeline_parameters",
        "return 'Name'",
        "expected a list of ParameterSpec",
        "return a list of ParameterSpec",
    ),
    ("pipeline_parameters", "return [{'Name': 'x'}]", "expected only ParameterSpec", "return a list"),
    (
        "pipeline_parameters",
        "return [P('a b', 'String')]",
        "'a b' is not a valid parameter name",
        "1 to 256 letters",
    ),
    ("pipeline_parameters", "return [P('A', 'Text')]", "has the type 'Text'", "use one of String, Integer"),
    (
        "pipeline_parameters",
        "return [P('A', 'Integer', 'x')]",
        "expected a default of type Integer, got 'x'",
        "default",
    ),
    ("pipeline_parameters", "return [P('A', 'String', enum=5)]", "its enum is 5", "a tuple of strings"),
    (
        "pipeline_parameters",
        "return [P('Machine', 'Integer')]",
        "the config has it as String",
        "or rename it",
    ),
    ("register_step_types", "pass", "it returned nothing", "return a list of StepType"),
    ("register_step_types", "return ['Job']", "expected only StepType", "return a list of StepType"),
    (
        "register_step_types",
        "return [T(name='Fail', definition_type='Fail', about='', config=C, lower=f)]",
        "already exists, from dagcast",
        "rename it",
    ),
    (
        "register_step_types",
        "return [T(name='Job', definition_type='Job', about='', config=dict, lower=f)]",
        "the config of step type 'Job' is",
        "StepConfig",
    ),
    ("register_rules", "pass", "it returned nothing", "return a list of Rule"),
    ("register_rules", "return ['small']", "expected only Rule", "return a list of Rule"),
    ("transform_spec", "pass", "it returned nothing", "return the spec, changed or not"),
    ("transform_spec", "return {}", "it returned {}, expected a PipelineSpec", "return the spec"),
    ("transform_spec", "return replace(spec, name='')", "its pipeline has name=''", "give a name"),
    (
        "transform_spec",
        "return replace(spec, steps=None)",
        "its pipeline has steps=None",
        "a tuple of StepSpec",
    ),
    (
        "transform_spec",
        "return replace(spec, steps=({},))",
        "its pipeline has steps=({},)",
        "a tuple of StepSpec",
    ),
    ("transform_spec", "return replace(spec, tags=('a',))", "its pipeline has tags=", "pairs of strings"),
    (
        "transform_spec",
        "return replace(spec, experiment=5)",
        "its pipeline has experiment=5",
        "a mapping or None",
    ),
    (
        "transform_spec",
        "return replace(spec, parameters=(1,))",
        "parameters=(1,)",
        "a tuple of ParameterSpec",
    ),
    (
        "transform_spec",
        "return replace(spec, parameters=spec.parameters * 2)",
        "two parameters with the same name",
        "a unique name",
    ),
    (
        "transform_spec",
        "return replace(spec, steps=spec.steps * 2)",
        "two steps with the same name",
        "a unique name",
    ),
    (
        "transform_spec",
        "return replace(spec, steps=spec.steps[1:])",
        "has no step 'prepare'",
        "change depends_on as well",
    ),
    ("transform_spec", "return first(spec, name='a b')", "'a b' is not a valid step name", "letters"),
    ("transform_spec", "return first(spec, arguments=5)", "step 'prepare' has arguments=5", "give a mapping"),
    (
        "transform_spec",
        "return first(spec, arguments={'a': {1}})",
        "not JSON data and references",
        "plain data",
    ),
    (
        "transform_spec",
        "return first(spec, fields={'a': object()})",
        "not JSON data and references",
        "plain data",
    ),
    ("transform_spec", "return first(spec, depends_on='stop')", "depends_on='stop'", "a tuple of names"),
    (
        "transform_spec",
        "return first(spec, depends_on=('stop',))",
        "its pipeline has a cycle: prepare -> stop -> prepare",
        "break it",
    ),
    ("check_spec", "pass", "it returned nothing", "return a list of Diagnostic"),
    ("check_spec", "return 'all is well'", "expected a list of Diagnostic", "return a list of Diagnostic"),
    ("check_spec", "return ['bad']", "it returned 'bad', expected only Diagnostic", "return a list"),
    (
        "check_spec",
        "return [D('x', code='acme.x', severity='fatal')]",
        "a diagnostic of severity 'fatal'",
        "error, warning",
    ),
    (
        "check_spec",
        "return [D('x', code='acme.x', location=('f', 1))]",
        "a diagnostic with the location ('f', 1)",
        "locate",
    ),
    ("pipeline_compiled", "return 'done'", "it returned 'done', expected nothing", "return nothing"),
]
IMPORTS = """
from dataclasses import replace

from dagcast.plugin import Diagnostic as D, ParameterSpec as P, StepConfig as C, StepType as T


def first(spec, **changes):
    return replace(spec, steps=(replace(spec.steps[0], **changes), *spec.steps[1:]))


def f(step, config):
    pass


"""


@pytest.mark.parametrize(("hook", "body", "problem", "remedy"), WRONG)
def test_a_wrong_result_is_reported(site: Site, hook: str, body: str, problem: str, remedy: str) -> None:
    taken = "spec" if hook == "transform_spec" else ""
    error = refused(site, f"{IMPORTS}@hookimpl\ndef {hook}({taken}):\n    {body}\n")
    assert error.hook == hook
    assert problem in error.problem
    assert remedy in error.remedy


def test_every_hook_of_a_compile_has_wrong_results_above() -> None:
    assert {hook for hook, *_ in WRONG} == set(COMPILED)


def test_an_options_model_that_lets_a_typo_pass_is_refused(site: Site) -> None:
    source = """
    from pydantic import BaseModel

    class Options(BaseModel):
        level: int = 1

    @hookimpl
    def options_model():
        return Options
    """
    error = refused(site, source)
    assert error.hook == "options_model"
    assert error.problem == "Options accepts unknown options, so a misspelt option is not reported"
    assert error.remedy == 'set extra="forbid" in its model_config'


@pytest.mark.parametrize(
    ("fields", "raised"),
    [
        (
            "level: int = 1\n        @field_validator('level')\n        def _f(cls, v): raise KeyError('x')",
            "KeyError",
        ),
        ("level: object = 1", "PydanticSerializationError"),
    ],
)
def test_options_whose_model_is_broken_are_the_plugins_failure(site: Site, fields: str, raised: str) -> None:
    source = f"""
    from pydantic import BaseModel, ConfigDict, field_validator

    class Odd:
        pass

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid", validate_default=True)
        {fields}
        odd: object = Odd()

    @hookimpl
    def options_model():
        return Options
    """
    error = refused(site, source)
    assert error.hook == "options_model"
    assert f"its options cannot be validated and written as JSON: {raised}" in error.problem


# What it must leave alone

CHANGES = [
    ("extract_metadata", "config.pipeline.name = 'x'"),
    ("extract_metadata", "config.pipeline.tags['x'] = 'y'"),
    ("extract_metadata", "config.steps['prepare'].tags['x'] = 'y'"),
    ("extract_metadata", "config.steps['new'] = None"),
    ("extract_metadata", "config.parameters.clear()"),
    ("extract_metadata", "config.dag.add_node('x')"),
    ("extract_metadata", "config.source.data['pipeline'] = {}"),
    ("extract_metadata", "config.root = None"),
    ("extract_metadata", "dag.add_node('x')"),
    ("extract_metadata", "dag.add_edge('prepare', 'stop')"),
    ("extract_metadata", "explicit['author'] = 'x'"),
    ("build_template_params", "params['execution_role'] = 'x'"),
    ("build_template_params", "params['dag'].add_node('x')"),
    ("build_template_params", "params['config'].dag.add_node('x')"),
    ("build_template_params", "dag.add_node('x')"),
    ("build_template_params", "metadata['x'] = 'y'"),
    ("pipeline_parameters", "config.pipeline.tags.update(x='y')"),
    ("pipeline_parameters", "metadata.pop('x', None)"),
    ("transform_spec", "spec.name = 'x'"),
    ("transform_spec", "spec.steps[0].arguments['x'] = 'y'"),
    ("transform_spec", "spec.steps[0].arguments['Tags'][0]['Key'] = 'y'"),
    ("transform_spec", "spec.parameters[0].default = 'x'"),
    ("transform_spec", "del metadata['x']"),
    ("check_spec", "spec.steps[0].fields['x'] = 'y'"),
    ("check_spec", "metadata.setdefault('x', 'y')"),
    ("pipeline_compiled", "report.plugins[0]['version'] = '9'"),
    ("pipeline_compiled", "report.digest = 'x'"),
    ("decorate_template_class", "metadata['x'] = 'y'"),
]
ARGUMENTS = {
    "extract_metadata": "config, dag, explicit",
    "build_template_params": "dag, params, metadata",
    "pipeline_parameters": "config, metadata",
    "transform_spec": "spec, metadata",
    "check_spec": "spec, metadata",
    "pipeline_compiled": "report",
    "decorate_template_class": "template_class, metadata",
}
RESULTS = {"transform_spec": "spec", "pipeline_compiled": "None", "decorate_template_class": "template_class"}


@pytest.mark.parametrize(("hook", "change"), CHANGES)
def test_a_hook_that_changes_what_it_was_given_is_refused(site: Site, hook: str, change: str) -> None:
    result = RESULTS.get(hook, "{}" if hook in ("extract_metadata", "build_template_params") else "[]")
    error = refused(site, f"@hookimpl\ndef {hook}({ARGUMENTS[hook]}):\n    {change}\n    return {result}\n")
    assert error.hook == hook
    assert error.problem.startswith("it changes its input")
    assert error.remedy == "return a new value and leave the input unchanged"


def test_a_hook_that_changes_its_options_is_refused(site: Site) -> None:
    source = """
    from pydantic import BaseModel, ConfigDict

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid")
        names: list[str] = []

    @hookimpl
    def options_model():
        return Options

    @hookimpl
    def check_spec(spec, options):
        options.names.append("x")
        return []
    """
    error = refused(site, source)
    assert (error.hook, error.problem) == ("check_spec", "it changes its input: its options")


def test_what_a_decorator_sets_on_the_class_it_is_given_stays_there(site: Site) -> None:
    from dagcast.template import DynamicPipelineTemplate

    site.plugin(
        "alpha",
        """
        @hookimpl
        def decorate_template_class(template_class, metadata):
            template_class.mark = metadata.get("mark")
            return template_class
        """,
    )
    compiler = site.compiler("alpha")
    one, two = (compiler.create_decorated_class(mark=mark) for mark in ("one", "two"))
    assert (one.mark, two.mark) == ("one", "two")  # type: ignore[attr-defined]
    assert not hasattr(DynamicPipelineTemplate, "mark")


def test_the_dag_of_the_caller_is_not_changed_by_a_refused_hook(site: Site) -> None:
    site.plugin("alpha", "@hookimpl\ndef extract_metadata(dag):\n    dag.add_node('x')\n    return {}")
    dag = PipelineDAG(["prepare", "stop"], ["prepare => stop"])
    before = dag.to_dict()
    with pytest.raises(PluginError):
        site.compiler("alpha").compile_definition(dag)
    assert dag.to_dict() == before


# Two that contradict each other


def parameter(value: str) -> str:
    return f"""
    from dagcast.plugin import ParameterSpec

    @hookimpl
    def pipeline_parameters():
        return [ParameterSpec("Level", "String", {value!r})]
    """


def test_two_plugins_that_differ_about_a_parameter_are_both_named(site: Site) -> None:
    site.plugin("alpha", parameter("high"))
    site.plugin("beta", parameter("low"))
    error = refusal(site, "alpha", "beta")
    assert (error.plugin, error.hook) == ("beta", "pipeline_parameters")
    assert "'alpha' (alpha-plugin 1.0)" in error.problem
    assert "default='low'" in error.problem
    assert "default='high'" in error.problem
    assert error.remedy == "select one of the two, or let their options agree"


def test_two_plugins_that_agree_about_a_parameter_are_fine(site: Site) -> None:
    site.plugin("alpha", parameter("high"))
    site.plugin("beta", parameter("high"))
    report = site.report("alpha", "beta")
    assert [item.name for item in report.spec.parameters] == ["Machine", "Level"]
    assert [change.plugin for change in report.changes] == ["alpha"]


def argument(value: str) -> str:
    return f"@hookimpl\ndef build_template_params():\n    return {{'execution_role': {value!r}}}"


def test_two_plugins_that_differ_about_a_constructor_argument_are_both_named(site: Site) -> None:
    site.plugin("alpha", argument("arn:aws:iam::123456789012:role/a"))
    site.plugin("beta", argument("arn:aws:iam::123456789012:role/b"))
    error = refusal(site, "alpha", "beta")
    assert (error.plugin, error.hook) == ("beta", "build_template_params")
    assert "it sets 'execution_role' to 'arn:aws:iam::123456789012:role/b'" in error.problem
    assert "plugin 'alpha' (alpha-plugin 1.0) sets it to 'arn:aws:iam::123456789012:role/a'" in error.problem


def test_two_plugins_that_agree_about_a_constructor_argument_are_fine(site: Site) -> None:
    role = "arn:aws:iam::123456789012:role/a"
    site.plugin("alpha", argument(role))
    site.plugin("beta", argument(role))
    assert site.steps("alpha", "beta")["prepare"]["Arguments"]["RoleArn"] == role


def test_passing_on_unchanged_arguments_is_not_a_contradiction(site: Site) -> None:
    role = "arn:aws:iam::123456789012:role/a"
    site.plugin("alpha", argument(role))
    site.plugin("beta", "@hookimpl\ndef build_template_params(params):\n    return {**params}")
    assert site.steps("alpha", "beta")["prepare"]["Arguments"]["RoleArn"] == role


def test_values_that_cannot_be_compared_are_the_plugins_failure(site: Site) -> None:
    source = """
    class Odd:
        def __eq__(self, other):
            raise RuntimeError("not comparable")

    @hookimpl
    def build_template_params():
        return {"sagemaker_session": Odd()}
    """
    site.plugin("alpha", source)
    site.plugin("beta", source)
    error = refusal(site, "alpha", "beta")
    assert "not comparable" in error.problem or "sets it to" in error.problem


# The step types it adds

STEP_TYPE = """
from typing import Literal
from dagcast.plugin import StepConfig, StepType

class JobConfig(StepConfig):
    type: Literal["Chore"] = "Chore"

def lower(step, config):
    {lower}

def inputs(config):
    {inputs}

@hookimpl
def register_step_types():
    job = StepType(
        name="Chore", definition_type="Fail", about="A chore.", config=JobConfig, lower=lower, inputs=inputs
    )
    return [job]
"""


@pytest.mark.parametrize(
    "parts", [{"lower": "1 / 0", "inputs": "return ()"}, {"lower": "pass", "inputs": "return 1 / 0"}]
)
def test_a_step_type_that_fails_names_its_plugin(site: Site, parts: dict[str, str]) -> None:
    site.write(CONFIG, "  job:\n    type: Chore\n")
    error = refused(site, STEP_TYPE.format(**parts))
    assert error.hook == "register_step_types"
    assert error.problem == "it raised ZeroDivisionError: division by zero"


def test_a_step_type_of_two_plugins_names_both(site: Site) -> None:
    source = STEP_TYPE.format(lower="pass", inputs="return ()")
    site.plugin("alpha", source)
    site.plugin("beta", source)
    error = refusal(site, "alpha", "beta")
    assert error.plugin == "beta"
    assert error.problem == "step type 'Chore' already exists, from plugin 'alpha' (alpha-plugin 1.0)"


# What it makes of the pipeline


def test_a_value_that_a_plugin_made_wrong_is_blamed_on_it_and_not_on_the_config(site: Site) -> None:
    site.plugin(
        "alpha",
        """
        from dataclasses import replace
        from dagcast.plugin import put, remove

        @hookimpl
        def transform_spec(spec):
            prepare, stop = spec.steps
            prepare = remove(put(prepare, ("ProcessingResources", "ClusterConfig", "VolumeSizeInGB"), "big"), "RoleArn")
            return replace(spec, steps=(prepare, stop))
        """,
    )
    errors = [str(item) for item in site.compiler("alpha").validate().errors]
    assert len(errors) == 2, errors
    assert all("step 'prepare', as plugin 'alpha' changed it: " in error for error in errors), errors


THREE = """\
pipeline: {name: demo, role: "arn:aws:iam::123456789012:role/R", bucket: my-bucket}
defaults: {image_uri: "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1", instance_type: ml.m5.xlarge}
steps:
  one: {type: Training}
  two: {type: Training}
  three: {type: Training, depends_on: [one]}
"""


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("Nonsense", 1, "Nonsense is not a field of CreateTrainingJobRequest"),
        ("VpcConfig", {"Subnets": ["subnet-1"]}, "VpcConfig.SecurityGroupIds is missing"),
        ("HyperParameters", {"depth": 1}, "HyperParameters.depth must be a string, not the number 1"),
        (
            "Tags",
            [{"Key": "aws:team", "Value": "x"}],
            "tag 'aws:team': keys that begin with aws: are AWS' own",
        ),
        # The field that is missing is the config's, and the one that needs it is the plugin's.
        ("EnableManagedSpotTraining", True, "max_wait_time_in_seconds is missing"),
    ],
)
def test_a_field_that_a_plugin_added_is_one_error_that_names_it(
    site: Site, path: str, value: Any, problem: str
) -> None:
    site.write(THREE)
    site.plugin(
        "alpha",
        f"""
        from dataclasses import replace
        from dagcast.plugin import put

        @hookimpl
        def transform_spec(spec):
            return replace(spec, steps=tuple(put(step, {path!r}, {value!r}) for step in spec.steps))
        """,
    )
    (error,) = site.compiler("alpha").validate().errors
    assert error.message.startswith(
        f"steps 'one', 'two' and 'three', as plugin 'alpha' changed them: {problem}"
    )
    assert error.location is not None
    assert error.location.line == site.line("one:")
    assert str(error.hint).endswith("report it to the authors of plugin 'alpha', or leave the plugin out")
    assert "request" not in str(error.hint)


def test_a_mistake_of_the_user_is_not_blamed_on_a_plugin_that_set_another_field(site: Site) -> None:
    site.write(
        THREE.replace("one: {type: Training}", "one: {type: Training, request: {ResourceConfig: {Nope: 1}}}")
    )
    site.plugin(
        "alpha",
        """
        from dataclasses import replace
        from dagcast.plugin import put

        @hookimpl
        def transform_spec(spec):
            path = ("ResourceConfig", "VolumeKmsKeyId")
            return replace(spec, steps=tuple(put(step, path, "alias/key") for step in spec.steps))
        """,
    )
    (error,) = site.compiler("alpha").validate().errors
    assert "ResourceConfig.Nope is not a field of ResourceConfig" in error.message
    assert "alpha" not in str(error)


def test_mistakes_of_the_user_are_reported_first(site: Site) -> None:
    """A plugin that trips over a config which is wrong anyway does not hide what is wrong with it."""
    site.plugin("alpha", "@hookimpl\ndef pipeline_parameters(metadata):\n    return [metadata['author']]")
    site.write(CONFIG.replace("team: science", "team: 5"))
    errors = site.compiler("alpha").validate().errors
    assert [item.location.line for item in errors if item.location] == [7]
    with pytest.raises(InvalidInputError):
        site.compile("alpha")
    site.write()
    assert "KeyError" in refusal(site, "alpha").problem


def test_mistakes_of_later_stages_are_reported_with_what_plugins_add(site: Site) -> None:
    """What a plugin would have added is not missed in a config with a mistake elsewhere."""
    site.plugin(
        "alpha", parameter("high") + argument("arn:aws:iam::123456789012:role/a").replace("\n", "\n    ")
    )
    text = CONFIG.replace("error_message: enough", "error_message: ${param.Level}")
    text = text.replace("  role: arn:aws:iam::123456789012:role/SageMakerRole\n", "")
    site.write(text)
    assert site.steps("alpha")["stop"]["Arguments"] == {"ErrorMessage": {"Get": "Parameters.Level"}}
    site.write(text.replace("bucket: my-bucket", "bucket: 5"))
    errors = [str(item) for item in site.compiler("alpha").validate().errors]
    assert len(errors) == 1, errors
    assert "pipeline.yaml:4" in errors[0]


# Plugins that nobody asked for


UNSELECTED = """
import sys
from dagcast import PipelineDAGCompiler
from dagcast.cli.main import cli

compiler = PipelineDAGCompiler("pipeline.yaml", plugins=["beta"])
assert compiler.validate().is_valid
compiler.compile_definition()
for arguments in (
    ["plugins", "list"],
    ["plugins", "list", "--json", "--config", "pipeline.yaml", "--plugin", "beta"],
    ["plugins", "doctor"],
    ["plugins", "doctor", "--json"],
    ["plugins", "info", "beta"],
    ["validate", "pipeline.yaml", "--plugin", "beta"],
    ["compile", "pipeline.yaml", "--plugin", "beta", "-o", "out.json"],
    ["explain", "pipeline.yaml", "--no-plugins"],
    ["steps"],
):
    try:
        cli.main(arguments, standalone_mode=False)
    except SystemExit as error:
        assert arguments[1] == "doctor", (arguments, error.code)
    assert "alpha_plugin" not in sys.modules, arguments
assert "beta_plugin" in sys.modules
"""


def test_a_plugin_that_is_not_selected_is_never_imported(site: Site) -> None:
    site.plugin("alpha", SOUND)
    site.plugin("beta", SOUND)
    done = run(["-c", UNSELECTED], [site.folder], site.project)
    assert done.returncode == 0, done.stderr


LISTED = """
import sys
from dagcast.cli.main import cli

for arguments in (["plugins", "list"], ["plugins", "list", "--json"], ["plugins", "doctor"]):
    try:
        cli.main(arguments, standalone_mode=False)
    except SystemExit:
        pass
assert "alpha_plugin" not in sys.modules
"""


def test_listing_and_diagnosing_import_not_even_what_is_selected(site: Site) -> None:
    site.plugin("alpha", SOUND, autoload=True)
    done = run(["-c", LISTED], [site.folder], site.project, DAGCAST_PLUGINS="alpha")
    assert done.returncode == 0, done.stderr
    assert "alpha-plugin" in done.stdout


# The commands, with a broken plugin installed


@pytest.fixture
def broken(site: Site) -> Site:
    """A site with a plugin that cannot be imported and is active on installation, and a sound one."""
    site.plugin("broken", "raise RuntimeError('broken on purpose')", autoload=True)
    site.plugin(
        "sound",
        SOUND,
        metadata=("Summary: Checks nothing.", "Project-URL: Documentation, https://example.org"),
    )
    return site


def test_list_works_with_a_broken_plugin_installed(broken: Site) -> None:
    rows = {row["name"]: row for row in broken.json("plugins", "list")}
    assert rows["broken"]["selected"] is True
    assert rows["broken"]["reason"] == "selected: active on installation"
    assert rows["broken"]["order"] == 1
    assert rows["sound"]["selected"] is False
    assert (rows["sound"]["distribution"], rows["sound"]["version"]) == ("sound-plugin", "1.0")
    text = broken.cli("plugins", "list", "--no-plugin", "broken").output
    assert "not selected: --no-plugin" in text


def test_doctor_works_with_a_broken_plugin_installed(broken: Site) -> None:
    assert broken.json("plugins", "doctor") == {"ok": True, "findings": []}
    broken.plugin("sound", SOUND, distribution="other-sound")
    broken.plugin("old", SOUND, api="v0")
    result = broken.cli("plugins", "doctor", "--json")
    assert result.exit_code == 1
    problems = " ".join(item["problem"] for item in broken.json("plugins", "doctor")["findings"])
    assert "it is provided by other-sound 1.0, sound-plugin 1.0" in problems
    assert "written for version 0" in problems


def test_info_works_with_a_broken_plugin_installed(broken: Site) -> None:
    info = broken.json("plugins", "info", "sound")
    assert info["hooks"] == ["check_spec"]
    assert (info["summary"], info["docs"]) == ("Checks nothing.", "https://example.org")
    result = broken.cli("plugins", "info", "broken")
    assert result.exit_code == 1
    assert "plugin 'broken' (broken-plugin 1.0)" in result.output
    assert "broken on purpose" in result.output


@pytest.mark.parametrize("arguments", [["--no-plugins"], ["--no-plugin", "broken"], ["--plugin", "sound"]])
def test_compiling_without_the_broken_plugin_works(broken: Site, arguments: list[str]) -> None:
    assert broken.cli("validate", "pipeline.yaml").exit_code == 1
    for command in (["validate"], ["compile"], ["explain"]):
        result = broken.cli(*command, "pipeline.yaml", *arguments)
        assert result.exit_code == 0, result.output


def test_the_command_line_tells_of_a_broken_plugin_without_a_traceback(broken: Site) -> None:
    result = broken.cli("compile", "pipeline.yaml", "-o", "out.json")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    for part in ("'broken'", "broken-plugin 1.0", "RuntimeError: broken on purpose", "--no-plugin"):
        assert part in result.output
    assert [path.name for path in broken.project.iterdir()] == ["pipeline.yaml"]
    found = broken.json("compile", "pipeline.yaml", "-o", "out.json")
    assert found["ok"] is False
    assert "broken-plugin 1.0" in found["diagnostics"][0]["message"]


def test_no_plugins_ignores_the_options_of_all(broken: Site) -> None:
    broken.write(CONFIG, "plugins:\n  enable: [gone]\n  options:\n    gone:\n      level: 1\n")
    assert broken.cli("compile", "pipeline.yaml", "--no-plugins").exit_code == 0
    assert "'gone'" in broken.cli("compile", "pipeline.yaml").output


COMMAND = """
import click

@hookimpl
def register_commands(cli):
    {body}
"""


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("raise ValueError('boom')", "it raised ValueError: boom"),
        ("return 'done'", "it returned 'done', expected nothing"),
    ],
)
def test_commands_of_a_broken_plugin_are_reported(site: Site, body: str, problem: str) -> None:
    site.plugin("alpha", COMMAND.format(body=body), autoload=True)
    result = site.cli("hello")
    assert result.exit_code == 2
    assert "unknown command 'hello'" in result.output
    assert "plugin 'alpha' (alpha-plugin 1.0), hook register_commands: " in result.output
    assert problem in result.output


def test_a_plugin_adds_a_command(site: Site) -> None:
    body = "cli.add_command(click.Command('hello', callback=lambda: click.echo('hello from alpha')))"
    site.plugin("alpha", COMMAND.format(body=body), autoload=True)
    assert site.cli("hello").output == "hello from alpha\n"


# Interrupting it

SLOW = """
import pathlib
import time

@hookimpl
def {hook}({arguments}):
    pathlib.Path("started").touch()
    time.sleep(100)
    return {result}
"""


@pytest.mark.parametrize(
    ("hook", "arguments", "result"),
    [("transform_spec", "spec", "spec"), ("pipeline_compiled", "", "None"), ("extract_metadata", "", "{}")],
)
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_a_hook_that_never_returns_is_the_users_to_interrupt(
    site: Site, hook: str, arguments: str, result: str, start_process: ProcessStarter
) -> None:
    site.plugin("alpha", SLOW.format(hook=hook, arguments=arguments, result=result))
    output = site.project / "out.json"
    output.write_text("what was there before", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "dagcast.cli",
        "compile",
        "pipeline.yaml",
        "--plugin",
        "alpha",
        "-o",
        "out.json",
    ]
    process = start_process(
        command,
        cwd=site.project,
        env=environment([site.folder]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    started = site.project / "started"
    while not started.exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in errors
    assert output.read_text(encoding="utf-8") == "what was there before"
    assert sorted(path.name for path in site.project.iterdir()) == ["out.json", "pipeline.yaml", "started"]


def test_an_interrupt_passes_through_every_hook(site: Site) -> None:
    for hook in COMPILED:
        name = hook.replace("_", "-")
        site.plugin(name, f"@hookimpl\ndef {hook}():\n    raise KeyboardInterrupt")
        with pytest.raises(KeyboardInterrupt):
            site.compile(name)


# One that an installer put there


def test_a_wheel_that_an_installer_unpacked_is_found_and_runs(site: Site, tmp_path: Path) -> None:
    source = """
    @hookimpl
    def extract_metadata():
        return {"from": "a wheel"}
    """
    wheel = plugin("wheeled", source, version="3.2.1", api="v1").wheel(tmp_path)
    target = tmp_path / "target"
    tried = []
    for installer in (
        [sys.executable, "-m", "pip"],
        [sys.executable, "-m", "uv", "pip"],
        [shutil.which("uv"), "pip"],
    ):
        if installer[0] is None:
            continue
        arguments = [*installer, "install", "--no-index", "--no-deps", "--target", str(target), str(wheel)]
        done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
        tried.append(done.stderr)
        if done.returncode == 0:
            break
    else:
        if all("No module named" in error for error in tried):
            pytest.skip("there is no installer")
        raise AssertionError(tried)
    code = textwrap.dedent(
        """
        from dagcast import PipelineDAGCompiler

        report = PipelineDAGCompiler("pipeline.yaml", plugins=["wheeled"]).compile_definition().report
        print(report.plugins[0]["distribution"], report.plugins[0]["version"], dict(report.metadata))
        """
    )
    done = run(["-c", code], [target], site.project)
    assert done.stdout == "wheeled-plugin 3.2.1 {'from': 'a wheel'}\n", done.stderr


def test_every_error_is_one_of_ours(site: Site) -> None:
    """Nothing above is caught as something else than the root of dagcast's errors."""
    with pytest.raises(DagcastError):
        PipelineDAGCompiler(site.config, plugins=["nobody"]).plugins  # noqa: B018
