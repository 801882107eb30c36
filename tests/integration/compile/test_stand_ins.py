"""A config without a role, a bucket and images: it runs on this machine, and does not compile for the service."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler, run

SCRIPT = """\
from pathlib import Path

Path("/opt/ml/processing/out/made").write_text("made")
"""
WITHOUT_SDK = """
import sys
from dagcast.sagemaker import sdk
sdk.installed_sdk = lambda: None
sys.modules["sagemaker"] = None
from dagcast.cli.main import main
sys.argv[0] = "dagcast"
main()
"""


def config(**step: Any) -> dict[str, Any]:
    measure = {
        "type": "Processing",
        "entry_point": "measure.py",
        "instance_type": "ml.m5.large",
        "outputs": {"out": "/opt/ml/processing/out"},
        **step,
    }
    return {"pipeline": {"name": "bare"}, "steps": {"measure": measure}}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "measure.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_config_without_role_bucket_and_image_runs_and_says_what_stands_in(project: Path) -> None:
    (project / "pipeline.json").write_text(json.dumps(config()))
    done = _dagcast(project, "run", "pipeline.json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == (
        "stand-ins for this run: role arn:aws:iam::123456789012:role/StandIn; bucket stand-in; "
        "an image for 'measure'"
    )
    first = json.loads(_dagcast(project, "run", "pipeline.json", "--json").stdout.splitlines()[0])
    assert first["event"] == "stand-ins"
    assert len(first["stand_ins"]) == 3


def test_the_result_of_a_run_from_python_says_what_stands_in(project: Path) -> None:
    result = run(config(), plugins=[])
    assert result.succeeded
    assert (result.steps["measure"].outputs["out"] / "made").read_text() == "made"
    assert result.warnings[0].startswith("stand-ins for this run: role ")


def test_what_the_config_has_is_used_and_not_listed(project: Path) -> None:
    given = config(image_uri="111122223333.dkr.ecr.eu-west-1.amazonaws.com/tools:1")
    given["pipeline"] |= {"role": "arn:aws:iam::111122223333:role/Own", "bucket": "own-bucket"}
    result = run(given, plugins=[])
    assert not [text for text in result.warnings if "stand-ins" in text]
    text = (result.folder / "definition.json").read_text()
    assert "stand-in" not in text.lower()
    assert "StandIn" not in text


def test_a_compile_for_the_service_asks_for_what_is_missing(project: Path) -> None:
    codes = {item.code for item in PipelineDAGCompiler(config(), plugins=[]).validate().errors}
    assert codes == {"pipeline.missing-role", "pipeline.missing-bucket", "image.missing"}


def test_without_an_sdk_the_image_of_a_framework_stands_in(project: Path) -> None:
    of_framework = config(framework="sklearn", framework_version="1.2-1")
    (project / "pipeline.json").write_text(json.dumps(of_framework))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SDK, "run", "pipeline.json"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "an image of the SDK's tables for 'measure'" in done.stderr
    of_framework["pipeline"]["region"] = "us-east-1"
    (project / "pipeline.json").write_text(json.dumps(of_framework))
    refused = subprocess.run(
        [sys.executable, "-c", WITHOUT_SDK, "validate", "pipeline.json"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "the image of sklearn comes from the SDK" in refused.stderr


def test_an_unknown_version_of_a_framework_is_an_error_here_too(project: Path) -> None:
    (project / "pipeline.json").write_text(json.dumps(config(framework="sklearn", framework_version="9.9-9")))
    done = _dagcast(project, "run", "pipeline.json")
    assert done.returncode == 1
    assert "9.9-9" in done.stderr
    assert not (project / ".dagcast").exists()


def test_the_starter_project_runs_and_validates(project: Path) -> None:
    assert _dagcast(project, "init").returncode == 0
    assert _dagcast(project, "validate", "pipeline.yaml").returncode == 0
    done = _dagcast(project, "run", "pipeline.yaml", "--quiet")
    assert done.returncode == 0, done.stderr


def _dagcast(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dagcast", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280)
