"""Invalid input: each error has a place and a message, and none is a traceback."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dagcast.cli.main import cli
from tests.support.compiling import IMAGE, ROLE

BASE = f"pipeline: {{name: demo, role: '{ROLE}', bucket: my-bucket}}\n"
DEFAULTS = f"defaults: {{image_uri: '{IMAGE}', instance_type: ml.m5.xlarge}}\n"
HEAD = BASE + DEFAULTS
STEPS = "steps: {a: {type: Fail}, b: {type: Fail}}\n"

# By name: the config, and for each error the line and a part of its message.
CONFIGS: dict[str, tuple[str, list[tuple[int, str]]]] = {
    "empty": ("", [(1, "the section 'pipeline' is missing")]),
    "only a comment": ("# nothing\n", [(1, "the section 'pipeline' is missing")]),
    "only text": ("hello\n", [(1, "the top level must be a mapping")]),
    "a list": ("- a\n", [(1, "the top level must be a mapping")]),
    "not yaml": ("a: [1\n", [(1, "not valid YAML")]),
    "tab": ("a:\n\tb: 1\n", [(2, "tab")]),
    "two documents": ("a: 1\n---\nb: 2\n", [(2, "document")]),
    "duplicate key": (
        HEAD + "steps:\n  a: {type: Fail}\n  a: {type: Fail}\n",
        [(5, "the key 'a' is given twice")],
    ),
    "anchor without target": (HEAD + "steps: *nope\n", [(3, "nope")]),
    "python object": (HEAD + "steps: !!python/object/apply:os.system [ls]\n", [(3, "tag")]),
    "nul": (HEAD + 'steps: {"a\\0": {type: Fail}}\n', [(3, "NUL")]),
    "huge integer": (
        HEAD + "steps: {a: {type: Training, volume_size_in_gb: 99999999999999999999}}\n",
        [(3, "does not fit 64 bits")],
    ),
    "not a number": (HEAD + "steps: {a: {type: Training, hyperparameters: {x: .nan}}}\n", [(3, ".nan")]),
    "pipeline empty": ("pipeline:\n" + STEPS, [(1, "the section 'pipeline' is missing")]),
    "pipeline text": ("pipeline: demo\n" + STEPS, [(1, "'pipeline' is not a mapping")]),
    "pipeline without name": ("pipeline: {role: x}\n" + STEPS, [(1, "'name' is missing")]),
    "name and alias": ("pipeline: {name: a, pipeline_name: b}\n", [(1, "are the same field")]),
    "name with space": ("pipeline: {name: my pipeline}\n", [(1, "does not match")]),
    "name a reference": ("pipeline: {name: '${param.X}'}\n", [(1, "does not match")]),
    "version a number": ("pipeline: {name: a, version: 1.0}\n", [(1, "expected a string, got 1.0")]),
    "unknown section": (HEAD + "step: {}\n", [(3, "the config has no section 'step'")]),
    "steps a list": (HEAD + "steps: [a]\n", [(3, "'steps' is not a mapping")]),
    "step empty": (HEAD + "steps: {a: }\n", [(3, "step 'a' is not a mapping of fields")]),
    "step text": (HEAD + "steps: {a: Fail}\n", [(3, "step 'a' is not a mapping of fields")]),
    "step without type": (HEAD + "steps: {a: {}}\n", [(3, "step 'a' has no type")]),
    "type misspelt": (HEAD + "steps: {a: {type: Trainig}}\n", [(3, "unknown step type 'Trainig'")]),
    "type a list": (HEAD + "steps: {a: {type: [Fail]}}\n", [(3, "unknown step type ['Fail']")]),
    "type a number": (HEAD + "steps: {a: {type: 5}}\n", [(3, "unknown step type 5")]),
    "step name with dot": (HEAD + "steps: {a.b: {type: Fail}}\n", [(3, "invalid step name 'a.b'")]),
    "step name empty": (HEAD + "steps: {'': {type: Fail}}\n", [(3, "invalid step name ''")]),
    "step name unicode": (HEAD + "steps: {é: {type: Fail}}\n", [(3, "invalid step name 'é'")]),
    "step name too long": (
        HEAD + f"steps: {{{'a' * 65}: {{type: Fail}}}}\n",
        [(3, "invalid step name")],
    ),
    "field misspelt": (
        HEAD + "steps: {a: {type: Fail, error_mesage: x}}\n",
        [(3, "unknown field 'error_mesage'")],
    ),
    "number in quotes": (
        HEAD + "steps: {a: {type: Training, volume_size_in_gb: '30'}}\n",
        [(3, "expected an integer, got '30'")],
    ),
    "tags as AWS writes them": (
        HEAD + "steps: {a: {type: Training, tags: [{Key: a, Value: b}]}}\n",
        [(3, "tags: expected a mapping")],
    ),
    "one subnet": (
        HEAD + "steps: {a: {type: Training, subnets: subnet-1}}\n",
        [(3, "subnets: expected a list")],
    ),
    "reference without end": (
        HEAD + "steps: {a: {type: Fail, error_message: '${param.X'}}\n",
        [(3, "without its '}'")],
    ),
    "reference to nothing": (
        HEAD + "steps: {a: {type: Fail, error_message: '${}'}}\n",
        [(3, "is not a reference")],
    ),
    "shell variable": (
        HEAD + "steps: {a: {type: Fail, error_message: '${HOME}'}}\n",
        [(3, "is not a reference")],
    ),
    "jinja": (HEAD + "steps: {a: {type: Fail, error_message: '${{ x }}'}}\n", [(3, "without its '}'")]),
    "undeclared parameter": (
        HEAD + "steps: {a: {type: Fail, error_message: '${param.X}'}}\n",
        [(3, "${param.X} is not a declared parameter")],
    ),
    "reference in description": (
        HEAD + "steps: {a: {type: Fail, description: 'by ${exec.PipelineName}'}}\n",
        [(3, "has no value when the pipeline is compiled")],
    ),
    "reference in a key": (
        HEAD + "parameters: {X: y}\nsteps: {a: {type: Training, hyperparameters: {'${param.X}': 1}}}\n",
        [(4, "is a key, and references are resolved in values only")],
    ),
    "reference in a list of JSON": (
        HEAD + "parameters: {X: y}\nsteps: {a: {type: Training, hyperparameters: {h: ['${param.X}']}}}\n",
        [(4, "would not be filled in")],
    ),
    "reference of the wrong type": (
        HEAD + "parameters: {X: y}\nsteps: {a: {type: Training, instance_count: '${param.X}'}}\n",
        [(4, "is a parameter of type String")],
    ),
    "property misspelt": (
        HEAD
        + "steps:\n  t: {type: Training}\n  a: {type: Fail, error_message: '${step.t.TrainingJobNam}'}\n",
        [(5, "has no property TrainingJobNam")],
    ),
    "property of itself": (
        HEAD + "steps: {t: {type: Training, hyperparameters: {x: '${step.t.TrainingJobName}'}}}\n",
        [(3, "the DAG has a cycle: t -> t"), (3, "reads from the step itself")],
    ),
    "property file misspelt": (
        HEAD
        + "steps:\n  e: {type: Processing, outputs: {o: }, property_files: {R: {output: oo, path: x}}}\n"
        + "  a: {type: Fail, error_message: '${json.e.Q.x}'}\n",
        [(4, "which the step does not have"), (5, "has no property file 'Q'")],
    ),
    "parameter default": (
        HEAD + "parameters: {X: {type: Integer, default: x}}\n",
        [(3, "expected a default of type Integer")],
    ),
    "parameter null": (HEAD + "parameters: {X: }\n", [(3, "parameter 'X'")]),
    "default misspelt": (
        BASE + "defaults: {instnce_type: x}\n",
        [(2, "no step type has a field 'instnce_type'")],
    ),
    "edges a mapping": (HEAD + STEPS + "edges: {a: b}\n", [(4, "'edges' is not a list of edges")]),
    "edges text": (HEAD + STEPS + "edges: a -> b\n", [(4, "'edges' is not a list of edges")]),
    "edge of one": (HEAD + STEPS + "edges: [[a]]\n", [(4, "['a'] is not an edge")]),
    "edge of three": (HEAD + STEPS + "edges: [a -> b -> a]\n", [(4, "is not an edge")]),
    "edge empty": (HEAD + STEPS + "edges:\n  -\n", [(5, "null is not an edge")]),
    "edge as mapping": (HEAD + STEPS + "edges:\n  - {from: a, to: b}\n", [(5, "is not an edge")]),
    "edge to nowhere": (HEAD + STEPS + "edges: [a => c]\n", [(4, "ends at 'c', which is not a node")]),
    "edge to itself": (HEAD + STEPS + "edges: [a -> a]\n", [(4, "the DAG has a cycle: a -> a")]),
    "edge without ports": (HEAD + STEPS + "edges: [a -> b]\n", [(4, "joins no ports")]),
    "cycle": (HEAD + STEPS + "edges:\n  - a => b\n  - b => a\n", [(5, "the DAG has a cycle: a -> b -> a")]),
    "cycle by depends_on": (
        HEAD + "steps:\n  a: {type: Fail, depends_on: [b]}\n  b: {type: Fail, depends_on: [a]}\n",
        [(4, "the DAG has a cycle: a -> b -> a")],
    ),
    "branch misspelt": (
        HEAD + "steps:\n  c: {type: Condition, conditions: [{left: 1, op: '==', right: 1}], if_steps: [d]}\n",
        [(4, "if_steps has 'd', which is not a step")],
    ),
    "operator misspelt": (
        HEAD + "steps:\n  c: {type: Condition, conditions: [{left: 1, op: '=', right: 1}]}\n",
        [(4, "conditions[0].op: unknown operator '=' (write '==')")],
    ),
    "condition as text": (
        HEAD + "steps:\n  c: {type: Condition, conditions: ['1 > 0']}\n",
        [(4, "conditions[0]: expected a mapping")],
    ),
    "input misspelt": (
        HEAD + "steps:\n  m: {type: CreateModel, inputs: {modle: s3://b/x}}\n",
        [(4, "unknown input 'modle'")],
    ),
    "input a local path": (
        HEAD + "steps:\n  t: {type: Training, inputs: {x: data/train.csv}}\n",
        [(4, "which is neither a URI nor step.port")],
    ),
    "input of nothing": (
        HEAD + "steps:\n  t: {type: Training, inputs: {x: }}\n",
        [(4, "nothing feeds its input 'x'")],
    ),
    "code that is not there": (
        HEAD + "steps: {t: {type: Training, entry_point: gone.py}}\n",
        [(3, "gone.py does not exist")],
    ),
    "request misspelt": (
        HEAD + "steps: {t: {type: Training, request: {ResourceConfg: {}}}}\n",
        [(3, "ResourceConfg is not a field of CreateTrainingJobRequest")],
    ),
    "request a list": (
        HEAD + "steps: {t: {type: Training, request: [a]}}\n",
        [(3, "request: expected a mapping")],
    ),
    "unknown shape": (
        HEAD + "steps: {t: {type: Request, step_type: X, properties: Nope}}\n",
        [(3, "knows no shape 'Nope'")],
    ),
    "environment misspelt": (
        HEAD + "environments: {prod: {stps: {}}}\n",
        [(3, "environment 'prod' has no section 'stps'")],
    ),
    "no role": (
        f"pipeline: {{name: a, bucket: my-bucket}}\n{DEFAULTS}steps: {{t: {{type: Training}}}}\n",
        [(1, "steps need an execution role")],
    ),
    "no bucket": (
        f"pipeline: {{name: a, role: '{ROLE}'}}\n{DEFAULTS}steps: {{t: {{type: Training}}}}\n",
        [(1, "results of steps need a bucket")],
    ),
}

DAGS: dict[str, tuple[str, str, list[tuple[int | None, str]]]] = {
    "no file": ("dag.json", "", [(None, "the file does not exist")]),
    "not json": ("dag.json", "{nodes: [a]}", [(1, "")]),
    "a list": ("dag.json", '["a"]', [(1, "the top level must be a mapping")]),
    "unknown suffix": ("dag.txt", "x", [(None, "suffix does not tell its format")]),
    "unknown field": ("dag.yaml", "nodes: [a]\nedge: []\n", [(2, "a DAG has no field 'edge'")]),
    "nodes a mapping": ("dag.yaml", "nodes: {a: b}\n", [(1, "'nodes' is not a list of names")]),
    "node a number": ("dag.yaml", "nodes: [1]\n", [(1, "1 is not a node")]),
    "node twice": ("dag.yaml", "nodes:\n  - a\n  - a\n", [(3, "node 'a' is listed twice")]),
    "node without step": ("dag.yaml", "nodes:\n  - a\n  - z\n", [(3, "node 'z' has no config under steps")]),
    "edge to an unknown node": ("dag.yaml", "nodes: [a]\nedges:\n  - a => z\n", [(3, "which is not a node")]),
    "edges only, unknown": ("dag.yaml", "edges:\n  - a => z\n", [(2, "node 'z' has no config under steps")]),
    "cycle": ("dag.yaml", "edges:\n  - a => b\n  - b => a\n", [(2, "the DAG has a cycle: a -> b -> a")]),
}

OF_FILE = re.compile(r"^(?P<file>[^:]*):(?:(?P<line>\d+):)? (?P<severity>error|warning): (?P<message>.*)$")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--no-plugins"])


def assert_answered(result: Result, file: str, expected: list[tuple[int | None, str]]) -> None:
    """Assert exit code 1 and one line with a place for each error, without a traceback."""
    assert result.exit_code == 1, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    found = [OF_FILE.match(line) for line in result.stderr.splitlines()]
    errors = [match for match in found if match is not None and match["severity"] == "error"]
    assert len(errors) == len(expected), result.stderr
    for match, (line, message) in zip(errors, expected, strict=True):
        assert match["file"] == file
        assert (int(match["line"]) if match["line"] else None) == line, result.stderr
        assert message in match["message"]


@pytest.mark.parametrize("name", CONFIGS)
def test_configs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, expected = CONFIGS[name]
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(text, encoding="utf-8")
    for command in (["validate", "c.yaml"], ["compile", "c.yaml", "-o", "out.json"]):
        assert_answered(run(*command), "c.yaml", [*expected])
    assert not Path("out.json").exists()
    body = json.loads(run("validate", "c.yaml", "--json").stdout)
    assert body["ok"] is False
    assert [item["line"] for item in body["diagnostics"] if item["severity"] == "error"] == [
        line for line, _ in expected
    ]


@pytest.mark.parametrize("name", DAGS)
def test_dags(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, text, expected = DAGS[name]
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(HEAD + STEPS, encoding="utf-8")
    if text:
        Path(file).write_text(text, encoding="utf-8")
    assert_answered(run("validate", "c.yaml", "--dag", file), file, expected)
    assert_answered(run("compile", "c.yaml", "--dag", file), file, expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfea\x00", "it looks like UTF-16"),
        (b"pipeline: {name: \xe9}\n", "the file is not UTF-8"),
        (b"\x00\x01\x02", ""),
    ],
)
def test_bytes_that_are_not_text(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    result = run("validate", str(path))
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "text", ["{", '{"pipeline": {"name": "a",}}', "[]", '{"a": NaN}', "{'a': 1}", '{"a": 1, "a": 2}']
)
def test_json(text: str, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(text)
    result = run("validate", str(path))
    assert result.exit_code == 1
    assert re.search(r"c\.json:1: error: ", result.stderr)


@pytest.mark.parametrize("text", ["a", "a = ", "[a]\n[a]\n", "a = 2024-01-01\n", "a = nan\n"])
def test_toml(text: str, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    result = run("validate", str(path))
    assert result.exit_code == 1
    assert re.search(r"c\.toml:\d+: error: ", result.stderr)


@pytest.mark.parametrize("name", ["empty", "cycle", "unknown shape", "reference in a list of JSON"])
def test_in_a_separate_process(name: str, tmp_path: Path) -> None:
    text, expected = CONFIGS[name]
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "dagcast.cli", "compile", "c.yaml", "-o", "out.json", "--no-plugins"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == len(expected) + 1
    assert lines[-1] == ("1 error" if len(expected) == 1 else f"{len(expected)} errors")
    for line, (number, message) in zip(lines, expected, strict=False):
        assert line.startswith(f"c.yaml:{number}: error: ")
        assert message in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.yaml"]
