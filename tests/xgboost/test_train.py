"""The training program: the lines of its log, the model by tag, early stopping, folds, formats, failures."""

from __future__ import annotations

import io
import json
import pickle
import re
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import xgboost

from dagcast_xgboost.serve import load_model, predict
from dagcast_xgboost.train import main

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
LINE = re.compile(r"\[(\d+)\]((?:\t(?:train|validation)-[\w@.-]+:-?[\d.]+)+)")


def rows(count: int, seed: int, classes: int = 0) -> np.ndarray:
    """Rows with a label and four features; labels are classes from 0 on, or numbers."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, 4)).round(3)
    label = features @ [2.0, -1.0, 0.5, 0.0] + random.normal(scale=0.3, size=count)
    if classes:
        label = np.digitize(label, np.quantile(label, np.linspace(0, 1, classes + 1)[1:-1]))
    return np.column_stack([label.round(3), features])


def as_csv(table: np.ndarray) -> str:
    return "".join(",".join(f"{cell:g}" for cell in row) + "\n" for row in table)


def as_libsvm(table: np.ndarray) -> str:
    lines = (
        " ".join([f"{row[0]:g}", *(f"{index}:{cell:g}" for index, cell in enumerate(row[1:]))])
        for row in table
    )
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Job:
    """The folders of one job."""

    folder: Path

    @property
    def model(self) -> Path:
        return self.folder / "model"

    def write(self, name: str, text: str, channel: str = "train") -> None:
        file = self.folder / "data" / channel / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run(self, tag: str = "1.7-1", content_type: str = "text/csv", **parameters: str) -> tuple[int, str]:
        """Run the program; its exit code and standard output. A round of ten is the default."""
        config = self.folder / "config"
        for folder in ("config", "model", "output"):
            (self.folder / folder).mkdir(exist_ok=True)
        channels = {path.name: {"ContentType": content_type} for path in (self.folder / "data").iterdir()}
        (config / "hyperparameters.json").write_text(
            json.dumps({"num_round": "10", "nthread": "1", **parameters})
        )
        (config / "inputdataconfig.json").write_text(json.dumps(channels))
        folders = [str(self.folder / name) for name in ("config", "data", "model", "output")]
        log = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(log), warnings.catch_warnings():
            # The library warns of names that it no longer has, and of files without an extension.
            warnings.simplefilter("ignore", UserWarning)
            patch.setenv("DAGCAST_IMAGE_TAG", tag)
            code = main(*folders)
        return code, log.getvalue()

    @property
    def failure(self) -> str:
        return (self.folder / "output" / "failure").read_text()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job with train and validation channels of CSV."""
    job = Job(tmp_path)
    job.write("train.csv", as_csv(rows(200, 1)))
    job.write("validation.csv", as_csv(rows(60, 2)), "validation")
    return job


def metrics(log: str) -> list[dict[str, float]]:
    """The metrics of each line, in the order in which they stand in it."""
    found = []
    for line in log.splitlines():
        if line.startswith("["):
            match = LINE.fullmatch(line)
            assert match, line
            pairs = (pair.rsplit(":", 1) for pair in match[2].split("\t")[1:])
            found.append({name: float(value) for name, value in pairs})
    return found


def test_a_line_a_round_train_before_validation(job: Job) -> None:
    code, log = job.run(objective="reg:squarederror", eval_metric="rmse,mae")
    assert code == 0
    lines = metrics(log)
    assert len(lines) == 10
    assert list(lines[0]) == ["train-rmse", "train-mae", "validation-rmse", "validation-mae"]
    assert lines[-1]["train-rmse"] < lines[0]["train-rmse"]
    assert re.search(r"^\[0\]\ttrain-rmse:\d+\.\d{5}\ttrain-mae:", log, re.M)


def test_the_same_inputs_give_the_same_model(job: Job, tmp_path: Path) -> None:
    job.run(subsample="0.7")
    first = (job.model / "xgboost-model").read_bytes()
    job.run(subsample="0.7")
    assert (job.model / "xgboost-model").read_bytes() == first


