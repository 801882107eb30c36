"""``dagcast run``: what it prints, how it ends, and what it refuses."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.runner.cli.support import IMAGE, Project, ask, fail, job, train, when

MINIMUM = [{"Name": "Answer", "Type": "Boolean", "DefaultValue": True}]
OK = {"Get": "Steps.ask.OutputParameters['ok']"}
ANSWER = {"Get": "Parameters.Answer"}


@pytest.fixture
def asking(project: Project) -> Project:
    """A pipeline that ends well if the answer is that of its parameter."""
    project.define(
        ask("ask"), when("agreed", OK, ANSWER, [], [fail("differ", "they differ")]), parameters=MINIMUM
    )
    return project


def without_times(text: str) -> list[str]:
    text = re.sub(r"\d+\.\d s", "N s", re.sub(r"^\d\d:\d\d:\d\d ", "", text, flags=re.M))
    text = re.sub(r"\d{8}T\d{6}Z-([A-Za-z0-9-]+)-[a-z0-9]{4}", r"RUN-\1", text)
    return [re.sub(" +", " ", line).rstrip() for line in text.splitlines()]


def test_a_run_that_succeeds_says_what_happened_and_where_everything_is(asking: Project) -> None:
    done = asking.run("run", "definition.json", "--callback", "ask=yes.json")
    assert (done.code, done.out) == (0, "")
    assert without_times(done.err) == [
        "started RUN-definition",
        "running ask",
        "done ask (N s)",
        "running agreed",
        "done agreed (N s): true: true == true",
        "skipped differ: condition 'agreed' is true",
        "step type state time result",
        "ask Callback succeeded N s ok = true",
        "agreed Condition succeeded N s true: true == true",
        "differ Fail skipped condition 'agreed' is true",
        "",
        "definition succeeded in N s",
        "files: .dagcast/runs/RUN-definition (s3://BUCKET/KEY is s3/BUCKET/KEY in it)",
    ]


def test_the_table_has_metrics_and_outputs_and_can_be_shown_again(project: Project) -> None:
    project.define(
        train("fit", "print('loss: 0.5'); print('loss: 0.25'); open('/opt/ml/model/m', 'w').close()")
    )
    done = project.run("run", "definition.json")
    assert done.code == 0, done.err
    line = next(line for line in done.err.splitlines() if line.startswith("fit "))
    assert line.split()[-3:] == ["loss", "=", "0.25"]
    (model,) = project.path.glob(".dagcast/runs/*/s3/bucket/models/*/output/model.tar.gz")
    (output,) = re.findall(r"^outputs\n  fit\.model  (.*)$", done.err, re.M)
    assert project.path / output == model
    shown = project.run("runs", "show", project.runs[0].name).out
    assert line in shown
    assert output in shown


def test_a_pipeline_that_fails_itself_says_why(asking: Project) -> None:
    done = asking.run("run", "definition.json", "--callback", "ask=no.json")
    assert (done.code, done.out) == (1, "")
    assert without_times(done.err)[-2:] == [
        "definition failed in N s: step 'differ' failed: they differ",
        "files: .dagcast/runs/RUN-definition (s3://BUCKET/KEY is s3/BUCKET/KEY in it)",
    ]


def test_a_failure_that_another_step_was_there_for_is_reported_too(project: Project) -> None:
    mend = {**job("mend", "print('mended')"), "DependsOn": [{"Step": "break", "Trigger": "Failed"}]}
    project.define(fail("break", "it broke"), mend)
    done = project.run("run", "definition.json")
    assert done.code == 1
    assert "definition completed with failures in N s: step 'break' failed: it broke" in without_times(
        done.err
    )
    quiet = project.run("run", "definition.json", "--quiet")
    assert (quiet.code, quiet.err) == (1, "error: definition: step 'break' failed: it broke\n")


def test_a_run_that_fails_says_how_to_go_on_and_those_commands_work(project: Project) -> None:
    project.define(job("first", ""), job("train", "import sys; sys.exit('no data')", after=("first",)))
    done = project.run("run", "definition.json", "--runs", "kept")
    assert done.code == 1
    assert without_times(done.err)[-4:] == [
        "files: kept/RUN-definition (s3://BUCKET/KEY is s3/BUCKET/KEY in it)",
        "logs: dagcast runs logs RUN-definition train --runs kept",
        "to rerun with changed code: dagcast run definition.json --runs kept --from train --from-run RUN-definition",
        "to resume: dagcast run --resume RUN-definition --runs kept",
    ]
    logs, changed, resume = re.findall(r": dagcast (.*)$", done.err, re.M)
    assert project.run(*logs.split()).out == "no data\n"
    assert "kept first" in project.run(*resume.split()).err
    project.define(job("first", ""), job("train", "", after=("first",)))
    done = project.run(*changed.split())
    assert done.code == 0
    assert "skipped first: not selected" in done.err


def test_the_command_to_go_on_makes_the_same_choices(project: Project) -> None:
    (project.path / "my data").mkdir()
    (project.path / "my data" / "x").write_text("1")
    reads = job("train", "import sys; sys.exit(sys.argv[1])", after=("first",))
    arguments = reads["Arguments"]
    arguments["AppSpecification"]["ContainerArguments"] = [{"Get": "Parameters.Word"}]
    arguments["ProcessingInputs"] = [
        {
            "InputName": "data",
            "S3Input": {
                "S3Uri": "s3://given/data",
                "LocalPath": "/opt/ml/processing/data",
                "S3DataType": "S3Prefix",
            },
        }
    ]
    word = {"Name": "Word", "Type": "String", "DefaultValue": "bad"}
    project.define(job("first", ""), reads, parameters=[word])
    chosen = ("--param", "Word=not good", "--input", "s3://given/data=my data", "--jobs", "1", "--no-cache")
    done = project.run("run", "definition.json", *chosen, "--runs", "my runs")
    assert done.code == 1
    (changed,) = re.findall(r"with changed code: dagcast (.*)$", done.err, re.M)
    again = project.run(*shlex.split(changed))
    assert again.code == 1
    assert "AlgorithmError: not good" in again.err
    (further,) = re.findall(r"with changed code: dagcast (.*)$", again.err, re.M)
    assert further.count("--from-run") == 1
    assert "skipped first: not selected" in project.run(*shlex.split(further)).err


def test_the_end_of_a_failed_steps_log_is_shown(project: Project) -> None:
    project.define(
        job("train", "import sys; print('out'); [print(n, file=sys.stderr) for n in range(50)]; 1/0")
    )
    done = project.run("run", "definition.json")
    assert done.code == 1
    assert "train: end of .dagcast/runs/" in done.err
    assert "\n  49\n" in done.err
    assert "\n  ZeroDivisionError: division by zero\n" in done.err
    assert "\n  40\n" not in done.err
    assert "failed train" in done.err
    assert f"logs: dagcast runs logs {project.runs[0].name} train" in done.err


def test_quiet_says_nothing_of_a_success_and_one_line_of_a_failure(asking: Project) -> None:
    done = asking.run("run", "definition.json", "-q", "--callback", "ask=yes.json")
    assert (done.code, done.out, done.err) == (0, "", "")
    done = asking.run("run", "definition.json", "-q", "--callback", "ask=no.json")
    assert (done.code, done.out) == (1, "")
    assert done.err == "error: definition: step 'differ' failed: they differ\n"


def test_json_is_an_event_a_line_and_what_the_run_keeps(asking: Project) -> None:
    done = asking.run("run", "definition.json", "--json", "--callback", "ask=yes.json")
    assert (done.code, done.err) == (0, "")
    kept = (asking.runs[0] / "events.jsonl").read_text().splitlines()
    assert done.events == [json.loads(line) for line in kept]
    assert [event["event"] for event in done.events] == [
        "run-started",
        "step-started",
        "step-succeeded",
        "step-started",
        "step-succeeded",
        "step-skipped",
        "run-ended",
    ]
    assert done.events[-1]["status"] == "Succeeded"
    answered, decided = (event for event in done.events if event["event"] == "step-succeeded")
    assert answered["output_parameters"] == {"ok": True}
    assert "output_parameters" not in decided


def test_what_steps_return_is_in_the_table_and_can_be_shown_again(asking: Project) -> None:
    declared = [{"OutputName": name, "OutputType": "String"} for name in ("place", "long", "lines")]
    call = {
        "Name": "call",
        "Type": "Lambda",
        "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:where",
        "Arguments": {},
        "OutputParameters": declared,
    }
    asking.define(ask("ask"), call, {"Name": "cluster", "Type": "EMR", "Arguments": {}})
    returned = {"place": "s3://given/data", "long": "x" * 1000, "lines": "\x1b[31mone\x1b[0m\ntwo"}
    asking.write("handler.py", f"def handler(event, context):\n    return {returned!r}\n")
    asking.write("stub.json", {"properties": {"OutputParameters": [{"Name": "nodes", "Value": "3"}]}})
    done = asking.run(
        *("run", "definition.json", "--lambda", "where=handler.py:handler", "--callback", "ask=yes.json"),
        *("--stub", "cluster=stub.json"),
    )
    assert done.code == 0, done.err
    lines = without_times(done.err)
    for line in (
        "ask Callback succeeded N s ok = true",
        "call Lambda succeeded N s lines = one two",
        " place = s3://given/data",
        "cluster EMR succeeded N s stubbed by stub.json",
        " nodes = 3",
    ):
        assert line in lines
    assert max(map(len, lines)) < 500
    run = asking.runs[0].name
    table = without_times(asking.run("runs", "show", run).out)
    assert [line for line in table if " = " in line] == [line for line in lines if " = " in line]
    shown = json.loads(asking.run("runs", "show", run, "--json").out)
    found = {step["name"]: step["output_parameters"] for step in shown["steps"]}
    assert found == {"ask": {"ok": True}, "call": returned, "cluster": {"nodes": "3"}}


def test_parameters_are_set_and_converted(asking: Project) -> None:
    done = asking.run("run", "definition.json", "--param", "Answer=FALSE", "--callback", "ask=no.json")
    assert done.code == 0, done.err
    assert json.loads((asking.runs[0] / "parameters.json").read_text()) == {"Answer": False}


WRONG = (
    *("--param", "Anser=1", "--only", "aks", "--from", "agred", "--stub", "x=none.json"),
    *("--callback", "agreed=yes.json", "--from-run", "none", "--input", "s3://bucket/x=./none"),
)
MISTAKES = (
    "unknown parameter 'Anser' (did you mean 'Answer'?)",
    "--only: unknown step 'aks' (did you mean 'ask'?)",
    "--from: unknown step 'agred' (did you mean 'agreed'?)",
    "--stub: unknown step 'x'",
    "--callback: unknown Callback step 'agreed'",
    "--from-run: unknown run 'none'",
    "s3://bucket/x",
)


def test_all_mistakes_are_reported_at_once_and_nothing_starts(asking: Project) -> None:
    done = asking.run("run", "definition.json", *WRONG)
    assert done.code == 1
    assert [mistake for mistake in MISTAKES if mistake not in done.err] == []
    assert done.err.splitlines()[-1] == f"{len(MISTAKES)} errors"
    assert asking.runs == []


def test_as_json_mistakes_are_one_line(asking: Project) -> None:
    done = asking.run("run", "definition.json", "--json", *WRONG)
    assert (done.code, done.err) == (1, "")
    (event,) = done.events
    assert (event["event"], event["ok"], len(event["diagnostics"])) == ("error", False, len(MISTAKES))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either CONFIG or --resume RUN"),
        (["definition.json", "--resume", "x"], "give either CONFIG or --resume RUN"),
        (["--resume", "x", "--env", "prod"], "a resumed run keeps its pipeline and parameters"),
        (["--resume", "x", "--param", "a=b"], "a resumed run keeps its pipeline and parameters"),
        (["--resume", "x", "--no-plugins"], "a resumed run keeps its pipeline and parameters"),
        (["definition.json", "--quiet", "--json"], "--quiet and --json contradict each other"),
        (["definition.json", "--env", "prod"], "--dag, --env and plugins are for configs"),
        (["definition.json", "--plugin", "mods"], "--dag, --env and plugins are for configs"),
        (["definition.json", "--param", "Answer"], "'Answer' is not of the form NAME=VALUE"),
        (["definition.json", "--param", "a=1", "--param", "a=2"], "'a' is given twice"),
        (["definition.json", "--input", "here=there"], "'here=there' is not of the form URI=PATH"),
        (["definition.json", "--input", "s3://b-1/x="], "'s3://b-1/x=' is not of the form URI=PATH"),
        (["definition.json", "--input", "s3://b-1/d=2="], "'s3://b-1/d=2=' is not of the form URI=PATH"),
        (
            ["definition.json", "--input", "s3://b-1/x=yes.json/"],
            "'yes.json/' is a file: remove the trailing slash",
        ),
        (["definition.json", "--jobs", "0"], "0 is not in the range"),
        (["definition.json", "--runner", "ssh"], "'ssh' is not one of"),
    ],
)
def test_wrong_usage_is_exit_code_2(asking: Project, arguments: list[str], message: str) -> None:
    done = asking.run("run", *arguments)
    assert done.code == 2
    assert message in " ".join(done.err.split())


def test_an_unknown_run_cannot_be_resumed(asking: Project) -> None:
    done = asking.run("run", "--resume", "none")
    assert (done.code, done.err) == (1, "error: unknown run 'none' in .dagcast/runs\n")


def test_an_equals_sign_in_a_key_does_not_end_the_uri(project: Project) -> None:
    (project.path / "data").mkdir()
    (project.path / "data" / "x").touch()
    project.define(fail("end", "the end"))
    done = project.run("run", "definition.json", "--input", "s3://my-bucket/date=2026-01-01=data")
    assert "the end" in done.err
    options = json.loads((project.runs[0] / "run.json").read_text())["options"]
    assert options["inputs"] == {"s3://my-bucket/date=2026-01-01": str(project.path / "data")}


def reading(name: str, uri: Any, **more: str) -> dict[str, Any]:
    """A job that reads an S3 URI."""
    step = job(name, "")
    data = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/data", "S3DataType": "S3Prefix", **more}
    step["Arguments"]["ProcessingInputs"] = [{"InputName": "data", "S3Input": data}]
    return step


BUCKET = {"Name": "Bucket", "Type": "String", "DefaultValue": "given"}
JOINED = {"Std:Join": {"On": "/", "Values": ["s3:/", {"Get": "Parameters.Bucket"}, "data"]}}


def test_an_input_that_no_step_reads_is_reported_with_the_nearest_one(project: Project) -> None:
    project.write("x", "1")
    project.define(reading("load", JOINED), parameters=[BUCKET])
    typed = ("s3://given/dta", "s3://given/data", "s3://given/data/more", "s3://given/data-2")
    done = project.run("run", "definition.json", *(f"--input={uri}=x" for uri in typed))
    assert done.code == 0, done.err
    told = [line[9:] for line in done.err.splitlines() if "no step reads" in line]
    assert told == [
        "warning: --input s3://given/dta: no step reads it (did you mean 's3://given/data'?)",
    ]


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(reading("later", {"Get": "Steps.ask.OutputParameters['ok']"}), id="an answer"),
        pytest.param(reading("later", "s3://given/list", S3DataType="ManifestFile"), id="a list"),
    ],
)
def test_no_input_is_doubted_where_the_run_itself_says_what_is_read(
    project: Project, step: dict[str, Any]
) -> None:
    project.write("x", "1")
    project.define(ask("ask"), {**step, "DependsOn": ["ask"]})
    inputs = ("--input", "s3://given/list=x", "--input", "s3://given/unknown=x")
    done = project.run("run", "definition.json", *inputs, "--callback", "ask=yes.json")
    assert "running ask" in done.err
    assert "no step reads" not in done.err


def test_every_choice_reaches_the_run(asking: Project) -> None:
    call = {
        "Name": "call",
        "Type": "Lambda",
        "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:score",
        "Arguments": {},
        "DependsOn": ["ask"],
    }
    asking.define(ask("ask"), call)
    asking.write("handler.py", "def handler(event, context):\n    return {}\n")
    done = asking.run(
        *("run", "definition.json", "-j", "3", "--runner", "paths", "--s3"),
        *("--no-requirements", "--no-cache", "--from", "ask", "--only", "call"),
        *("--lambda", "score=handler.py:handler", "--callback", "ask=cat yes.json"),
    )
    assert done.code == 0, done.err
    assert json.loads((asking.runs[0] / "run.json").read_text())["options"] == {
        "inputs": {},
        "earlier": [],
        "real_s3": True,
        "isolation": "paths",
        "requirements": False,
        "only": ["call"],
        "start": ["ask"],
        "stubs": {},
        "lambdas": {"score": f"{asking.path}/handler.py:handler"},
        "callbacks": {"ask": "cat yes.json"},
        "cache": False,
        "local_images": True,
    }


def test_a_file_name_that_is_not_a_name_of_a_pipeline_gives_one(project: Project) -> None:
    project.define(fail("end", "the end"))
    (project.path / "definition.json").rename(project.path / "my_pipe line.json")
    done = project.run("run", "my_pipe line.json")
    assert "my-pipe-line failed" in done.err


CONFIG = """\
pipeline: {name: churn, role: arn:aws:iam::123456789012:role/SageMakerRole, bucket: my-bucket}
parameters: {Message: done}
steps:
  check:
    type: Condition
    conditions: [{left: "${param.Message}", op: "==", right: done}]
    else_steps: [stop]
  stop: {type: Fail, error_message: "${param.Message}"}
