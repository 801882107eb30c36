"""What plugin authors may import is frozen, and documented."""

from __future__ import annotations

import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dagcast import plugin
from dagcast.plugins.hooks import HookSpecs

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "writing-plugins.md"
TESTS = ROOT / "tests" / "integration" / "plugins"

# Names are added to a version of the hooks, never changed or taken away: to change this list is to break plugins.
NAMES = (
    "API_VERSION",
    "DESCRIPTION_MAX_LENGTH",
    "EACH",
    "HOOKS",
    "TAG_VALUE_MAX_LENGTH",
    "UNKNOWN",
    "BasePipelineConfig",
    "BoolOrReference",
    "Cached",
    "Change",
    "CoercedStrOrReference",
    "CompileReport",
    "ConfigLike",
    "ConfigModel",
    "DAGLike",
    "DataFields",
    "Diagnostic",
    "DiagnosticSink",
    "Document",
    "Edge",
    "ExecutionVariable",
    "FieldPath",
    "FieldPattern",
    "Finding",
    "FloatOrReference",
    "FreeMapping",
    "FrozenDict",
    "InputConfig",
    "InputPort",
    "IntOrReference",
    "InvalidInputError",
    "Join",
    "JsonGet",
    "Location",
    "Lowering",
    "OutputPort",
    "ParameterConfig",
    "ParameterRef",
    "ParameterSpec",
    "PipelineConfig",
    "PipelineDAG",
    "PipelineFacts",
    "PipelineSpec",
    "PluginError",
    "PluginRequest",
    "PropertyShape",
    "Reference",
    "RequestBody",
    "RequestField",
    "RequestFields",
    "RequestShape",
    "Retried",
    "Rule",
    "StepConfig",
    "StepProperty",
    "StepSpec",
    "StepType",
    "StrOrReference",
    "To",
    "WithInputs",
    "WithOutputs",
    "at_most",
    "at_most_one_of",
    "compile_verified",
    "data_fields",
    "did_you_mean",
    "document_from_data",
    "each",
    "exactly_one_of",
    "excludes",
    "find_distributions",
    "find_values",
    "format_path",
    "freeze",
    "has",
    "has_local_storage",
    "hookimpl",
    "mixin",
    "needs",
    "notify_compiled",
    "only_with",
    "open_config",
    "parse_property_path",
    "put",
    "read_document",
    "references",
    "remove",
    "request_fields",
    "step_fields",
    "thaw",
    "to_path",
    "unique",
    "value_at",
)
HOOKS = (
    "options_model",
    "extract_metadata",
    "decorate_template_class",
    "build_template_params",
    "pipeline_parameters",
    "local_parameters",
    "register_step_types",
    "register_rules",
    "transform_spec",
    "check_spec",
    "pipeline_compiled",
    "observe_run",
    "register_commands",
)


def test_the_namespace_holds_these_names() -> None:
    assert tuple(plugin.__all__) == NAMES
    assert all(hasattr(plugin, name) for name in NAMES)
    # pytest, of which dagcast has a plugin, puts names of its own into its modules.
    public = {name for name in vars(plugin) if not name.startswith(("_", "@"))}
    assert public - {"annotations"} == set(NAMES)


def test_the_hooks_are_these() -> None:
    assert plugin.HOOKS == HOOKS
    assert plugin.API_VERSION == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_name_says_what_it_is(name: str) -> None:
    """Classes and functions have a docstring of their own; what is data has one where it is defined."""
    value: Any = getattr(plugin, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert "__doc__" in vars(value) or inspect.isfunction(value)
        text = value.__doc__ or ""
        # What dataclasses and pydantic write in the place of a docstring says nothing.
        assert text
        assert not text.startswith(f"{name}(")
    else:
        text = documentation(name)
    assert re.match(r"[A-Z`].*[.:;]", text, re.DOTALL), text


def documentation(name: str) -> str:
    """The text below the assignment of a name in the module that makes it."""
    for module in (
        "dagcast.paths",
        "dagcast.plugins.api_version",
        "dagcast.plugins.hooks",
        "dagcast.compile.config.fields",
        "dagcast.compile.config.config",
        "dagcast.compile.config.pipeline_dag",
        "dagcast.check.rules.request_body",
        "dagcast.sagemaker.path_patterns",
        "dagcast.sagemaker.limits",
    ):
        __import__(module)
        source = inspect.getsource(sys.modules[module])
        found = re.search(rf'^{name}\b[^\n]*=[^\n]*\n"""(.*?)"""', source, re.MULTILINE | re.DOTALL)
        if found:
            return found[1]
    raise AssertionError(f"{name} has no documentation")


@pytest.mark.parametrize("name", NAMES)
def test_examples_in_docstrings_run(name: str) -> None:
    value: Any = getattr(plugin, name)
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder().find(value, name, globs=dict(vars(plugin))):
        runner.run(example)
    assert runner.summarize().failed == 0


def test_mixin_has_an_example() -> None:
    assert ">>> decorated = mixin(" in (plugin.mixin.__doc__ or "")


def test_importing_it_pulls_in_nothing_heavy() -> None:
    code = """
import sys
import dagcast.plugin
heavy = {"sagemaker", "boto3", "pandas", "numpy", "rich", "yaml", "importlib_metadata"} & set(sys.modules)
print(sorted(heavy))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


# Every hook, in the guide and in the tests


def section(hook: str) -> str:
    found = re.search(
        rf"^### `{hook}`\n(.*?)(?=^##|\Z)", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found, f"docs/writing-plugins.md has no heading ### `{hook}`"
    return found[1]


@pytest.mark.parametrize("hook", plugin.HOOKS)
def test_every_hook_is_documented(hook: str) -> None:
    text = section(hook)
    sentence = text.strip().split("\n\n")[0]
    assert re.match(r"[A-Z].*[.;]", sentence, re.DOTALL), f"### `{hook}` does not begin with a sentence"
    example = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert example, f"### `{hook}` has no example"
    signature = re.search(rf"@hookimpl\ndef {hook}\((.*?)\)", example[1])
    assert signature, f"the example of ### `{hook}` does not implement it"
    allowed = [name for name in inspect.signature(getattr(HookSpecs, hook)).parameters if name != "self"]
    taken = [part.partition(":")[0].strip() for part in signature[1].split(",") if part.strip()]
    assert set(taken) <= set(allowed), f"the example of ### `{hook}` takes what the hook does not pass"
    compile(example[1], str(GUIDE), "exec")


@pytest.mark.parametrize("hook", plugin.HOOKS)
def test_every_argument_of_a_hook_is_documented(hook: str) -> None:
    allowed = [name for name in inspect.signature(getattr(HookSpecs, hook)).parameters if name != "self"]
    text = section(hook)
    for name in allowed:
        if name != "options":
            assert re.search(rf"\b{name}\b", text), f"### `{hook}` does not mention {name}"


def test_no_hook_is_documented_that_is_none() -> None:
    headings = re.findall(r"^### `(\w+)`$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(plugin.HOOKS)


@pytest.mark.parametrize("hook", plugin.HOOKS)
def test_every_hook_says_what_it_is_for(hook: str) -> None:
    assert re.match(r"[A-Z].*\.", getattr(HookSpecs, hook).__doc__ or "", re.DOTALL)


@pytest.mark.parametrize("hook", plugin.HOOKS)
def test_every_hook_is_tested(hook: str) -> None:
    sources = [path.read_text(encoding="utf-8") for path in TESTS.glob("*.py")]
    implemented = re.compile(rf"@hookimpl\s+def {hook}\(")
    assert any(implemented.search(source) for source in sources), f"no test implements {hook}"
