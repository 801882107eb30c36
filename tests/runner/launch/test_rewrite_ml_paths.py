"""Jobs without an ``/opt/ml`` of their own receive another folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagcast.runner.launch.choose_launcher import choose_launcher
from dagcast.runner.launch.rewrite_ml_paths import rewrite_ml_path
from tests.runner.launch.bench import Bench

REAL = "/data/runs/one/ml"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/opt/ml", "{}"),
        ("/opt/ml/", "{}/"),
        ("/opt/ml/input/data", "{}/input/data"),
        ("--data=/opt/ml/input", "--data={}/input"),
        ("/usr/lib:/opt/ml:/opt/ml/code", "/usr/lib:{}:{}/code"),
        ("file:///opt/ml/model", "file://{}/model"),
        ('{"model_dir": "/opt/ml", "in": ["/opt/ml/in"]}', '{{"model_dir": "{}", "in": ["{}/in"]}}'),
        ("cat /opt/ml/a>/opt/ml/b;ls /opt/ml", "cat {}/a>{}/b;ls {}"),
        ("open('/opt/ml/x')", "open('{}/x')"),
        ("/opt/mlflow", "/opt/mlflow"),
        ("/opt/ml-other", "/opt/ml-other"),
        ("/opt/ml.bak", "/opt/ml.bak"),
        ("/opt/ml_2/x", "/opt/ml_2/x"),
        ("/data/opt/ml/x", "/data/opt/ml/x"),
        ("s3://bucket/opt/ml/x", "s3://bucket/opt/ml/x"),
        ("./opt/ml", "./opt/ml"),
        ("opt/ml", "opt/ml"),
        ("", ""),
    ],
)
def test_only_the_exact_path_is_replaced(text: str, expected: str) -> None:
    assert rewrite_ml_path(text, REAL) == expected.format(REAL, REAL, REAL)


def test_arguments_environment_and_working_directory_are_rewritten(rewritten: Bench) -> None:
    (rewritten.ml / "code").mkdir()
    ended = rewritten.python(
        "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['MODEL'], os.getcwd()]))",
        "--data=/opt/ml/input",
        "/opt/mlflow",
        environment={"MODEL": "/opt/ml/model"},
        folder="/opt/ml/code",
    )
    assert ended.code == 0, rewritten.errors
    ml = str(rewritten.ml)
    assert json.loads(rewritten.output) == [
        [f"--data={ml}/input", "/opt/mlflow"],
        f"{ml}/model",
        f"{ml}/code",
    ]


@pytest.mark.parametrize("name", ["a b", "a:b", "a,b", "a'b", 'a"b', "a$b", "a\nb", "ä", "a;b", "a\\b"])
def test_a_folder_whose_name_needs_quotes_gets_a_plain_link(tmp_path: Path, name: str) -> None:
    (tmp_path / name / "runs").mkdir(parents=True)
    started = choose_launcher("paths", tmp_path / name / "runs")
    bench = Bench(started, tmp_path / name)
    (bench.ml / "in").write_text("given")
    ended = bench.run(
        "sh",
        "-c",
        'cat /opt/ml/in >/opt/ml/out; echo "$WHERE"',
        environment={"WHERE": '{"ml": "/opt/ml"}', "PATH": "/opt/ml/bin:/usr/bin:/bin"},
    )
    started.close()
    assert ended.code == 0, bench.errors
    assert (bench.ml / "out").read_text() == "given"
    named = Path(json.loads(bench.output)["ml"])
    assert named.name == "ml"
    assert not named.exists()  # it was there as long as the job


def test_a_hard_coded_path_does_not_exist(rewritten: Bench) -> None:
    (rewritten.ml / "run.py").write_text("open('/opt/ml/in')")
    (rewritten.ml / "in").touch()
    assert rewritten.run("python", "run.py").code == 1
    assert "FileNotFoundError" in rewritten.errors
