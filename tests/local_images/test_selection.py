"""An installed local image is used, unless a flag, a config or a site policy says otherwise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.local_images.mean import IMAGE, PIPELINE, Project, make_project, mean_image
from tests.support.distributions import run

NOT_HERE = "only its image knows what to run"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("selection"))


def listed(project: Project, *arguments: str, **variables: str) -> dict[str, Any]:
    """The row of the local image in the list of plugins."""
    done = project.dagcast("plugins", "list", "--json", *arguments, **variables)
    assert done.returncode == 0, done.stderr
    (row,) = [row for row in json.loads(done.stdout) if row["name"] == "mean"]
    return row


def policy(project: Project, text: str) -> dict[str, str]:
    """The variables of a machine with a site policy."""
    file = project.folder.parent / "site.yaml"
    file.write_text(f"plugins: {text}\n")
    return {"DAGCAST_SITE": str(file)}


def test_it_is_listed_with_the_plugins(project: Project) -> None:
    row = listed(project)
    assert (row["kind"], row["distribution"], row["version"], row["selected"]) == (
        "local image",
        "acme-mean",
        "1.0",
        True,
    )


def test_the_list_imports_none(tmp_path: Path) -> None:
    project = make_project(tmp_path, mean_image("raise SystemExit('imported')\n" + IMAGE))
    assert listed(project)["selected"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(("--no-local-images",), "--no-local-images"), (("--no-plugin", "mean"), "--no-plugin")],
)
def test_flags_turn_it_off(project: Project, arguments: tuple[str, ...], reason: str) -> None:
    row = listed(project, *arguments)
    assert not row["selected"]
    assert reason in row["reason"]
    done = project.run(*arguments)
    assert done.returncode == 1
    assert NOT_HERE in done.stderr


def test_no_plugins_is_about_plugins(project: Project) -> None:
    assert listed(project, "--no-plugins")["selected"]


def test_a_config_turns_it_off(project: Project) -> None:
    done = project.run(text=PIPELINE + "plugins: {disable: [mean]}\n")
    assert done.returncode == 1
    assert NOT_HERE in done.stderr


@pytest.mark.parametrize("word", ["forbidden", "disable"])
def test_a_site_policy_turns_it_off(project: Project, word: str) -> None:
    variables = policy(project, f"{{{word}: [mean]}}")
    row = listed(project, **variables)
    assert not row["selected"]
    assert "site policy" in row["reason"]
    done = project.run(**variables)
    assert done.returncode == 1
    assert NOT_HERE in done.stderr


@pytest.mark.parametrize("arguments", [("--no-local-images",), ("--no-plugin", "mean")])
def test_a_site_policy_insists_on_it(project: Project, arguments: tuple[str, ...]) -> None:
    variables = policy(project, "{required: [mean]}")
    assert listed(project, **variables)["selected"]
    done = project.run(*arguments, **variables)
    assert done.returncode == 1
    assert "turns off local image 'mean', which the site policy" in done.stderr
    assert not (project.folder / ".dagcast").exists()


def test_a_required_name_that_nothing_has_is_an_error(project: Project) -> None:
    done = project.run(**policy(project, "{required: [nothing]}"))
    assert done.returncode == 1
    assert "'nothing'" in done.stderr


def test_the_doctor_reports_a_stale_one(tmp_path: Path) -> None:
    points = {"dagcast.local_images": {"mean": "acme_mean.gone:MEAN"}}
    project = make_project(tmp_path, mean_image(points=points))
    done = project.dagcast("plugins", "doctor")
    assert done.returncode == 1
    assert "its entry point names module 'acme_mean.gone', which does not exist" in done.stdout


def test_a_run_without_jobs_imports_none(tmp_path: Path) -> None:
    project = make_project(tmp_path, mean_image("raise SystemExit('imported')\n" + IMAGE))
    text = PIPELINE[: PIPELINE.index("steps:")] + "steps: {stop: {type: Fail, error_message: enough}}\n"
    done = project.run(text=text)
    assert "imported" not in done.stderr


def test_a_compile_is_the_same_without_it(project: Project) -> None:
    (project.folder / "pipeline.yaml").write_text(PIPELINE)
    with_it = project.dagcast("compile", "pipeline.yaml").stdout
    without = project.dagcast("compile", "pipeline.yaml", "--no-plugin", "mean").stdout
    assert with_it == without != ""


def test_the_image_itself_runs_with_docker(tmp_path: Path) -> None:
    project = make_project(tmp_path, mean_image("raise SystemExit('imported')\n" + IMAGE))
    (tmp_path / "empty").mkdir()
    done = project.run("--runner", "docker", PATH=str(tmp_path / "empty"))
    assert done.returncode == 1
    assert "docker" in done.stderr
    assert "stands in" not in done.stderr
    assert "imported" not in done.stderr


def test_python_uses_it_and_turns_it_off(project: Project) -> None:
    (project.folder / "pipeline.yaml").write_text(PIPELINE)
    (project.folder / "rows").mkdir(exist_ok=True)
    (project.folder / "rows" / "rows.csv").write_text("1.0\n2.5\n")
    program = """
from dagcast import run
from dagcast.errors import InvalidInputError

inputs = {"s3://my-bucket/rows": "rows"}
result = run("pipeline.yaml", inputs=inputs, plugins=[])
print(result.status, *result.warnings, sep="|")
try:
    run("pipeline.yaml", inputs=inputs, local_images=False)
except InvalidInputError as error:
    print(error.diagnostics[0].code)
"""
    (project.folder / "program.py").write_text(program)
    done = run(["program.py"], [project.site], project.folder)
    shutil.rmtree(project.folder / ".dagcast")
    status, code = done.stdout.splitlines()
    assert status.startswith("Succeeded|train: acme/mean:2 does not run here; acme-mean 1.0 stands in")
    assert code == "run.unsupported-field"
