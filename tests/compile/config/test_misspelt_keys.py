"""Keys that no field has: found at their own line, and never taken for something of the validator's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from tests.support.compiling import IMAGE, ROLE, check, config, errors_of

YAML = f"""\
pipeline:
  name: demo
  role: {ROLE}
  bukcet:

    my-bucket
bogus:

  x
parameters:
  P:
    typo:

      String
    default: a
defaults:
  instnce_type:

    ml.m5.xlarge
plugins:
  enabel:

    mods
steps:
  "bad name":

    {{type: Fail, error_message: x}}
  f:
    type: Fail
    eror_message:

      x
    cache_:
      enabled: true
environments:
  prod:
    stps:

      {{}}
"""

JSON = f"""\
{{
"pipeline": {{"name": "demo", "role": "{ROLE}",
  "bukcet":

    "my-bucket"}},
"bogus":

  "x",
"parameters": {{"P": {{
  "typo":

    "String",
  "default": "a"}}}},
"defaults": {{
  "instnce_type":

    "ml.m5.xlarge"}},
"plugins": {{
  "enabel":

    "mods"}},
"steps": {{
  "bad name":

    {{"type": "Fail", "error_message": "x"}},
  "f": {{"type": "Fail",
    "eror_message":

      "x",
    "cache_":
      {{"enabled": true}}}}}},
"environments": {{"prod": {{
    "stps":

      {{}}}}}}
}}
"""

TOML = f"""\
bogus = '''
x'''
[pipeline]
name = "demo"
role = "{ROLE}"
bukcet = '''
my-bucket'''
[parameters.P]
typo = '''
String'''
default = "a"
[defaults]
instnce_type = '''
x'''
[plugins]
enabel = ["mods",
]
[steps."bad name"]
type = "Fail"
[steps.f]
type = "Fail"
eror_message = '''
x'''
cache_ = {{enabled = true}}
[environments.prod.stps]
"""


@pytest.mark.parametrize(
    ("suffix", "text", "lines"),
    [
        ("yaml", YAML, [4, 7, 12, 17, 21, 25, 30, 33, 37]),
        ("json", JSON, [3, 6, 10, 15, 19, 23, 27, 30, 33]),
        ("toml", TOML, [1, 6, 9, 13, 16, 18, 22, 24, 25]),
    ],
)
def test_an_unknown_key_is_found_at_its_own_line(
    suffix: str, text: str, lines: list[int], tmp_path: Path
) -> None:
    path = tmp_path / f"c.{suffix}"
    path.write_text(text)
    errors = PipelineDAGCompiler(path, plugins=[]).validate().errors
    found = [error.location.line for error in errors if error.location is not None]
    assert found == lines
    assert {error.code for error in errors} == {"config.unknown-field", "config.invalid-name"}


def test_a_field_that_is_misspelt_is_not_missing_as_well() -> None:
    step = {"type": "Lambda", "function-arn": "arn:aws:lambda:us-east-1:123456789012:function:f"}
    assert errors_of(config({"a": step})) == [
        "<config>.steps.a.function-arn: step 'a' (Lambda): unknown field 'function-arn' "
        "(did you mean 'function_arn'?)"
    ]


def test_keys_inside_of_values_are_named_whole() -> None:
    step = {
        "type": "Processing",
        "image_uri": IMAGE,
        "instance_type": "ml.m5.large",
        "outputs": {"o": {"x]": 1}},
        "cache": {"enabled]": 1},
        "retry_policies": [{"y]": 1, "exception_types": ["Step.THROTTLING"]}],
    }
    place = "<config>.steps.a."
    assert errors_of(config({"a": step})) == [
        f"""{place}cache['enabled]']: step 'a' (Processing): unknown field "cache['enabled]']" """
        "(did you mean 'enabled'?)",
        f"""{place}outputs.o['x]']: step 'a' (Processing): unknown field "outputs.o['x]']" """
        "(known: aliases, destination, kind, path, upload_mode)",
        f"""{place}retry_policies[0]['y]']: step 'a' (Processing): unknown field "retry_policies[0]['y]']" """
        "(known: backoff_rate, exception_types, expire_after_mins, interval_seconds, max_attempts)",
    ]


WORDS_OF_PYDANTIC = [
    "str",
    "int",
    "float",
    "bool",
    "none",
    "dict",
    "list[str]",
    "function-wrap[_reference_or_plain()]",
    "function-before[_from_default(), ParameterConfig]",
    "function-",
    "[key]",
    "]",
    "ExperimentConfig",
    "TrainingConfig",
    "Condition",
    "literal[False]",
    "model-fields",
    "__root__",
    "root",
    "0",
    "",
]


@pytest.mark.parametrize("key", WORDS_OF_PYDANTIC)
def test_words_of_the_validator_are_keys_like_any_other(key: str) -> None:
    base = {"name": "demo", "experiment": {key: "x"}, "limits": {key: 1}}
    condition = {"not": {"left": 1, "op": "==", "right": 1, key: 1}}
    steps: dict[str, Any] = {
        "c": {"type": "Condition", "conditions": [condition]},
        "f": {"type": "Fail", key: 1},
    }
    parameters = {"P": {"type": "String", key: 1}}
    errors = (
        PipelineDAGCompiler({"pipeline": base, "steps": steps, "parameters": parameters}, plugins=[])
        .validate()
        .errors
    )
    spelled = f".{key}" if key.isidentifier() or key in ("model-fields", "function-", "0") else f"[{key!r}]"
    places = sorted(str(error.location) for error in errors)
    assert places == sorted(
        f"<config>.{place}{spelled}"
        for place in (
            "pipeline.experiment",
            "pipeline.limits",
            "steps.c.conditions[0].not",
            "steps.f",
            "parameters.P",
        )
    )
    assert {error.code for error in errors} == {"config.unknown-field"}


def test_a_key_of_a_mapping_may_be_named_like_the_mark_of_a_mistake_in_a_key() -> None:
    tags = {"[key]": 1, "a": {"[key]": "b"}}
    messages = errors_of({"pipeline": {"name": "demo", "tags": tags}})
    assert messages == [
        "<config>.pipeline.tags.a: pipeline: tags.a: expected a string, got {'[key]': 'b'}",
        "<config>.pipeline.tags['[key]']: pipeline: tags['[key]']: expected a string, got 1 "
        '(write "1" in quotes)',
    ]


def test_a_list_of_names_where_a_mapping_belongs() -> None:
    step = {"type": "Processing", "image_uri": IMAGE, "instance_type": "ml.m5.large", "inputs": ["train"]}
    assert errors_of(config({"a": step})) == [
        "<config>.steps.a.inputs: step 'a' (Processing): inputs: expected a mapping, got ['train'] "
        "(write {train: })"
    ]


def test_json_and_python_name_the_same_keys(tmp_path: Path) -> None:
    data = config({"a": {"type": "Fail", "eror_message": "x"}})
    path = tmp_path / "c.json"
    path.write_text(json.dumps(data))
    (from_file,) = PipelineDAGCompiler(path, plugins=[]).validate().errors
    (from_python,) = PipelineDAGCompiler(data, plugins=[]).validate().errors
    assert from_file.message == from_python.message


def test_a_field_that_nothing_resembles_is_missing() -> None:
    (error,) = check(config({"a": {"type": "Lambda"}})).errors
    assert (error.code, error.message) == (
        "config.missing-field",
        "step 'a' (Lambda): 'function_arn' is missing",
    )


def test_a_node_without_config_suggests_the_step() -> None:
    (error,) = check(config({"prep": {"type": "Fail"}}), {"nodes": ["prep", "pret"]}).errors
    assert (error.code, error.hint) == ("dag.unconfigured-node", "did you mean 'prep'?")
