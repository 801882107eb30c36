"""A local image stands for an image: what runs, what is reported before, and what keeps it afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.local_images.mean import ADDRESS, IMAGE, PIPELINE, TUNING, Project, make_project, mean_image

REPORT = "acme/mean:2 does not run here; acme-mean 1.0 stands in: numbers differ"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project after one run of the pipeline; to be read."""
    project = make_project(tmp_path_factory.mktemp("ran"))
    done = project.run("--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (project.folder / "events.jsonl").write_text(done.stdout)
    return project


def test_it_is_reported_before_anything_starts(ran: Project) -> None:
    events = [json.loads(line) for line in (ran.folder / "events.jsonl").read_text().splitlines()]
    kinds = [event["event"] for event in events]
    reports = [event for event in events if event.get("code") == "run.image-stands-in"]
    assert [(event["step"], event["message"]) for event in reports] == [
        ("train", REPORT),
        ("predict", REPORT),
    ]
    assert max(events.index(event) for event in reports) < kinds.index("step-started")


def test_the_program_gets_its_folders_and_the_default_content_type(ran: Project) -> None:
    step = ran.steps()["train"]
    assert step["status"] == "succeeded"
    assert step["metrics"] == {"train:mean": 1.75}


def test_the_serving_module_predicts_with_the_defaults_of_the_image(ran: Project) -> None:
    files = list(ran.last.glob("s3/my-bucket/mean/*/predict/rows.csv.out"))
    assert [file.read_text() for file in files] == ["1.75,text/csv,text/csv,2\n" * 2]


def test_the_result_keeps_it(ran: Project) -> None:
    saved = json.loads((ran.last / "steps" / "train" / "result.json").read_text())["result"]["stand_in"]
    assert saved["image"] == ADDRESS
    assert saved["library"] == "acme-mean 1.0"
    assert saved["distribution"] == "acme-mean 1.0"
    assert len(saved["code_sha256"]) == 64
    steps = ran.steps()
    assert {name for name, step in steps.items() if step["stand_in"]} == {"train", "predict"}
    assert steps["train"]["stand_in"] == saved


def test_runs_show_names_it(ran: Project) -> None:
    shown = ran.dagcast("runs", "show", ran.last.name, COLUMNS="200")
    assert shown.stdout.count("acme-mean 1.0 stood in for acme/mean:2: numbers differ") == 2


def test_the_registered_model_names_it(ran: Project) -> None:
    model = json.loads((ran.folder / ".dagcast/runs/models/means/1/model.json").read_text())
    assert {name: found["label"] for name, found in model["StandIns"].items()} == {"train": "acme/mean:2"}


def test_the_lock_of_the_run_has_its_code(ran: Project) -> None:
    lock = json.loads((ran.last / "definition.plugins.json").read_text())
    (found,) = [image for image in lock["local_images"] if image["name"] == "mean"]
    assert (found["distribution"], found["version"], found["entry_point"]) == (
        "acme-mean",
        "1.0",
        "acme_mean.image:MEAN",
    )
    assert {Path(name).name for name in found["files"]} >= {"image.py", "train.py", "serve.py"}


def test_the_cache_knows_its_code(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    assert project.run("--only", "train").returncode == 0
    assert project.run("--only", "train").returncode == 0
    assert project.steps()["train"]["status"] == "cached"
    assert project.steps()["train"]["stand_in"]["local_image"] == "mean"
    mean_image(IMAGE + "\n# another release\n").install(project.site)
    assert project.run("--only", "train").returncode == 0
    assert project.steps()["train"]["status"] == "succeeded"


@pytest.mark.parametrize("runner", ["paths", "auto"])
def test_it_runs_in_each_isolation(runner: str, tmp_path: Path) -> None:
    project = make_project(tmp_path)
    done = project.run("--runner", runner)
    assert done.returncode == 0, done.stderr
    assert list(project.last.glob("s3/my-bucket/mean/*/predict/rows.csv.out"))


def test_a_failure_is_that_of_the_program(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    (project.folder / "rows").mkdir()
    (project.folder / "rows" / "rows.csv").write_text(" ")
    done = project.run()
    assert done.returncode == 1
    assert "AlgorithmError: there are no rows, exit code: 1" in done.stderr


def test_a_search_runs_it_for_each_trial(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    done = project.run(text=TUNING)
    assert done.returncode == 0, done.stderr
    step = project.steps()["search"]
    assert step["metrics"] == {"train:mean": 11.75}
    assert step["stand_in"]["label"] == "acme/mean:2"
    assert done.stderr.count(REPORT) == 1


def test_a_resumed_run_uses_it_or_keeps_away_from_it(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    broken = Path(project.site, "acme_mean", "serve.py")
    whole = broken.read_text()
    mean_image(modules={**mean_image().modules, "acme_mean.serve": "raise SystemExit('no')"}).install(
        project.site
    )
    assert project.run().returncode == 1
    mean_image(modules={**mean_image().modules, "acme_mean.serve": whole}).install(project.site)
    refused = project.dagcast("run", "--resume", project.last.name, "--no-local-images")
    assert refused.returncode == 1
    done = project.dagcast("run", "--resume", project.last.name)
    assert done.returncode == 0, done.stderr
    assert project.steps()["predict"]["status"] == "succeeded"


def test_a_definition_runs_with_it_too(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    (project.folder / "pipeline.yaml").write_text(PIPELINE)
    assert project.dagcast("compile", "pipeline.yaml", "-o", "definition.json").returncode == 0
    (project.folder / "rows").mkdir()
    (project.folder / "rows" / "rows.csv").write_text("1\n")
    done = project.dagcast("run", "definition.json", "--input", "s3://my-bucket/rows=rows")
    assert done.returncode == 0, done.stderr
    assert f"train: {REPORT}" in done.stderr
    assert json.loads((project.last / "definition.plugins.json").read_text())["local_images"]
