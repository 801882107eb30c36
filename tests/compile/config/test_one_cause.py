"""One mistake is one error: what only follows from it is left out, and its further places are named with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dagcast.errors import Diagnostic
from tests.support.compiling import IMAGE, ROLE, check, only_error

HEAD = f"""\
pipeline: {{name: p, region: us-east-1, role: "{ROLE}", bucket: my-bucket}}
defaults: {{image_uri: "{IMAGE}", instance_type: ml.m5.large}}
"""
STEPS = """\
steps:
  prep: {type: Processing, outputs: {train: }}
  fit: {type: Training, inputs: {train: }}
  again: {type: Training, inputs: {train: }}
  make: {type: CreateModel}
"""
EDGES = "edges: [prep -> fit, prep -> again, fit -> make]\n"
CONFIG = HEAD + STEPS + EDGES


@pytest.fixture
def error_of(tmp_path: Path) -> Callable[[str, str], Diagnostic]:
    """Returns the only error of the config after one replacement in its text."""

    def replaced(old: str, new: str) -> Diagnostic:
        assert CONFIG.count(old) >= 1
        path = tmp_path / "c.yaml"
        path.write_text(CONFIG.replace(old, new))
        return only_error(path)

    return replaced


def test_the_config_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG)
    assert check(path).errors == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "meant"),
    [
        ("steps:", "stpes:", 3, "steps"),
        ("steps:", "STEPS:", 3, "steps"),
        ("steps:", "nodes:", 3, "steps"),
        ("edges:", "graph:", 8, "edges"),
        ("defaults:", "default:", 2, "defaults"),
        ("pipeline:", "pipelin:", 1, "pipeline"),
        ("bucket:", "bukcet:", 1, "bucket"),
        ("role:", "rloe:", 1, "role"),
        ("image_uri:", "image_url:", 2, "image_uri"),
        ("instance_type:", "instnce_type:", 2, "instance_type"),
        ("outputs:", "output:", 4, "outputs"),
        ("outputs:", "ouptuts:", 4, "outputs"),
        ("fit: {type: Training, inputs", "fit: {type: Training, input", 5, "inputs"),
        ("fit: {type:", "fit: {tpye:", 5, "type"),
    ],
)
def test_a_misspelt_key_is_one_error(
    error_of: Callable[[str, str], Diagnostic], old: str, new: str, line: int, meant: str
) -> None:
    error = error_of(old, new)
    assert (error.code, error.hint) == ("config.unknown-field", f"did you mean {meant!r}?")
    assert error.location is not None
    assert error.location.line == line


@pytest.mark.parametrize(
    ("old", "new", "code", "hint"),
    [
        # Nothing that is close: the ports of the step are not known, and nothing is said of them.
        ("outputs: {train: }", "produces: {train: }", "config.unknown-field", None),
        ("fit: {type: Training, inputs", "fit: {type: Training, consumes", "config.unknown-field", None),
        (
            "prep: {type:",
            "prep: {kind:",
            "config.missing-field",
            "write type: Processing in place of kind: Processing",
        ),
        (
            "prep: {type: Processing",
            "prep: {type: Procesing",
            "config.unknown-type",
            "did you mean 'Processing'?",
        ),
        ("outputs: {train: }", "outputs: [train]", "config.wrong-type", "write {train: }"),
        ("[prep -> fit, ", "[prep > fit, ", "dag.invalid-edge", "write 'prep -> fit'"),
        ("[prep -> fit, ", "[{prep: fit}, ", "dag.invalid-edge", "write 'prep -> fit'"),
        ("[prep -> fit, ", "[{to: fit, from: prep}, ", "dag.invalid-edge", "write 'prep -> fit'"),
        ("[prep -> fit, ", "[prep -> fti, ", "dag.unknown-node", "did you mean 'fit'?"),
        ("[prep -> fit, ", "[perp -> fit, ", "dag.unknown-node", "did you mean 'prep'?"),
        (EDGES, "edges: prep -> fit\n", "dag.wrong-type", "write [prep -> fit]"),
        ("prep: {", "prpe: {", "dag.unknown-node", "did you mean 'prpe'?"),
        ("ml.m5.large", "m5.large", "request.unknown-value", "did you mean 'ml.m5.large'?"),
        (
            "ml.m5.large",
            '"${param.Machine}"',
            "reference.unknown-parameter",
            "declare it under parameters",
        ),
        (
            f'{{image_uri: "{IMAGE}", ',
            "{",
            "image.missing",
            "set image_uri, or framework and framework_version",
        ),
        ("my-bucket", "s3://My_Bucket/prefix", "config.pattern", None),
        (
            ", bucket: my-bucket",
            "",
            "pipeline.missing-bucket",
            "set pipeline.bucket, or give each destination",
        ),
        ("defaults: {", "defaults: {spto: true, ", "config.unknown-field", None),
    ],
)
def test_what_follows_is_left_out(
    error_of: Callable[[str, str], Diagnostic], old: str, new: str, code: str, hint: str | None
) -> None:
    error = error_of(old, new)
    assert error.code == code
    if hint is not None:
        assert error.hint == hint


def test_no_instance_type_is_one_error(error_of: Callable[[str, str], Diagnostic]) -> None:
    error = error_of(", instance_type: ml.m5.large", "")
    assert error.message == "steps 'prep', 'fit' and 'again': no instance type is given"
    assert error.advice.endswith("also in lines 5 and 6)")


def test_an_undeclared_parameter_is_one_error_with_all_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        HEAD
        + """\
