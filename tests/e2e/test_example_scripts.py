"""The example's scripts, each run in a process of its own, as the jobs of the pipeline run them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

CODE = Path(__file__).parents[2] / "examples" / "breast_cancer" / "code"
ROWS, FEATURES = 569, 30

SERVE = """
import sys, train
model = train.model_fn(sys.argv[1])
rows = train.input_fn(sys.stdin.buffer.read(), "text/csv")
body, content_type = train.output_fn(train.predict_fn(rows, model), "text/csv")
assert content_type == "text/csv"
sys.stdout.write(body)
"""


@dataclass(frozen=True)
class Jobs:
    """A folder that stands for the ``/opt/ml`` of the jobs, and the jobs that work in it."""

    root: Path

    def run(self, *command: str | Path, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            env={**os.environ, **environment},
            cwd=CODE,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def preprocess(self, *arguments: str) -> str:
        folders = [f"--{part}-dir={self.root / part}" for part in ("train", "validation", "test", "batch")]
        return self.run("preprocess.py", *folders, *arguments)

    def train(self, *arguments: str) -> dict[str, float]:
        """Trains, and gives the metrics that the job prints."""
        printed = self.run(
            "train.py",
            *arguments,
            SM_CHANNEL_TRAIN=str(self.root / "train"),
            SM_CHANNEL_VALIDATION=str(self.root / "validation"),
            SM_MODEL_DIR=str(self.root / "model"),
        )
        self.pack("model.joblib")
        pairs = (line.removeprefix("validation:").split("=") for line in printed.splitlines())
        return {name: float(value) for name, value in pairs}

    def pack(self, name: str) -> None:
        """Makes the archive that a training job leaves in S3."""
        with tarfile.open(self.root / "model" / "model.tar.gz", "w:gz") as tar:
            tar.add(self.root / "model" / "model.joblib", name)

    def evaluate(self) -> dict[str, Any]:
        folders = [f"--{part}-dir={self.root / part}" for part in ("model", "test")]
        self.run("evaluate.py", *folders, f"--output-dir={self.root / 'evaluation'}")
        return self.metrics()

    def metrics(self) -> dict[str, Any]:
        report = json.loads((self.root / "evaluation" / "evaluation.json").read_text(encoding="utf-8"))
        metrics: dict[str, Any] = report["binary_classification_metrics"]
        return metrics

    def rows(self, part: str) -> np.ndarray:
        return np.loadtxt(self.root / part / f"{part}.csv", delimiter=",", skiprows=1)

    def predictions(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        """What the trained model says of a part of the data: the class, and the probability of class 1."""
        model = joblib.load(self.root / "model" / "model.joblib")
        features = self.rows(part)[:, 1:]
        return model.predict(features), model.predict_proba(features)[:, 1]

    def replace_targets(self, part: str, targets: np.ndarray) -> None:
        path = self.root / part / f"{part}.csv"
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        features = [line.split(",", 1)[1] for line in lines]
        changed = [f"{int(target)},{rest}" for target, rest in zip(targets, features, strict=True)]
        path.write_text("\n".join([header, *changed, ""]), encoding="utf-8")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    """The jobs after all three ran once; to be read, not changed."""
    jobs = Jobs(tmp_path_factory.mktemp("done"))
    jobs.preprocess()
    jobs.train()
    jobs.evaluate()
    return jobs


@pytest.fixture
def jobs(done: Jobs, tmp_path: Path) -> Jobs:
    """A copy of what the jobs left, to be changed and run further."""
    shutil.copytree(done.root, tmp_path, dirs_exist_ok=True)
    return Jobs(tmp_path)


def test_preprocessing_splits_every_row_once_and_keeps_the_balance_of_the_classes(done: Jobs) -> None:
    parts = {part: done.rows(part) for part in ("train", "validation", "test")}
    everything = np.concatenate(list(parts.values()))

    assert everything.shape == (ROWS, 1 + FEATURES)
    assert len(np.unique(everything, axis=0)) == ROWS
    for rows in parts.values():
        assert rows[:, 0].mean() == pytest.approx(everything[:, 0].mean(), abs=0.01)


def test_the_rows_to_score_are_those_of_the_test_set_without_header_and_target(done: Jobs) -> None:
    batch = np.loadtxt(done.root / "batch" / "batch.csv", delimiter=",")
    assert np.array_equal(batch, done.rows("test")[:, 1:])


def test_the_same_seed_gives_the_same_split_and_another_seed_another(jobs: Jobs) -> None:
    first = (jobs.root / "test" / "test.csv").read_bytes()
    jobs.preprocess("--seed=0")
    assert (jobs.root / "test" / "test.csv").read_bytes() == first
    jobs.preprocess("--seed=1")
    assert (jobs.root / "test" / "test.csv").read_bytes() != first


def test_the_model_is_good_and_the_report_agrees_with_the_model(done: Jobs) -> None:
    metrics = done.metrics()
    target = done.rows("test")[:, 0]
    predicted, _ = done.predictions("test")

    assert metrics["accuracy"]["value"] == pytest.approx((predicted == target).mean())
    assert 0.9 < metrics["accuracy"]["value"] <= 1
    assert 0.9 < metrics["auc"]["value"] <= 1
    for actual, counts in metrics["confusion_matrix"].items():
        for guess, count in counts.items():
            assert count == ((target == int(actual)) & (predicted == int(guess))).sum()


def test_wrong_answers_in_the_test_set_turn_the_metrics_round(done: Jobs, jobs: Jobs) -> None:
    jobs.replace_targets("test", 1 - jobs.rows("test")[:, 0])
    before, after = done.metrics(), jobs.evaluate()

    assert after["accuracy"]["value"] == pytest.approx(1 - before["accuracy"]["value"])
    assert after["auc"]["value"] == pytest.approx(1 - before["auc"]["value"])


def test_a_model_trained_on_shuffled_answers_is_bad(jobs: Jobs) -> None:
    targets = jobs.rows("train")[:, 0]
    jobs.replace_targets("train", np.random.default_rng(0).permutation(targets))
    jobs.train()
    assert jobs.evaluate()["accuracy"]["value"] < 0.8


def test_training_prints_the_metrics_of_the_validation_set(jobs: Jobs) -> None:
    printed = jobs.train("--regularization", "0.001")
    predicted, _ = jobs.predictions("validation")
    assert printed["accuracy"] == pytest.approx((predicted == jobs.rows("validation")[:, 0]).mean(), abs=1e-6)
    assert 0.9 < printed["auc"] <= 1


def test_boosting_takes_its_hyperparameters_and_is_evaluated_alike(jobs: Jobs) -> None:
    jobs.train("--algorithm", "boosting", "--n-estimators", "20", "--learning-rate", "0.3")
    model = joblib.load(jobs.root / "model" / "model.joblib")
    assert (model.n_estimators, model.learning_rate) == (20, 0.3)

    predicted, _ = jobs.predictions("test")
    accuracy = jobs.evaluate()["accuracy"]["value"]
    assert accuracy == pytest.approx((predicted == jobs.rows("test")[:, 0]).mean())
    assert 0.9 < accuracy <= 1


def test_the_model_is_served_as_a_batch_transform_would(done: Jobs) -> None:
    served = subprocess.run(
        [sys.executable, "-c", SERVE, done.root / "model"],
        input=(done.root / "batch" / "batch.csv").read_bytes(),
        cwd=CODE,
        capture_output=True,
        check=True,
    )
    _, probability = done.predictions("test")
    scores = [float(line) for line in served.stdout.splitlines()]
    assert scores == pytest.approx(probability.tolist(), abs=1e-6)


def test_a_model_archive_without_a_model_is_refused(jobs: Jobs) -> None:
    jobs.pack("something_else.joblib")
    with pytest.raises(AssertionError, match=r"no model\.joblib in"):
        jobs.evaluate()
