"""Lambda steps: handlers in files of the user's, in processes of their own."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagcast.runner.executors import lambda_
from dagcast.runner.executors.executor import StepAttempt, StepFailedError, StepStoppedError
from dagcast.runner.launch.launcher import Launcher
from tests.runner.executors.support import ended_by_the_run, step_run

CUT_OFF = """
import os, pathlib
def handler(e, c):
    write = lambda text, encoding='utf-8': (pathlib.Path('..', 'answer.json').write_text(text, encoding), os._exit(0))
    write("""
ARN = "arn:aws:lambda:us-east-1:123456789012:function:notify"
WHO = [{"OutputName": "who", "OutputType": "String"}]


def _step(
    folder: Path,
    code: str,
    event: Any = None,
    handler: str = "handler",
    launcher: Any = None,
    outputs: Any = WHO,
    arn: str = ARN,
) -> StepAttempt:
    function = folder / "functions" / "notify.py"
    function.parent.mkdir(parents=True, exist_ok=True)
    function.write_text(code)
    beside = {"FunctionArn": arn, "OutputParameters": outputs}
    lambdas = {"notify": f"{function}:{handler}"}
    return step_run(folder, "tell", "Lambda", event or {}, beside, launcher=launcher, lambdas=lambdas)


def test_what_the_handler_returns_are_the_output_parameters(tmp_path: Path, launcher: Launcher) -> None:
    code = "def handler(event, context): return {**event, 'more': [1]}"
    result = lambda_.run(_step(tmp_path, code, {"who": "Ada"}, launcher=launcher))
    assert result.properties == {"OutputParameters": {"who": "Ada"}}


def test_a_function_runs_where_there_are_no_namespaces(tmp_path: Path, paths_launcher: Launcher) -> None:
    code = "import os\ndef handler(event, context): return {'who': str(os.environ['LAMBDA_TASK_ROOT'] == os.getcwd())}"
    result = lambda_.run(_step(tmp_path, code, launcher=paths_launcher))
    assert result.properties == {"OutputParameters": {"who": "True"}}


def test_a_version_or_alias_of_the_function_is_the_same_file(tmp_path: Path, launcher: Launcher) -> None:
    code = "def handler(event, context): return {'who': context.invoked_function_arn}"
    result = lambda_.run(_step(tmp_path, code, launcher=launcher, arn=f"{ARN}:live"))
    assert result.properties["OutputParameters"] == {"who": f"{ARN}:live"}


def test_a_handler_finds_what_lambda_gives_it(tmp_path: Path, launcher: Launcher) -> None:
    code = (
        "import json, os, helper\n"
        "class App:\n"
        "    @staticmethod\n"
        "    def handle(event, context):\n"
        "        return {'who': json.dumps([\n"
        "            helper.NAME, open('data.txt').read(), context.function_name, context.aws_request_id,\n"
        "            0 < context.get_remaining_time_in_millis() <= 600_000,\n"
        "            os.environ['AWS_LAMBDA_FUNCTION_NAME'], os.environ['AWS_REGION'], 'AWS_PROFILE' in os.environ,\n"
        "        ])}\n"
    )
    run = _step(tmp_path, code, handler="App.handle", launcher=launcher)
    (tmp_path / "functions" / "helper.py").write_text("NAME = 'beside'")
    (tmp_path / "functions" / "data.txt").write_text("data")
    (tmp_path / "functions" / ".env").write_text("secret")
    (tmp_path / "functions" / "gone").symlink_to("nowhere")
    found = json.loads(lambda_.run(run).properties["OutputParameters"]["who"])
    assert sorted(path.name for path in (run.folder / "ml" / "code").iterdir()) == [
        "data.txt",
        "helper.py",
        "notify.py",
    ]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found.pop(3))
    assert found == ["beside", "data", "notify", True, "notify", "us-east-1", False]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def handler(e, c): raise ValueError('no such customer')", "failed: ValueError: no such customer$"),
        ("import nothing_like_this\ndef handler(e, c): pass", "failed: ModuleNotFoundError: No module named"),
        (
            "def handler(e, c): return {1, 2}",
            "failed: TypeError: Object of type set is not JSON serializable",
        ),
        ("def handler(e, c): return {'who': float('nan')}", "failed: ValueError: Out of range float"),
        ("import sys\ndef handler(e, c): sys.exit(0)", "ended without returning"),
        ("import sys\ndef handler(e, c): sys.exit(3)", "exit code: 3"),
        (f"{CUT_OFF}'{{')", "ended without returning"),
        (f"{CUT_OFF}b'\\xff'.decode('latin-1'), 'latin-1')", "ended without returning"),
        ("import os\ndef handler(e, c): os.kill(os.getpid(), 9)", "SIGKILL"),
        ("def handler(e, c): return {'who': 3}", "'who' is 3, but String is declared"),
        ("def handler(e, c): return {}", "no 'who'"),
        ("def handler(e, c): return 'Ada'", "returned str, but output parameters need an object"),
        ("def handler(e, c): return {'who': 'x' * 7_000_000}", "returned more than 6291456 bytes"),
        ("def handler(): return {}", "failed: TypeError"),
    ],
)
def test_a_handler_that_fails_says_how(tmp_path: Path, launcher: Launcher, code: str, reason: str) -> None:
    with pytest.raises(StepFailedError, match=reason):
        lambda_.run(_step(tmp_path, code, launcher=launcher))


def test_the_runs_are_not_part_of_a_function_that_lies_next_to_them(
    tmp_path: Path, launcher: Launcher
) -> None:
    code = "import os\ndef handler(e, c): return {'who': ' '.join(os.listdir())}"
    (tmp_path / "notify.py").write_text(code)
    beside = {"FunctionArn": ARN, "OutputParameters": WHO}
    run = step_run(
        tmp_path,
        "tell",
        "Lambda",
        {},
        beside,
        launcher=launcher,
        lambdas={ARN: f"{tmp_path}/notify.py:handler"},
        runs=tmp_path / "attempts",
    )
    assert lambda_.run(run).properties["OutputParameters"]["who"] == "notify.py"


def test_a_folder_larger_than_a_function_may_be_is_refused(tmp_path: Path, launcher: Launcher) -> None:
    run = _step(tmp_path, "def handler(e, c): return {'who': ''}", launcher=launcher)
    with (tmp_path / "functions" / "model.bin").open("wb") as large:
        large.truncate(lambda_.MAX_PACKAGE_BYTES)
    with pytest.raises(StepFailedError, match=r"exceeds 250 MB.* their own folder"):
        lambda_.run(run)


def test_the_traceback_is_in_the_log_that_the_failure_names(tmp_path: Path, launcher: Launcher) -> None:
    run = _step(tmp_path, "def handler(e, c):\n    raise ValueError('here')", launcher=launcher)
    with pytest.raises(StepFailedError) as failed:
        lambda_.run(run)
    assert failed.value.log is not None
    assert "line 2, in handler" in failed.value.log.read_text()


def test_what_a_handler_prints_is_kept(tmp_path: Path, launcher: Launcher) -> None:
    code = "def handler(e, c):\n    print('x' * 10_000_000)\n    return {'who': 'Ada'}"
    run = _step(tmp_path, code, launcher=launcher)
    lambda_.run(run)
    assert (run.folder / "stdout.log").stat().st_size > 10_000_000


def test_a_handler_that_hangs_ends_when_its_time_is_over(
    tmp_path: Path, launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lambda_, "TIMEOUT", 0.5)
    run = _step(tmp_path, "import time\ndef handler(e, c): time.sleep(600)", launcher=launcher)
    with pytest.raises(StepFailedError, match=r"exceeded 0.5 seconds"):
        lambda_.run(run)


def test_a_handler_ends_with_the_run(tmp_path: Path, launcher: Launcher) -> None:
    code = "import time\ndef handler(e, c):\n    print('on', flush=True)\n    time.sleep(600)"
    run = _step(tmp_path, code, launcher=launcher)
    assert ended_by_the_run(lambda_, run) == [StepStoppedError]


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        ({}, "run.missing-lambda"),
        ({"notify": "functions/none.py:handler"}, "run.missing-file"),
        ({"notify": "functions/notify.py"}, "run.invalid-lambda"),
        ({"notify": "functions/notify.py:a b"}, "run.invalid-lambda"),
        ({"notify": "functions/notify.py:handlr"}, "run.invalid-lambda"),
        ({"notify": "functions/wrong.py:handler"}, "run.invalid-lambda"),
        ({"notify": "functions/notify.py:handler"}, None),
        ({"notify": "functions/notify.py:Class.method"}, None),
        ({"notify": "functions/notify.py:imported"}, None),
        ({ARN: "functions/notify.py:handler"}, None),
    ],
)
def test_a_function_that_nothing_stands_for_is_reported_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapping: dict[str, str], code: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "from other import thing as imported\nclass Class: pass\nif True:\n    handler = imported\n"
    _step(tmp_path, text)
    (tmp_path / "functions" / "wrong.py").write_text("def handler(:")
    run = step_run(tmp_path, "tell", "Lambda", {}, {"FunctionArn": ARN}, lambdas=mapping)
    found = list(lambda_.check(run.step, run.options))
    assert [diagnostic.code for diagnostic in found] == ([code] if code else [])


def test_a_misspelt_handler_gets_the_nearest_name(tmp_path: Path) -> None:
    run = _step(tmp_path, "def handler(e, c): pass", handler="handlr")
    (found,) = lambda_.check(run.step, run.options)
    assert found.hint == "did you mean 'handler'?"
    run = step_run(tmp_path, "tell", "Lambda", {}, {"FunctionArn": ARN})
    (found,) = lambda_.check(run.step, run.options)
    assert "--lambda notify=FILE.py:HANDLER" in str(found)
    assert "--stub tell=FILE.json" in str(found)


def test_a_function_that_a_reference_names_is_looked_for_when_the_step_runs(tmp_path: Path) -> None:
    reference = {"FunctionArn": {"Get": "Parameters.Function"}}
    run = step_run(tmp_path, "tell", "Lambda", {}, reference)
    assert list(lambda_.check(run.step, run.options)) == []
    with pytest.raises(StepFailedError, match="is not mapped to a file"):
        lambda_.run(step_run(tmp_path, "tell", "Lambda", {}, {"FunctionArn": ARN}, job="second"))


def test_a_function_has_no_container(tmp_path: Path) -> None:
    run = _step(tmp_path, "def handler(e, c): pass")
    run = replace(run, options=replace(run.options, isolation="docker"))
    assert [found.code for found in lambda_.check(run.step, run.options)] == ["run.unsupported-field"]
