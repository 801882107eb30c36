"""The serving module: one prediction a line, ensembles, selected output, and what the image refuses."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost

from dagcast_xgboost.serve import ServingError, load_model, predict

OBJECTIVES = {
    "reg:squarederror": 0,
    "reg:gamma": 0,
    "count:poisson": 0,
    "binary:logistic": 2,
    "binary:logitraw": 2,
    "binary:hinge": 2,
    "multi:softmax": 3,
    "multi:softprob": 3,
}
FEATURES = np.random.default_rng(1).normal(size=(60, 3)).round(3)
ALL_OF_CLASSES = "predicted_label,labels,probability,probabilities,raw_score,raw_scores"
BODY = "".join(",".join(map(str, row)) + "\n" for row in FEATURES[:5]).encode()


def booster(objective: str, seed: int = 0) -> xgboost.Booster:
    classes = OBJECTIVES[objective]
    truth = FEATURES[:, 0] + seed * FEATURES[:, 1]
    label = (
        np.digitize(truth, np.quantile(truth, np.linspace(0, 1, classes + 1)[1:-1]))
        if classes
        else abs(truth) + 0.1
    )
    parameters = {"objective": objective, **({"num_class": classes} if classes > 2 else {})}
    return xgboost.train(parameters, xgboost.DMatrix(FEATURES, label=label), 3)


def save(folder: Path, *boosters: xgboost.Booster) -> Any:
    for number, each in enumerate(boosters):
        each.save_model(folder / f"xgboost-model-{number}.ubj")
    return load_model(str(folder))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_one_prediction_a_line_as_python_writes_it(objective: str, tmp_path: Path) -> None:
    made = booster(objective)
    answer = predict(save(tmp_path, made), BODY, "text/csv", "application/json").decode()
    expected = made.predict(xgboost.DMatrix(FEATURES[:5])).tolist()
    assert answer == "".join(f"{each}\n" for each in expected)


def test_numbers_and_lists(tmp_path: Path) -> None:
    line = predict(save(tmp_path, booster("multi:softprob")), BODY, "csv", "").splitlines()[0]
    assert line.startswith(b"[0.")
    assert line.endswith(b"]")


def test_libsvm(tmp_path: Path) -> None:
    model = save(tmp_path, booster("reg:squarederror"))
    lines = ["0 " + " ".join(f"{index}:{cell}" for index, cell in enumerate(row)) for row in FEATURES[:5]]
    assert predict(model, "\n".join(lines).encode(), "text/libsvm", "") == predict(
        model, BODY, "text/csv", ""
    )


def test_an_ensemble_takes_the_mean(tmp_path: Path) -> None:
    members = [booster("binary:logistic", seed) for seed in range(3)]
    answer = predict(save(tmp_path, *members), BODY, "text/csv", "").split()
    expected = np.mean([each.predict(xgboost.DMatrix(FEATURES[:5])) for each in members], axis=0)
    assert [float(each) for each in answer] == pytest.approx(expected.tolist(), rel=1e-6)


def test_an_ensemble_of_classes_votes(tmp_path: Path) -> None:
    members = [booster("multi:softmax", seed) for seed in range(3)]
    answer = [float(each) for each in predict(save(tmp_path, *members), BODY, "text/csv", "").split()]
    votes = np.array([each.predict(xgboost.DMatrix(FEATURES[:5])) for each in members])
    assert answer == [
        min(set(column), key=lambda vote: (-list(column).count(vote), vote)) for column in votes.T
    ]


def test_hidden_files_are_no_models(tmp_path: Path) -> None:
    (tmp_path / ".hidden").write_text("no model")
    (tmp_path / "code").mkdir()
    assert len(save(tmp_path, booster("reg:squarederror")).boosters) == 1


@pytest.mark.parametrize(
    ("objective", "keys", "expected"),
    [
        (
            "binary:logistic",
            ALL_OF_CLASSES,
            [1, [0, 1], 0.7, [0.3, 0.7], 0.7, [0.3, 0.7]],
        ),
        ("binary:logistic", "probability, Predicted_Label", [0.7, 1]),
        ("binary:hinge", "predicted_label,probability", [1.0, math.nan]),
        ("reg:squarederror", "predicted_score,labels", [0.7, math.nan]),
        (
            "multi:softprob",
            "predicted_label,labels,probability,probabilities,predicted_score",
            [2, [0, 1, 2], 0.7, [0.1, 0.2, 0.7], math.nan],
        ),
        ("multi:softmax", "predicted_label,labels,probabilities", [2.0, [0, 1, 2], math.nan]),
    ],
)
def test_selected_output_has_the_order_and_the_kinds_of_its_keys(
    objective: str, keys: str, expected: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The values are those of the model; ``expected`` shows which kind of value stands where."""
    monkeypatch.setenv("SAGEMAKER_INFERENCE_OUTPUT", keys)
    made = booster(objective)
    model = save(tmp_path, made)
    names = [key.strip().lower() for key in keys.split(",")]
    for line in predict(model, BODY, "text/csv", "application/jsonlines").splitlines():
        values = json.loads(line)
        assert list(values) == names
        for value, kind in zip(values.values(), expected, strict=True):
            assert type(value) is type(kind)
            assert not isinstance(kind, list) or len(value) == len(kind)
            assert math.isnan(value) == math.isnan(kind) if isinstance(kind, float) else True
    raw = made.predict(xgboost.DMatrix(FEATURES[:5])).tolist()
    first = json.loads(predict(model, BODY, "text/csv", "application/json"))["predictions"][0]
    if "probabilities" in first and objective == "binary:logistic":
        assert first["probabilities"] == [1.0 - raw[0], raw[0]]
        assert first["predicted_label"] == int(raw[0] > 0.5)
    if objective == "multi:softprob":
        assert first["predicted_label"] == int(np.argmax(raw[0]))