environments:
  prod: {pipeline: {name: churn-prod}}
"""


def test_a_config_is_compiled_and_run(project: Project) -> None:
    project.write("c.yaml", CONFIG)
    assert project.run("run", "c.yaml", "--env", "prod").code == 0
    done = project.run("run", "c.yaml", "--param", "Message=not yet")
    assert done.code == 1
    assert "churn failed" in done.err
    assert "step 'stop' failed: not yet" in done.err
    assert [re.sub(r"^\w+-|-\w+$", "", run.name) for run in project.runs] == ["churn-prod", "churn"]


STAGED = """\
pipeline: {name: scores, role: arn:aws:iam::123456789012:role/SageMakerRole, bucket: my-bucket}
defaults:
  Processing: {image_uri: 123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1, instance_type: ml.m5.large}
steps:
  measure: {type: Processing, entry_point: measure.py}
edges: []
"""


def test_missing_staged_code_is_reported_with_its_remedy(project: Project) -> None:
    project.write("c.yaml", STAGED)
    project.write("measure.py", "print('measured')")
    assert project.run("compile", "c.yaml", "-o", "definition.json").code == 0
    done = project.run("run", "definition.json")
    assert done.code == 1
    assert (
        "/measure.py, which does not exist (it is code that dagcast staged: use dagcast run CONFIG"
        in done.err
    )
    assert project.run("run", "c.yaml").code == 0
    project.define(reading("load", "s3://given/code/measure.py"))
    done = project.run("run", "definition.json")
    assert "which does not exist (use --input s3://given/code/measure.py=PATH" in done.err


def test_mistakes_in_a_config_are_reported_with_their_lines(project: Project) -> None:
    project.write("c.yaml", CONFIG.replace("else_steps", "els_steps"))
    done = project.run("run", "c.yaml")
    assert done.code == 1
    assert done.err.startswith("c.yaml:7: error: ")
    assert project.runs == []


def test_an_earlier_run_replaces_steps_that_do_not_run_again(asking: Project) -> None:
    assert asking.run("run", "definition.json", "--callback", "ask=no.json").code == 1
    earlier = asking.runs[0].name
    again = ("run", "definition.json", "--from", "agreed")
    assert asking.run(*again, "--from-run", earlier).code == 1
    assert asking.run(*again, "--from-run", earlier, "--param", "Answer=false").code == 0
    done = asking.run(*again)
    assert "step 'agreed' reads step 'ask', which is not selected" in done.err


def test_an_earlier_run_without_a_result_of_the_step_is_named(asking: Project) -> None:
    asking.define(ask("ask"), when("agreed", OK, True, [], []), fail("end", "the end"))
    assert asking.run("run", "definition.json", "--only", "end").code == 1
    earlier = asking.runs[0].name
    again = ("run", "definition.json", "--only", "agreed")
    done = asking.run(*again, "--from-run", earlier)
    assert done.code == 1
    reads = "error: step 'agreed' reads step 'ask', which is not selected"
    remedy = "--only ask or --from ask to run it, or --stub ask=FILE.json to replace it)"
    assert f"{reads}, and has no result in run {earlier} (use {remedy}\n" in done.err
    either = "use --from-run RUN to take its result from an earlier run"
    assert f"{reads} ({either}, or {remedy}\n" in asking.run(*again).err


def test_a_step_that_does_not_run_locally_can_be_stubbed(project: Project) -> None:
    project.define(
        {"Name": "cluster", "Type": "EMR", "Arguments": {}},
        when("big", {"Get": "Steps.cluster.Status.State"}, "RUNNING", [], [fail("no", "no")]),
    )
    done = project.run("run", "definition.json")
    assert "steps of type EMR do not run locally" in done.err
    assert "--stub cluster=FILE.json" in done.err
    project.write("stub.json", {"properties": {"Status": {"State": "RUNNING"}}})
    assert project.run("run", "definition.json", "--stub", "cluster=stub.json").code == 0


def test_what_a_definition_says_does_not_reach_the_terminal_as_commands(project: Project) -> None:
    project.define({"Name": "cluster", "Type": "\x1b]0;owned\x07EMR", "Arguments": {}})
    done = project.run("run", "definition.json")
    assert done.code == 1
    assert "\x1b" not in done.err
    assert r"steps of type \x1b]0;owned\x07EMR do not run locally" in done.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"Steps": {}}', "definition.json: error: expected an object with a list of Steps"),
        ('{"Version": "2020-12-01", "Steps": [', "definition.json:1: error: "),
        ('{"pipeline": {"name": "x"}, "Steps": []}', "definition.json:1: error: "),
    ],
)
def test_a_file_that_is_not_a_definition_is_reported_by_its_kind(
    project: Project, content: str, message: str
) -> None:
    project.write("definition.json", content)
    done = project.run("run", "definition.json")
    assert done.code == 1
    assert message in done.err


def test_the_runs_that_an_earlier_run_used_are_used_too(project: Project) -> None:
    chain = [job("a", ""), job("b", "", after=("a",)), job("c", "", after=("b",)), fail("end", "over")]
    chain[3]["DependsOn"] = ["c"]
    answers = {name: {"Get": f"Steps.{name}.ProcessingJobStatus"} for name in "abc"}
    chain.append(when("all", answers["a"], answers["c"], [], []))
    chain[4]["Arguments"]["Conditions"].append(
        {"Type": "Equals", "LeftValue": answers["b"], "RightValue": "Completed"}
    )
    project.define(*chain)
    assert project.run("run", "definition.json", "--only", "a").code == 0
    assert project.run("run", "definition.json", "--only", "b", "--from-run", "last").code == 0
    assert project.run("run", "definition.json", "--only", "c", "--from-run", "last").code == 0
    done = project.run("run", "definition.json", "--only", "all", "--from-run", "last")
    assert done.code == 0, done.err
    assert 'true: "Completed" == "Completed" and "Completed" == "Completed"' in done.err
    used = json.loads((project.runs[-1] / "run.json").read_text())["options"]["earlier"]
    assert [Path(path) for path in used] == project.runs[2::-1]
    # A run that was removed is not followed, and the step that it ran is missed.
    assert project.run("runs", "clean", project.runs[0].name).code == 0
    done = project.run("run", "definition.json", "--only", "all", "--from-run", project.runs[1].name)
    assert "step 'all' reads step 'a', which is not selected, and has no result in run" in done.err


def test_a_stub_is_selected_with_the_step_that_reads_it(project: Project) -> None:
    project.define(
        job("prep", "raise SystemExit('not to be run')"),
        when("big", {"Get": "Steps.prep.ProcessingJobStatus"}, "Completed", [], [fail("no", "no")]),
        job("after", "raise SystemExit('not to be run')", after=("big",)),
    )
    project.write("stub.json", {"properties": {"ProcessingJobStatus": "Completed"}})
    done = project.run("run", "definition.json", "--only", "big", "--stub", "prep=stub.json")
    assert done.code == 0, done.err
    assert "done prep" in done.err
    assert "skipped after: not selected" in done.err


CHAIN = f"""
pipeline: {{name: chain, role: "arn:aws:iam::123456789012:role/R", bucket: my-bucket, region: us-east-1}}
defaults: {{image_uri: "{IMAGE}", instance_type: ml.m5.large}}
steps:
  first: {{type: Processing, entry_point: first.py, outputs: {{data: }}}}
  second: {{type: Training, entry_point: second.py, source_dir: code, inputs: {{data: }}}}
