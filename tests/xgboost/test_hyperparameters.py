"""Hyperparameters are checked as in the XGBoost images: names by tag, types, ranges, and what excludes what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagcast.local_images import UNKNOWN, RequestBody
from dagcast_xgboost.content_types import ContentTypeError, read_content_type
from dagcast_xgboost.hyperparameters import KNOWN, UserError, read_hyperparameters
from dagcast_xgboost.image import XGBOOST

TAGS = ("0.90-1", "0.90-2", "1.0-1", "1.2-1", "1.2-2", "1.3-1", "1.5-1", "1.7-1", "3.0-5", "3.2-0")


def problems(tag: str = "1.7-1", **parameters: object) -> list[str]:
    """What a training job with these hyperparameters is refused for."""
    request = {"HyperParameters": parameters, "InputDataConfig": [{"ChannelName": "train"}]}
    return [finding.message for finding in XGBOOST.check_training(tag, RequestBody(request))]


@pytest.mark.parametrize("tag", TAGS)
def test_only_the_number_of_rounds_is_needed(tag: str) -> None:
    assert problems(tag, num_round="10") == []
    assert problems(tag) == ["Missing required hyperparameter: num_round"]


def test_tags_with_the_suffix_of_the_sdk() -> None:
    assert problems("1.0-1-cpu-py3", num_round="1", silent="0") == []


@pytest.mark.parametrize(
    ("name", "value", "tags"),
    [
        ("silent", "1", TAGS[:3]),
        ("_kfold", "5", TAGS[4:]),
        ("_num_cv_round", "2", TAGS[4:]),
        ("single_precision_histogram", "true", TAGS[3:7]),
        ("use_dask_gpu_training", "true", TAGS[7:]),
    ],
)
def test_names_come_and_go_with_tags(name: str, value: str, tags: tuple[str, ...]) -> None:
    assert tuple(tag for tag in TAGS if not problems(tag, num_round="1", **{name: value})) == tags
    missing = next(tag for tag in TAGS if tag not in tags)
    assert problems(missing, num_round="1", **{name: value}) == [f"Extraneous hyperparameter found: {name}"]


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("num_round", ("1", "4000"), ("0", "-1", "1.5", "ten")),
        ("eta", ("0", "1", "0.3"), ("1.1", "-0.1", "fast")),
        ("learning_rate", ("0.3",), ("1.1",)),
        ("gamma", ("0", "10"), ("-1",)),
        ("min_split_loss", ("0",), ("-1",)),
        ("reg_lambda", ("0",), ("-1",)),
        ("reg_alpha", ("2",), ("-1",)),
        ("subsample", ("0.1", "1"), ("0", "1.1")),
        ("colsample_bytree", ("1",), ("0",)),
        ("max_depth", ("0", "6"), ("-1", "6.0", '"5"')),
        ("csv_weights", ("0", "1"), ("2",)),
        ("verbosity", ("0", "3"), ("4", "-1")),
        ("booster", ("gbtree", "dart", "gblinear"), ("forest",)),
        ("tweedie_variance_power", ("1.5",), ("1", "2")),
        ("scale_pos_weight", ("2",), ("0",)),
        ("seed", ("-5", "0"), ("x",)),
        (
            "eval_metric",
            ("rmse", "mae,rmse", "error@0.7", "ndcg@5", "f1", "r2"),
            ("eror", "rmse, mae", "auc@1"),
        ),
        ("tree_method", ("exact", "hist", "gpu_hist"), ("Exact",)),
        ("objective", ("reg:linear", "reg:squarederror", "count:poisson"), ("squarederror", "reg:square")),
        ("early_stopping_rounds", ("1",), ("0",)),
        ("save_model_on_termination", ("true", "false"), ("True",)),
        ("nthread", ("1",), ("0",)),
    ],
)
def test_types_and_ranges(name: str, accepted: tuple[str, ...], refused: tuple[str, ...]) -> None:
    others = {} if name == "num_round" else {"num_round": "1"}
    for value in accepted:
        assert problems(**others, **{name: value}) == [], value
    for value in refused:
        (found,) = problems(**others, **{name: value})
        assert found.startswith(f"Hyperparameter {name}: "), value


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"objective": "multi:softmax"}, "Require input for parameter 'num_class'"),
        ({"objective": "multi:softprob"}, "Require input for parameter 'num_class'"),
        ({"eval_metric": "auc"}, "Metric 'auc' can only be applied"),
        ({"eval_metric": "rmse,auc", "objective": "reg:squarederror"}, "Metric 'auc' can only be applied"),
        ({"monotone_constraints": "(1, -1)"}, "monotone_constraints can be used only"),
        (
            {"monotone_constraints": "(1, -1)", "tree_method": "approx"},
            "monotone_constraints can be used only",
        ),
        ({"interaction_constraints": "[[1, 2], [3]]"}, "interaction_constraints can be used only"),
        ({"booster": "gblinear", "updater": "grow_colmaker"}, "Linear updater should be"),
        ({"updater": "grow_colmaker,grow_histmaker"}, "Only one tree grow plugin"),
        ({"updater": "prune,grow_colmaker", "process_type": "update"}, "process_type 'update'"),
    ],
)
def test_what_another_hyperparameter_does_not_allow(parameters: dict[str, str], problem: str) -> None:
    (found,) = problems(num_round="1", **parameters)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    "parameters",
    [
        {"objective": "multi:softmax", "num_class": "3"},
        {"objective": "binary:logistic", "eval_metric": "auc"},
        {"objective": "rank:pairwise", "eval_metric": "auc,ndcg"},
        {"monotone_constraints": "(1, -1)", "tree_method": "hist"},
        {"interaction_constraints": "[[1, 2], [3]]", "tree_method": "approx"},
        {"booster": "gblinear", "updater": "coord_descent"},
        {"updater": "grow_colmaker,prune"},
    ],
)
def test_what_others_allow(parameters: dict[str, str]) -> None:
    assert problems(num_round="1", **parameters) == []


def test_all_mistakes_are_found_at_once() -> None:
    assert len(problems(eta="2", gama="1", max_depth="deep")) == 4


def test_a_misspelt_name_has_a_hint_and_a_late_one_says_which_tags_have_it() -> None:
    request = {
        "HyperParameters": {"num_round": "1", "max_dept": "5", "silent": "0"},
        "InputDataConfig": [{"ChannelName": "train"}],
    }
    hints = {finding.path: finding.hint for finding in XGBOOST.check_training("1.7-1", RequestBody(request))}
    assert hints == {
        ("HyperParameters", "max_dept"): "did you mean 'max_depth'?",
        ("HyperParameters", "silent"): "tags up to 1.0-1 have it",
    }


@given(st.dictionaries(st.sampled_from(sorted(KNOWN)), st.just(UNKNOWN)))
def test_what_is_unknown_is_never_wrong(parameters: dict[str, object]) -> None:
    known_later = ("silent", "single_precision_histogram")
    given_names = {name: value for name, value in parameters.items() if name not in known_later}
    # Constraints need a method of growing trees, whatever their values are.
    assert problems(**{"num_round": "1", "tree_method": UNKNOWN, **given_names}) == []


NAMES = st.sampled_from(sorted(KNOWN)) | st.text(max_size=5)
VALUES = st.text(max_size=8) | st.integers().map(str)


@given(st.dictionaries(NAMES, VALUES))
def test_reading_refuses_exactly_what_is_found(parameters: dict[str, str]) -> None:
    found = problems(**parameters)
    if found:
        with pytest.raises(UserError) as refused:
            read_hyperparameters("1.7-1", parameters)
        assert str(refused.value) in found
    else:
        read_hyperparameters("1.7-1", parameters)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("csv", "csv"),
        ("text/csv", "csv"),
        ("text/csv; label_size=1", "csv"),
        ("TEXT/CSV;charset=utf8", "csv"),
        ("libsvm", "libsvm"),
        ("text/libsvm ;charset=utf8", "libsvm"),
        ("text/x-libsvm", "libsvm"),
        ("application/x-parquet", "parquet"),
        ("application/x-recordio-protobuf", "recordio-protobuf"),
    ],
)
def test_content_types(text: str, kind: str) -> None:
    assert read_content_type(text) == kind


@pytest.mark.parametrize(
    "text", ["text/plain", "application/json", "csvs", "", "text/csv; label_size=0", "text/csv;label_size=2"]
)
def test_other_content_types_are_refused(text: str) -> None:
    with pytest.raises(ContentTypeError):
        read_content_type(text)


def channel_problems(*channels: dict[str, str]) -> list[str]:
    request = {"HyperParameters": {"num_round": "1"}, "InputDataConfig": list(channels)}
    return [finding.message for finding in XGBOOST.check_training("1.7-1", RequestBody(request))]


def test_channels() -> None:
    assert channel_problems({"ChannelName": "train"}, {"ChannelName": "validation"}) == []
    assert channel_problems({"ChannelName": "validation"}) == ["Missing required channel: train"]
    assert channel_problems({"ChannelName": "train"}, {"ChannelName": "test"}) == [
        "Extraneous channel found: test"
    ]
    (found,) = channel_problems({"ChannelName": "train", "ContentType": "text/plain"})
    assert found.startswith("text/plain is not an accepted ContentType")
    (found,) = channel_problems({"ChannelName": "train", "ContentType": "application/x-recordio-protobuf"})
    assert found == "recordio-protobuf is not read on this machine"


@pytest.mark.parametrize(
    ("content_type", "accept", "output", "problem"),
    [
        ("text/csv", "text/csv", None, None),
        ("text/libsvm", "application/json", None, None),
        (None, None, "predicted_label,probabilities", None),
        ("application/json", None, None, "application/json is not an accepted ContentType"),
        ("application/x-parquet", None, None, "Content-type application/x-parquet is not supported."),
        (
            "text/csv",
            None,
            "predicted_lable",
            "SAGEMAKER_INFERENCE_OUTPUT has the unknown key 'predicted_lable'",
        ),
        ("text/csv", "text/plain", "labels", "selected predictions cannot be written as text/plain"),
    ],
)
def test_batch_transforms(
    content_type: str | None, accept: str | None, output: str | None, problem: str | None
) -> None:
    environment = {} if output is None else {"SAGEMAKER_INFERENCE_OUTPUT": output}
    request = {
        "TransformInput": {"ContentType": content_type},
        "TransformOutput": {"Accept": accept},
        "Container": {"Environment": environment},
    }
    found = [finding.message for finding in XGBOOST.check_serving("1.7-1", RequestBody(request))]
    assert len(found) == (problem is not None)
    assert not found or found[0].startswith(str(problem))
