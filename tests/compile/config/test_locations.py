"""The line of the value itself, at any depth, in errors and in explain; and what to write instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from dagcast import PipelineDAGCompiler
from dagcast.cli.main import cli
from tests.support.compiling import IMAGE, ROLE, check, config, errors_of

HEAD = f"pipeline: {{name: demo, role: '{ROLE}', bucket: my-bucket, region: us-east-1}}\n"

DEEP = f"""\
steps:
  a:
    type: Processing
    image_uri: {IMAGE}
    instance_type: ml.m5.large
    arguments:
      - --a
      - ${{param.X}}
      - --b
      - ${{step.zz.Y}}
    environment:
      A: ok
      B: left-${{param.Q}}-right
  c:
    type: Condition
    conditions:
      - left: ${{param.A}}
        op: "=="
        right: 1
      - not:
          or:
            - left: 1
              op: "=="
              right: ${{param.B}}
            - value: x
              in:
                - y
                - ${{param.C}}
  m:
    type: CreateModel
    image_uri: {IMAGE}
    inputs: {{model: s3://my-bucket/m.tar.gz}}
    environment:
      LOG:
        ${{param.D}}
    request:
      Tags:
        - Key: a
          Value: b
        - Key: c
          Value: ${{param.E}}
defaults:
  environment:
    SHARED:
      ${{param.F}}
"""


def lines_of(path: Path) -> dict[str, int | None]:
    """By parameter that does not exist: the line of the error that says so."""
    return {
        error.message.partition("${param.")[2].partition("}")[0]: error.location and error.location.line
        for error in PipelineDAGCompiler(path, plugins=[]).validate().errors
        if error.code == "reference.unknown-parameter"
    }


def test_a_reference_is_found_at_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(HEAD + DEEP)
    written = (HEAD + DEEP).splitlines()
    expected = {
        name: 1 + next(i for i, line in enumerate(written) if f"param.{name}}}" in line)
        for name in "XQABCDEF"
    }
    assert lines_of(path) == expected


def test_in_json_as_well(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    text = json.dumps(yaml.safe_load(HEAD + DEEP), indent=1)
    path.write_text(text)
    written = text.splitlines()
    expected = {
        name: 1 + next(i for i, line in enumerate(written) if f"param.{name}}}" in line)
        for name in "XQABCDEF"
    }
    assert lines_of(path) == expected


def test_explain_gives_the_line_of_each_value(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    text = (
        f"{HEAD}steps:\n  a:\n    type: Processing\n    image_uri: {IMAGE}\n    instance_type: ml.m5.large\n"
        "    arguments:\n      - --depth\n      - '5'\n    environment:\n      A: x\n      B: y\n"
        "  c:\n    type: Condition\n    conditions:\n      - left: 7\n        op: '>'\n        right: 6\n"
    )
    path.write_text(text)
    output = CliRunner().invoke(cli, ["explain", str(path), "--json", "--no-plugins"]).stdout
    lines = {tuple(item["path"]): item["line"] for item in json.loads(output) if item["step"]}
    arguments = ("Arguments", "AppSpecification", "ContainerArguments")
    assert (lines[(*arguments, 0)], lines[(*arguments, 1)]) == (8, 9)
    assert (lines[("Arguments", "Environment", "A")], lines[("Arguments", "Environment", "B")]) == (11, 12)
    compared = ("Arguments", "Conditions", 0)
    assert (lines[(*compared, "LeftValue")], lines[(*compared, "RightValue")]) == (16, 18)


def condition(left: str) -> dict[str, object]:
    evaluate = {
        "type": "Processing",
        "image_uri": IMAGE,
        "instance_type": "ml.m5.large",
        "outputs": {"e": "/opt/ml/processing/e"},
        "property_files": {"Rep": {"output": "e", "path": "e.json"}},
    }
    decide = {
        "type": "Condition",
        "conditions": [{"left": left, "op": ">=", "right": 0.8}],
        "if_steps": ["stop"],
    }
    steps = {"ev": evaluate, "c": decide, "stop": {"type": "Fail", "error_message": "x"}}
    return config(steps, parameters={"Metric": "auc"}, edges=["ev -> c"])


@pytest.mark.parametrize(
    "path",
    ["a", "a.b", "a[0].b", "[0]", "a['x:y'].b", "['x y']", 'a["b"]', "a-b.c_d", "validation:auc", "a b.c"],
)
def test_what_a_path_into_a_property_file_may_hold(path: str) -> None:
    assert errors_of(condition(f"${{json.ev.Rep.{path}}}")) == []


@pytest.mark.parametrize(
    ("path", "mended"),
    [
        ("a..b", "a.b"),
        ("a.", "a"),
        ("a[x].y", "a['x'].y"),
        ("a[ 0 ].y", "a[0].y"),
        ("a[validation:auc].value", "a['validation:auc'].value"),
        ("a['x", None),
        ("a[*].b", None),
    ],
)
def test_another_path_is_an_error_with_the_path_to_write(path: str, mended: str | None) -> None:
    (error,) = check(condition(f"${{json.ev.Rep.{path}}}")).errors
    assert error.message == (
        f"step 'c' (Condition): conditions[0].left: {path!r} is not a path into a property file: expected names "
        "with dots between them, [0] or ['key']"
    )
    assert (
        error.hint == f"write ${{json.{'ev.Rep.' + mended if mended else '<step>.<property file>.<path>'}}}"
    )
    if mended:
        assert errors_of(condition(f"${{json.ev.Rep.{mended}}}")) == []


def test_a_reference_inside_of_another() -> None:
    assert errors_of(condition("${json.ev.Rep.metrics.${param.Metric}.value}")) == [
        "<config>.steps.c.conditions[0].left: step 'c' (Condition): conditions[0].left: ${param.Metric} is nested "
        "in another reference, ${json.ev.Rep.metrics.${param.Metric}.value} (a path is fixed when the pipeline is "
        "compiled: write the key instead of ${param.Metric})"
    ]


@pytest.mark.parametrize(
    ("instance", "suggestion", "is_newer"),
    [
        ("ml.m9x.large", "did you mean 'ml.m5.large'?", True),
        ("ml.m5.xlarg", "did you mean 'ml.m5.xlarge'?", False),
        ("m5.large", "did you mean 'ml.m5.large'?", False),
        ("x", "", True),
    ],
)
def test_an_instance_type_that_botocore_does_not_know(instance: str, suggestion: str, is_newer: bool) -> None:
    base = config({"a": {"type": "Processing", "image_uri": IMAGE, "instance_type": instance}})
    (error,) = check(base).errors
    hint = error.hint or ""
    assert hint.startswith(suggestion)
    assert ("upgrade botocore, or write ignore_rules: [request.unknown-value]" in hint) == is_newer
    assert errors_of({**base, "ignore_rules": ["request.unknown-value"]}) == []


def test_the_name_of_a_role_suggests_its_arn() -> None:
    base = {"name": "demo", "role": "SageMakerRole", "bucket": "my-bucket"}
    job = {"type": "Processing", "image_uri": IMAGE, "instance_type": "ml.m5.large"}
    (error,) = check({"pipeline": base, "steps": {"a": job, "b": job}}).errors
    assert error.hint == "write the role's ARN, such as arn:aws:iam::123456789012:role/SageMakerRole"
