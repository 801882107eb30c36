"""Script mode agrees with the package that does it in AWS: its answers, recorded, are in ``toolkit_5_1_4.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagcast.runner.container import training_toolkit
from dagcast.runner.executors.executor import StepFailedError

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "toolkit_5_1_4.json").read_text("utf-8"))

OF_THE_MACHINE = {"num_cpus", "num_gpus"}


def test_the_command_line_is_the_toolkits() -> None:
    assert (
        training_toolkit.script_arguments(
            training_toolkit.decode_hyperparameters(RECORDED["hyperparameters"])
        )
        == RECORDED["arguments"]
    )


def test_the_variables_are_the_toolkits() -> None:
    made = training_toolkit.script_variables(
        training_toolkit.decode_hyperparameters(RECORDED["hyperparameters"]),
        RECORDED["resourceconfig"],
        RECORDED["inputdataconfig"],
        "jobby",
    )
    expected = dict(RECORDED["variables"])
    own = {name: made[name] for name in expected if name in made}
    for name in (*(f"SM_{fact.upper()}" for fact in OF_THE_MACHINE), "SM_TRAINING_ENV"):
        del own[name], expected[name]
    assert own == expected
    assert set(made) - set(RECORDED["variables"]) == {
        "SAGEMAKER_JOB_NAME",
        "SAGEMAKER_REGION",
        "CURRENT_HOST",
    }
    inner, wanted = json.loads(made["SM_TRAINING_ENV"]), json.loads(RECORDED["variables"]["SM_TRAINING_ENV"])
    for fact in OF_THE_MACHINE:
        del inner[fact], wanted[fact]
    assert inner == wanted


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_any_hyperparameter_is_one_name_and_one_argument(texts: dict[str, str]) -> None:
    arguments = training_toolkit.script_arguments(training_toolkit.decode_hyperparameters(texts))
    own = [name for name in texts if not name.startswith("sagemaker_") and not name.startswith("_tuning")]
    assert len(arguments) == 2 * len([name for name in own if name != "default_user_module_name"])
    assert all(isinstance(argument, str) for argument in arguments)


def test_a_script_runs_as_what_it_is(tmp_path: Path) -> None:
    for name in ("train.py", "sub/train.py", "run.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert training_toolkit.script_command(tmp_path, "train.py", ["-x", "1"]) == (
        "python",
        "train.py",
        "-x",
        "1",
    )
    assert training_toolkit.script_command(tmp_path, "sub/train.py", []) == ("python", "sub/train.py")
    shell = ("/bin/sh", "-c", '"$0" "$@"', "/opt/ml/code/run.sh", "a b")
    assert training_toolkit.script_command(tmp_path, "run.sh", ["a b"]) == shell
    assert (tmp_path / "run.sh").stat().st_mode & 0o100
    (tmp_path / "setup.py").touch()
    assert training_toolkit.script_command(tmp_path, "train.py", []) == ("python", "-m", "train")


@pytest.mark.parametrize("name", ["../train.py", "/etc/train.py", "-c", "missing.py", "link.py", None, 5])
def test_a_script_outside_the_code_is_refused(tmp_path: Path, name: Any) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (tmp_path / "train.py").touch()
    (code / "link.py").symlink_to(tmp_path / "train.py")
    with pytest.raises(StepFailedError, match="ClientError"):
        training_toolkit.script_command(code, name, [])