parameters: {Tetx: a}
steps:
  a: {type: Fail, error_message: "${param.Text}"}
  b: {type: Fail, error_message: "${param.Text} and more"}
  c: {type: Fail, error_message: "${param.Other}"}
"""
    )
    first, second = check(path).errors
    assert first.message == "steps 'a' and 'b': ${param.Text} is not a declared parameter"
    assert first.advice == " (did you mean 'Tetx'?; also in line 6)"
    assert first.as_dict()["also"] == [{"file": str(path), "line": 6}]
    assert second.message == "step 'c': ${param.Other} is not a declared parameter"


def test_a_step_that_does_not_exist_is_one_error_however_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        HEAD
        + """\
steps:
  prpe: {type: Processing, outputs: {train: }}
  fit: {type: Training, inputs: {train: prep.train}}
  more: {type: Training, depends_on: [prep]}
  end: {type: Fail, error_message: "${step.prep.ProcessingJobName}"}
  if:
    type: Condition
    conditions: [{left: 1, op: "==", right: 1}]
    if_steps: [prep]
edges: [prep -> more, prep => end]
"""
    )
    error = only_error(path)
    assert (error.location and error.location.line, error.hint) == (5, "did you mean 'prpe'?")
    assert [place.line for place in error.also] == [6, 7, 11, 12]


def test_a_wrong_value_under_a_misspelt_key_is_at_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG.replace("instance_type: ml.m5.large", "instnce_type:\n  m5.large"))
    found = [(error.location and error.location.line, error.code) for error in check(path).errors]
    assert found == [(2, "config.unknown-field"), (3, "request.unknown-value")]


def test_a_value_of_another_type_under_a_misspelt_key_follows(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG.replace("outputs: {train: }", "output: s3://my-bucket/out"))
    assert only_error(path).hint == "did you mean 'outputs'?"


def test_an_input_in_place_of_a_field_says_where_it_belongs(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    step = "  score: {type: Transform, model_name: make.model_name, inputs: {data: s3://my-bucket/x}}\n"
    path.write_text(HEAD + STEPS + step + EDGES)
    error = only_error(path)
    assert (error.code, error.hint) == (
        "config.unknown-field",
        "it is an input: write inputs: {model_name: ...}",
    )


@pytest.mark.parametrize(
    "overlay", ["steps: {fit: {inptus: {train: prep.train}}}", "defaults: {image_url: x}"]
)
def test_misspelt_keys_of_an_environment_are_one_error(tmp_path: Path, overlay: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"{CONFIG}environments: {{prod: {{{overlay}}}}}\n")
    error = only_error(path)
    assert error.message.startswith("environment 'prod': ")
    assert (error.code, error.location and error.location.line) == ("config.unknown-field", 9)


@pytest.mark.parametrize(
    ("section", "listed"),
    [
        ("steps", "[{name: prep, type: Processing}]"),
        ("parameters", "[Text]"),
        ("parameters", "[{name: Text}]"),
    ],
)
def test_a_section_that_is_a_list_is_one_error(tmp_path: Path, section: str, listed: str) -> None:
    path = tmp_path / "c.yaml"
    steps = "" if section == "steps" else 'steps:\n  prep: {type: Fail, error_message: "${param.Text}"}\n'
    path.write_text(
        f"{HEAD}{steps}{section}: {listed}\nedges: [{'prep -> fit' if section == 'steps' else ''}]\n"
    )
    error = only_error(path)
    assert error.message == f"{section!r} is not a mapping"
    assert (error.hint or "").startswith("write each under its name, such as ")
