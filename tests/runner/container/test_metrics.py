"""Metrics: expressions over real logs, however those look."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dagcast.runner.container import metrics
from tests.runner.container.support import Bench


def found(bench: Bench, definitions: dict[str, str], *logs: bytes) -> dict[str, float]:
    run = bench.step_run("Training", {})
    paths = [run.folder / f"log-{number}" for number in range(len(logs))]
    for path, content in zip(paths, logs, strict=True):
        path.write_bytes(content)
    listed = [{"Name": name, "Regex": regex} for name, regex in definitions.items()]
    return metrics.find_last_values(run, listed, *paths, run.folder / "no.log")


def test_the_last_value_is_the_metric(plain_bench: Bench) -> None:
    log = b"loss=0.5 auc: 1e-1\nloss=0.4\nauc: nothing\n"
    expected = {"loss": 0.25, "auc": 0.1}
    assert (
        found(plain_bench, {"loss": "loss=([0-9.]+)", "auc": r"auc: ([0-9.e-]+)"}, log, b"loss=0.25")
        == expected
    )


@pytest.mark.parametrize(
    ("log", "value"),
    [
        (b"50% loss=1.0\r100% loss=2.0\r", 2.0),
        (b"loss=1.0 loss=2.0\n", 2.0),
        ("\u2603 loss=2.0\n".encode(), 2.0),
        (b"\xff\xfe\0 loss=2.0\n", 2.0),
        (b"loss=-2.0e+3\n", -2000.0),
    ],
)
def test_logs_are_searched_as_they_are(plain_bench: Bench, log: bytes, value: float) -> None:
    assert found(plain_bench, {"loss": r"loss=([-+0-9.e]+)"}, log) == {"loss": value}


def test_a_tab_is_what_it_is_in_sagemakers_logs(plain_bench: Bench) -> None:
    log = b"[0]\ttrain-rmse:2.5\tvalidation-rmse:3.5\n[1]\ttrain-rmse:1.5\tvalidation-rmse:3\n"
    expressions = {
        "literal": r".*\[[0-9]+\].*#011validation-rmse:([-+]?[0-9]*\.?[0-9]+).*",
        "tab": r"\ttrain-rmse:(\S+)",
        "space": r"\strain-rmse:(\S+)",
        "other": r"#012train-rmse:(\S+)",
    }
    assert found(plain_bench, expressions, log) == {"literal": 3.0, "tab": 1.5, "space": 1.5}


def test_metrics_of_built_in_images_need_no_definition(bench: Bench) -> None:
    script = "print('[0]\\ttrain-auc:0.5\\tvalidation-auc:0.75')\nprint('accuracy=1')"
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    result = bench.train(script, algorithm={"TrainingImage": image}, metrics={"mine": "accuracy=(.*)"})
    assert result.metrics == {"train:auc": 0.5, "validation:auc": 0.75, "mine": 1.0}


def test_metrics_of_first_party_images_are_those_of_their_logs(bench: Bench) -> None:
    script = "print('[11/24/2020 INFO] #quality_metric: host=algo-1, test msd <loss>=0.5')"
    image = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
    assert bench.train(script, algorithm={"TrainingImage": image}).metrics == {"test:msd": 0.5}


def test_an_expression_without_a_group_is_the_number_itself(plain_bench: Bench) -> None:
    assert found(plain_bench, {"n": r"(?<=n=)\d+"}, b"n=5\n") == {"n": 5.0}


@pytest.mark.parametrize("log", [b"", b"loss=\n", b"loss=many\n", b"loss=nan\n", b"loss=inf\n"])
def test_text_that_is_not_a_number_is_not_a_metric(plain_bench: Bench, log: bytes) -> None:
    assert found(plain_bench, {"loss": "loss=(.*)"}, log) == {}


def test_a_long_line_is_searched_at_its_beginning(plain_bench: Bench) -> None:
    log = b"loss=1.0 " + b"x" * 5_000_000 + b" loss=2.0\nloss=3.0 " + b"x" * 5_000_000
    assert found(plain_bench, {"loss": "loss=([0-9.]+)"}, log) == {"loss": 3.0}


def test_an_expression_that_takes_for_ever_is_given_up(
    plain_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_BASE_SECONDS", 1.0)
    expressions = {"before": "(a+)", "never": "(a+)+b", "after": "loss=([0-9.]+)"}
    assert found(plain_bench, expressions, b"a" * 64 + b"\nloss=1.5\n") == {"after": 1.5}
    assert plain_bench.warnings == ["metric 'never' is missing: its regular expression takes too long"]


def test_a_search_whose_runner_was_killed_ends_by_itself(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"a" * 64 + b"\n")
    expression = json.dumps([{"Name": "never", "Regex": "(a+)+b"}])
    program = [sys.executable, str(metrics._PROGRAM), "1", expression, str(tmp_path / "log")]
    ended = subprocess.run(program, capture_output=True, timeout=300, check=True)
    assert json.loads(ended.stdout) == {"found": {}, "slow": ["never"]}


def test_only_logs_that_are_there_are_searched(plain_bench: Bench, tmp_path: Path) -> None:
    assert metrics.find_last_values(plain_bench.step_run("Training", {}), [], tmp_path / "no.log") == {}