@pytest.mark.parametrize(
    ("tag", "pickled"), [("1.0-1", True), ("1.2-2", True), ("1.3-1", False), ("3.2-0", False)]
)
def test_the_form_of_the_model_is_that_of_the_tag(job: Job, tag: str, pickled: bool) -> None:
    assert job.run(tag)[0] == 0
    file = job.model / "xgboost-model"
    if pickled:
        assert isinstance(pickle.loads(file.read_bytes()), xgboost.Booster)
    else:
        with pytest.raises(pickle.UnpicklingError):
            pickle.loads(file.read_bytes())
        booster = xgboost.Booster()
        booster.load_model(file)
        assert booster.num_boosted_rounds() == 10


def test_old_tags_have_the_defaults_of_their_library(job: Job) -> None:
    """Numbers of xgboost 1.7.6 on the same data: ``python -m benchmarks.xgboost_numbers`` compares more."""
    _, log = job.run("1.7-1", max_depth="4", eta="0.3")
    lines = metrics(log)
    assert [lines[0]["train-rmse"], lines[-1]["train-rmse"], lines[-1]["validation-rmse"]] == OLD_NUMBERS
    _, new = job.run("3.2-0", max_depth="4", eta="0.3")
    assert metrics(new)[0] != lines[0]
    _, told = job.run("3.2-0", max_depth="4", eta="0.3", base_score="0.5", tree_method="exact")
    assert metrics(told) == lines


OLD_NUMBERS = [1.75207, 0.31406, 0.62269]


def test_what_the_job_says_is_not_a_default(job: Job) -> None:
    _, chosen = job.run("1.7-1", base_score="2", tree_method="hist")
    _, same = job.run("3.2-0", base_score="2", tree_method="hist")
    assert metrics(chosen) == metrics(same)


def test_early_stopping_keeps_the_best_model(job: Job) -> None:
    _, log = job.run(num_round="400", eta="1", early_stopping_rounds="3", eval_metric="mae,rmse")
    values = [line["validation-rmse"] for line in metrics(log)]
    best = values.index(min(values))
    assert len(values) == best + 4 < 400
    booster = xgboost.Booster()
    booster.load_model(job.model / "xgboost-model")
    assert booster.num_boosted_rounds() == best + 1


def test_early_stopping_looks_for_the_larger_value_of_some_metrics(job: Job) -> None:
    for channel, seed in (("train", 1), ("validation", 2)):
        job.write(f"{channel}.csv", as_csv(rows(150, seed, classes=2)), channel)
    chosen = {"objective": "binary:logistic", "eval_metric": "auc"}
    _, log = job.run(num_round="300", eta="1", early_stopping_rounds="4", **chosen)
    values = [line["validation-auc"] for line in metrics(log)]
    assert len(values) == values.index(max(values)) + 5


def test_without_a_metric_early_stopping_does_nothing(job: Job) -> None:
    _, log = job.run(num_round="60", eta="1", early_stopping_rounds="2")
    assert len(metrics(log)) == 60