def test_selected_output_as_csv_quotes_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_INFERENCE_OUTPUT", "predicted_label,probabilities,predicted_score")
    made = booster("binary:logistic")
    (score, *_) = made.predict(xgboost.DMatrix(FEATURES[:5])).tolist()
    first, *_ = predict(save(tmp_path, made), BODY, "text/csv", "text/csv").decode().splitlines()
    assert first == f'{int(score > 0.5)},"[{1.0 - score}, {score}]",nan'


def test_an_objective_without_selected_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_INFERENCE_OUTPUT", "predicted_score")
    with pytest.raises(ServingError, match="Objective `count:poisson` unsupported"):
        predict(save(tmp_path, booster("count:poisson")), BODY, "text/csv", "text/csv")


@pytest.mark.parametrize(
    ("body", "content_type", "problem"),
    [
        (BODY, "text/libsvm", "Loading libsvm data failed"),
        (b"1,2,x\n", "text/csv", "Loading csv data failed"),
        (b"1,2,3,4,5\n", "text/csv", "Feature size of csv inference data 5 is not consistent"),
        (b"0 9:1\n", "text/libsvm", "Feature size of libsvm inference data 10 is larger"),
        (BODY, "application/json", "application/json is not an accepted ContentType"),
        (BODY, "application/x-parquet", "Content-type application/x-parquet is not supported"),
    ],
)
def test_what_cannot_be_predicted(body: bytes, content_type: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=problem):
        predict(save(tmp_path, booster("reg:squarederror")), body, content_type, "")


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "xgboost-model").write_text("hello")
    with pytest.raises(ServingError, match="cannot be loaded"):
        load_model(str(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ServingError, match="No model file"):
        load_model(str(tmp_path / "empty"))


def test_importing_the_local_image_imports_no_library() -> None:
    heavy = "{'xgboost', 'numpy', 'scipy', 'sklearn'}"
    program = f"import sys, dagcast_xgboost.image; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
        timeout=60,
    )
    assert done.stdout == "[]\n"