edges: [first -> second]
"""


def write_chain(project: Project, *, first: str, second: str) -> None:
    """Write a config of two steps, and their scripts."""
    project.write("chain.yaml", CHAIN)
    project.write("first.py", first)
    (project.path / "code").mkdir()
    project.write("code/second.py", second)


def test_a_step_that_got_nothing_sends_the_user_to_the_one_that_left_nothing(project: Project) -> None:
    write_chain(project, first="", second="import os; print(os.listdir(os.environ['SM_CHANNEL_DATA']))")
    done = project.run("run", "chain.yaml")
    assert done.code == 1
    assert "does not exist: step 'first' left nothing there" in done.err
    assert "--input" not in done.err
    assert "--resume" not in done.err  # it would fail again
    (changed,) = re.findall(r"to rerun with changed code: dagcast (.*)$", done.err, re.M)
    assert "--from first" in changed
    project.write("first.py", "open('/opt/ml/processing/output/data/x', 'w').close()")
    done = project.run(*changed.split())
    assert done.code == 0, done.err


def test_a_condition_on_a_broken_report_sends_the_user_to_the_step_that_wrote_it(project: Project) -> None:
    write = "open('/opt/ml/processing/out/r.json', 'w').write('{\"score\": NaN}')"
    measure = job("measure", write)
    target = {"S3Uri": "s3://bucket/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    measure["Arguments"]["ProcessingOutputConfig"] = {"Outputs": [{"OutputName": "out", "S3Output": target}]}
    measure["PropertyFiles"] = [{"PropertyFileName": "R", "OutputName": "out", "FilePath": "r.json"}]
    score = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.measure.PropertyFiles.R"}, "Path": "score"}}
    project.define(measure, when("check", score, 1, [], []))
    done = project.run("run", "definition.json")
    assert "NaN is not a JSON value" in done.err
    assert "definition.json --from measure --from-run" in done.err
    assert "--from check" not in done.err


@pytest.mark.parametrize("edit", ["change", "add a file", "remove"])
def test_a_resume_after_an_edit_says_that_it_runs_the_old_code(project: Project, edit: str) -> None:
    write_chain(
        project,
        first="open('/opt/ml/processing/output/data/x', 'w').close()",
        second="import sys; sys.exit('too old')",
    )
    started = project.run("run", "chain.yaml", "--jobs", "1")
    assert started.code == 1
    (run,) = project.runs
    unchanged = project.run("run", "--resume", run.name)
    assert "has changed" not in unchanged.err
    if edit == "change":
        project.write("code/second.py", "print('new')")
    elif edit == "add a file":
        project.write("code/helper.py", "")
    else:
        (project.path / "code" / "second.py").unlink()
    done = project.run("run", "--resume", run.name)
    assert "code has changed since the run began: a resumed run goes on with the code as it was" in done.err
    assert "too old" in done.err
    (again,) = re.findall(r"to use it as it is now: dagcast (.*?)\)?$", done.err, re.M)
    assert "--from second --from-run" in again
    if edit == "change":
        assert project.run(*again.split()).code == 0