def test_without_a_validation_channel_early_stopping_does_nothing(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.write("train.csv", as_csv(rows(50, 1)))
    _, log = job.run(num_round="60", eta="1", early_stopping_rounds="2", eval_metric="rmse")
    assert len(metrics(log)) == 60
    assert set(metrics(log)[0]) == {"train-rmse"}


def test_the_tuning_objective_is_a_metric_and_stops(job: Job) -> None:
    _, log = job.run(
        num_round="400",
        eta="1",
        early_stopping_rounds="3",
        eval_metric="rmse",
        _tuning_objective_metric="validation:mae",
    )
    lines = metrics(log)
    assert list(lines[0]) == ["train-mae", "train-rmse", "validation-mae", "validation-rmse"]
    values = [line["validation-mae"] for line in lines]
    assert len(values) == values.index(min(values)) + 4


@pytest.mark.parametrize(
    ("objective", "classes"),
    [("binary:logistic", 2), ("binary:hinge", 2), ("multi:softprob", 3), ("multi:softmax", 3)],
)
def test_metrics_of_the_image_are_those_of_scikit_learn(job: Job, objective: str, classes: int) -> None:
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

    for channel, seed in (("train", 1), ("validation", 2)):
        job.write(f"{channel}.csv", as_csv(rows(150, seed, classes)), channel)
    extra = {"num_class": str(classes)} if classes > 2 else {}
    _, log = job.run(
        "3.2-0", objective=objective, eval_metric="accuracy,f1,balanced_accuracy", num_round="3", **extra
    )
    table = np.loadtxt(job.folder / "data/validation/validation.csv", delimiter=",")
    booster = xgboost.Booster()
    booster.load_model(job.model / "xgboost-model")
    raw = booster.predict(xgboost.DMatrix(table[:, 1:]))
    predicted = raw.argmax(axis=1) if raw.ndim == 2 else raw.round()
    last = metrics(log)[-1]
    for name, score in (
        ("accuracy", accuracy_score(table[:, 0], predicted)),
        ("balanced_accuracy", balanced_accuracy_score(table[:, 0], predicted)),
        ("f1", f1_score(table[:, 0], predicted, average="macro")),
    ):
        assert last[f"validation-{name}"] == pytest.approx(score, abs=1e-5)


def test_folds_leave_a_model_each_and_their_means(job: Job) -> None:
    code, log = job.run(_kfold="3", _num_cv_round="2", eval_metric="rmse")
    assert code == 0
    names = sorted(path.name for path in job.model.iterdir())
    assert names == [f"xgboost-model-{number}" for number in range(6)]
    lines = metrics(log)
    assert len(lines) == 6 * 10 + 3
    last_of_folds = [lines[index]["validation-rmse"] for index in (9, 19, 29)]
    assert lines[30]["validation-rmse"] == pytest.approx(np.mean(last_of_folds), abs=1e-5)
    before = [(job.model / name).read_bytes() for name in names]
    job.run(_kfold="3", _num_cv_round="2", eval_metric="rmse")
    assert [(job.model / name).read_bytes() for name in names] == before


def test_the_models_of_folds_predict_together(job: Job) -> None:
    job.run(_kfold="3")
    body = as_csv(rows(20, 5)[:, 1:]).encode()
    together = [float(line) for line in predict(load_model(str(job.model)), body, "text/csv", "").split()]
    each = []
    for file in sorted(job.model.iterdir()):
        booster = xgboost.Booster()
        booster.load_model(file)
        each.append(booster.predict(xgboost.DMatrix(rows(20, 5)[:, 1:])))
    assert together == pytest.approx(np.mean(each, axis=0), rel=1e-6)


def test_libsvm_and_csv_give_the_same_numbers(tmp_path: Path) -> None:
    logs = []
    for kind, write in (("text/csv", as_csv), ("text/libsvm", as_libsvm)):
        job = Job(tmp_path / kind.replace("/", "-"))
        job.write("data", write(rows(100, 3)))
        code, log = job.run(content_type=kind)
        assert code == 0
        logs.append(metrics(log))
    assert logs[0] == logs[1]


def test_parquet(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    job = Job(tmp_path)
    job.write("train.csv", as_csv(rows(100, 3)))
    _, log = job.run()
    file = tmp_path / "data" / "train" / "train.csv"
    pandas.read_csv(file, header=None).rename(columns=str).to_parquet(file.with_suffix(".parquet"))
    file.unlink()
    _, same = job.run(content_type="application/x-parquet")
    assert metrics(same) == metrics(log)


def test_several_files_and_folders_are_one_channel(tmp_path: Path) -> None:
    whole, parts = Job(tmp_path / "whole"), Job(tmp_path / "par;ts?#")
    table = rows(90, 4)
    whole.write("a.csv", as_csv(table))
    parts.write("0.csv", as_csv(table[:30]))
    parts.write("1/0.csv", as_csv(table[30:60]))
    parts.write("1/a b.csv", as_csv(table[60:]))
    parts.write("_SUCCESS", "")
    assert metrics(parts.run()[1]) == metrics(whole.run()[1])


def test_weights_are_the_second_column(tmp_path: Path) -> None:
    plain, weighted = Job(tmp_path / "plain"), Job(tmp_path / "weighted")
    table = rows(80, 6)
    plain.write("a.csv", as_csv(table[:40]))
    weights = np.r_[np.ones(40), np.full(40, 1e-9)]
    weighted.write("a.csv", as_csv(np.column_stack([table[:, 0], weights, table[:, 1:]])))
    _, log = weighted.run(csv_weights="1", min_child_weight="0")
    _, expected = plain.run(min_child_weight="0")
    assert metrics(log)[-1]["train-rmse"] == pytest.approx(metrics(expected)[-1]["train-rmse"], rel=0.05)


def test_an_empty_field_is_missing(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.write("a.csv", as_csv(rows(60, 7)) + "1,,2,,3\n")
    assert job.run()[0] == 0


@pytest.mark.parametrize(
    ("name", "text", "content_type", "problem"),
    [
        (".hidden", "1,2\n", "text/csv", "Hidden file found in the data path!"),
        ("a.csv", "", "text/csv", "No data in training channel path"),
        ("a.csv", "1,2,3\n2,3,4\n", "text/libsvm", "First line '1,2,3"),
        ("a.csv", "1,2,3\n", "text/plain", "text/plain is not an accepted ContentType"),
        ("a/b/c/d/e.csv", "1,2\n", "text/csv", "Folder depth exceed the limit: 3."),
    ],
)
def test_what_the_image_would_refuse(
    tmp_path: Path, name: str, text: str, content_type: str, problem: str
) -> None:
    job = Job(tmp_path)
    job.write(name, text)
    code, _ = job.run(content_type=content_type)
    assert code == 1
    assert job.failure.startswith("framework error: \nUserError: ")
    assert problem in job.failure
    assert not list(job.model.iterdir())


def test_a_named_channel_without_data_is_an_error(job: Job) -> None:
    (job.folder / "data" / "validation" / "validation.csv").unlink()
    assert job.run()[0] == 1
    assert "No data in validation channel path" in job.failure


def test_an_error_of_the_library(job: Job) -> None:
    assert job.run(objective="binary:logistic")[0] == 1
    assert job.failure.startswith(
        "framework error: \nAlgorithmError: XGB train call failed with exception:\n "
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"tree_method": "gpu_hist", "predictor": "gpu_predictor"},
        {"objective": "reg:linear"},
        {"booster": "gblinear"},
        {"booster": "dart", "rate_drop": "0.1", "sample_type": "weighted", "normalize_type": "forest"},
        {"updater": "grow_histmaker,prune"},
        {"grow_policy": "lossguide", "max_leaves": "4", "tree_method": "hist"},
        {"monotone_constraints": "(1, -1, 0, 0)", "tree_method": "exact"},
        {"interaction_constraints": "[[1, 2], [3]]", "tree_method": "hist"},
        {"dsplit": "row", "sketch_eps": "0.1", "deterministic_histogram": "true", "prob_buffer_row": "2"},
        {"save_model_on_termination": "true"},
        {"objective": "reg:gamma", "eval_metric": "gamma-nloglik"},
    ],
)
def test_hyperparameters_of_old_libraries_still_train(job: Job, parameters: dict[str, str]) -> None:
    if parameters.get("objective") == "reg:gamma":
        for channel, seed in (("train", 1), ("validation", 2)):
            table = rows(80, seed)
            table[:, 0] = np.abs(table[:, 0]) + 0.1
            job.write(f"{channel}.csv", as_csv(table), channel)
    code, log = job.run("1.7-1", **parameters)
    assert code == 0, log
    assert len(metrics(log)) == 10
