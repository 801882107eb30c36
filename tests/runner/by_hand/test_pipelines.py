"""Pipelines that users wrote with the installed SDK run as they are."""

from __future__ import annotations

import json
import sys

import pytest

from tests.by_hand import session
from tests.by_hand.inputs import BUCKET
from tests.runner.by_hand.conftest import CODE, User, members, only, read_json
from tests.runner.by_hand.texts import LINES, ODD

SDK = session.sdk_major()
HANDLER = f"--lambda=count={CODE / 'handler.py'}:lambda_handler"
MODEL = f"--input=s3://{BUCKET}/models/model.tar.gz=model.tar.gz"
LAUNCHERS = ["namespace", "paths"] if sys.platform == "linux" else ["paths"]


def test_a_regression_runs_from_raw_data_to_predictions(user: User) -> None:
    run = user.succeed("regression")
    settings = json.loads(members(run, "output/train/*/output/model.tar.gz")["settings.json"])
    known = {name: settings[name] for name in ("depth", "rate", "fit_intercept", "layers")}
    assert known == {"depth": 3, "rate": 0.5, "fit_intercept": True, "layers": [1, 2]}
    assert settings["hps"]["source"] == f"s3://{BUCKET}/raw"
    assert settings["hps"]["options"] == {"a": 1}
    predicted = only(run, "output/predictions/batch.csv.out").read_text().splitlines()
    test = only(run, "**/test.csv").read_text().splitlines()[1:]
    wanted = [float(line.split(",")[1]) for line in test]
    assert all(abs(float(found) - value) < 1 for found, value in zip(predicted, wanted, strict=True))
    assert only(run, "checkpoints/last.txt").read_text() == "seen\n"
    assert (run.parent / "models/regression/1/model.json").is_file()
    metrics = {step["name"]: step["metrics"] for step in json.loads((run / "run.json").read_text())["steps"]}
    assert metrics["Train"].keys() == {"loss", "r2"}


def test_a_second_regression_takes_what_its_caches_hold(user: User) -> None:
    user.succeed("regression")
    done = user.run("regression", "--param=LeastR2=2")
    assert done.code == 1
    assert "step 'TooBad' failed: r2 is below 2.0" in done.err
    states = {step["name"]: step["status"] for step in user.last["steps"]}
    assert (states["Prepare"], states["Train"], states["Evaluate"]) == ("cached", "cached", "succeeded")


def test_data_is_mended_and_the_run_goes_on(user: User) -> None:
    raw = user.project.path / "raw/a.csv"
    good = raw.read_text()
    raw.write_text(good.replace("x,z,y", "x,z,why"))
    done = user.run("regression")
    assert done.code == 1
    assert "KeyError" in done.err
    raw.write_text(good)
    run = user.project.runs[-1].name
    done = user.project.run("run", "--resume", run)
    assert done.code == 0, done.err
    again = user.run("regression", "--only=Evaluate", f"--from-run={run}")
    assert again.code == 0, again.err


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_the_frameworks_own_classes_run(user: User, launcher: str) -> None:
    run = user.succeed("frameworks", f"--runner={launcher}", "--jobs=1")
    seen = read_json(run, "**/seen/seen.json" if SDK == 3 else "**/output/seen/seen.json")
    assert (seen["argv"], seen["name"], seen["like"]) == (["--a", "b c", seen["argv"][2]], "inner", 1)
    for path in run.glob(f"s3/{BUCKET}/**/model.tar.gz"):
        seen = json.loads(members(run, str(path.relative_to(run / "s3" / BUCKET)))["seen.json"])
        given = seen["hyperparameters"]
        assert (given["epochs"], given["lr"], given["text"]) == (2, 1e-05, "a b")
        assert int(given["big"]) == 10**20
        assert seen["mode"] == "x=y"
        own = {name: files for name, files in seen["channels"].items() if "TRAIN" in name}
        assert own
        assert all(files == ["seen.json"] for files in own.values())


def test_code_that_is_not_there_is_reported_for_every_step_before_anything_starts(user: User) -> None:
    definition = str(user.emitted / "frameworks/definition.json")
    done = user.project.run("run", definition, f"--input=s3://{BUCKET}/raw=raw")
    assert done.code == 1
    for name in ("prepare", "xgboost", "pytorch") if SDK == 2 else ("prepare", "script", "command", "shell"):
        assert f"step {name!r} reads s3://{BUCKET}/" in done.err
    assert not user.project.runs


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_the_sdks_own_script_puts_code_into_a_models_archive(user: User, launcher: str) -> None:
    user.make_model()
    run = user.succeed("repacked", MODEL, f"--runner={launcher}", "--jobs=1")
    repacked = list(run.glob(f"s3/{BUCKET}/**/model.tar.gz"))
    assert len(repacked) == (3 if SDK == 2 else 2)
    for path in repacked:
        files = members(run, str(path.relative_to(run / "s3" / BUCKET)))
        assert files["model.joblib"] == b"a model"
        assert files["code/inference.py"] == (CODE / "train/inference.py").read_bytes()
    assert (run.parent / "models/two/1/model.tar.gz").is_file()


def test_step_functions_are_reported_before_anything_starts(user: User) -> None:
    done = user.run("decorated")
    assert done.code == 1
    for name in ("add", "double"):
        assert f"step {name!r}: it is a function decorated with @step" in done.err
    assert not user.project.runs


@pytest.mark.parametrize("kind", ["b", "a"])
def test_values_go_wherever_they_are_wired_to(user: User, kind: str) -> None:
    user.project.write("answer.json", {"ok": True, "why": ODD})
    done = user.run("wiring", HANDLER, "--callback=ask=answer.json", f"--param=Kind={kind}")
    assert done.code == 0, done.err
    run = user.project.runs[-1]
    seen = read_json(run, f"*/{kind}/sub/seen.json")
    place = f"s3://{BUCKET}/{only(run, f'*/{kind}').parent.name}/{kind}"
    # The last step has put its own file in the place of the first one's.
    assert seen["argv"][:2] == [ODD, f"odd value,1.5,{place}"]
    assert seen["argv"][2] == "out"
    assert seen["before"] == ["seen.json", "日本 é.txt"]


def test_a_job_gets_every_text_as_it_is(user: User) -> None:
    user.project.write("answer.json", {"ok": False, "why": ODD})
    options = (HANDLER, "--callback=ask=answer.json")
    done = user.run("wiring", *options, "--param=Count=7", "--param=Rate=1e-3", "--param=Flag=false")
    assert done.code == 1
    assert "step 'no' failed: no: " in done.err
    argv = read_json(user.project.runs[-1], "*/b/sub/seen.json")["argv"]
    joined = f"{ODD}|7|0.001|False|definition||x"
    assert argv == [ODD, LINES, "7", "0.001", "False", joined, "", ""]


def test_steps_run_after_the_collections_that_they_wait_for(user: User) -> None:
    run = user.succeed("dependencies", "--jobs=8")
    times = {name: float(only(run, f"output/order/{name}/time").read_text()) for name in "abcde"}
    assert max(times["a"], times["b"]) < times["c"] < times["d"] < times["e"]


def test_a_launcher_of_many_processes_runs_or_is_reported(user: User) -> None:
    done = user.run("torchrun")
    if SDK == 2:  # the image's toolkit is what would call torchrun
        assert done.code == 0, done.err
        assert "sagemaker_torch_distributed_enabled: a local run starts the script once" in done.err
        assert "InstanceCount is 2: a local run starts one, host algo-1" in done.err
    else:  # the SDK's own driver does
        assert done.code == 1
        assert "No module named 'torch'" in done.err
