"""The algorithms that SageMaker builds into images of its own, and what each of them takes.

Source: SageMaker Developer Guide, "Parameters for Built-in Algorithms" (common-info-all-im-models) for channels, input
modes, machines and parallel training; the "Tune a … Model" page of each algorithm for its metrics. Algorithms that run
as scripts in framework images (AutoGluon, CatBoost, LightGBM, TabTransformer and those on TensorFlow) cannot be told
from other scripts by their image, so they are not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dagcast.frozen_dataclass import dataclass
from dagcast.lazy_pattern import lazy_pattern


@dataclass(frozen=True, kw_only=True)
class BuiltinAlgorithm:
    """An algorithm in an image of SageMaker's.

    Attributes:
        name: Its name, as the Developer Guide writes it.
        channels: Names of which one is the channel that it trains on.
        metrics: The metrics that it reports; empty where the guide lists none.
        gpu_only: Whether it trains only on machines with a GPU.
        file_only: Whether it reads channels only in File mode.
        single_machine: Whether it trains only on one machine.
        checkpoints: Whether it goes on from a checkpoint, so that a spot interruption costs little.
        metric_pattern: The regular expression by which the service finds a metric, with ``{kind}`` and ``{metric}``.
    """

    name: str
    channels: tuple[str, ...] = ("train",)
    metrics: tuple[str, ...] = ()
    gpu_only: bool = False
    file_only: bool = False
    single_machine: bool = False
    checkpoints: bool = False
    metric_pattern: str = r"#quality_metric: host=\S+, {kind} {metric} <(?:loss|score)>=(\S+)"

    def metric_definitions(self) -> tuple[dict[str, str], ...]:
        r"""Return the ``MetricDefinitions`` that the service adds to a training job.

        Source: responses of DescribeTrainingJob, whose expressions have ``.*`` around them, which changes no match.

        Example:
            >>> algorithm_of_image("123456789012.dkr.ecr.us-east-1.amazonaws.com/kmeans:1").metric_definitions()[0]
            {'Name': 'test:msd', 'Regex': '#quality_metric: host=\\S+, test msd <(?:loss|score)>=(\\S+)'}
        """
        return tuple(
            {
                "Name": name,
                "Regex": self.metric_pattern.replace("{kind}", name.partition(":")[0]).replace(
                    "{metric}", name.partition(":")[2]
                ),
            }
            for name in self.metrics
        )


def _both(*metrics: str) -> tuple[str, ...]:
    return tuple(f"{kind}:{metric}" for kind in ("train", "validation") for metric in metrics)


_XGBOOST = BuiltinAlgorithm(
    name="XGBoost",
    metrics=_both(
        "accuracy",
        "aft-nloglik",
        "auc",
        "aucpr",
        "balanced_accuracy",
        "cox-nloglik",
        "error",
        "f1",
        "f1_binary",
        "f1_macro",
        "gamma-deviance",
        "gamma-nloglik",
        "interval-regression-accuracy",
        "logloss",
        "mae",
        "map",
        "mape",
        "merror",
        "mlogloss",
        "mphe",
        "mse",
        "ndcg",
        "poisson-nloglik",
        "precision",
        "precision_macro",
        "precision_micro",
        "r2",
        "recall",
        "recall_macro",
        "recall_micro",
        "rmse",
        "rmsle",
        "tweedie-nloglik",
    ),
    checkpoints=True,
    metric_pattern=r"\[[0-9]+\].*#011{kind}-{metric}:([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)",
)

_BY_REPOSITORY: Mapping[str, BuiltinAlgorithm] = MappingProxyType(
    {
        "blazingtext": BuiltinAlgorithm(
            name="BlazingText", metrics=("train:mean_rho", "validation:accuracy")
        ),
        "factorization-machines": BuiltinAlgorithm(
            name="Factorization Machines",
            metrics=(
                "test:rmse",
                "test:binary_classification_accuracy",
                "test:binary_classification_cross_entropy",
                "test:binary_f_beta",
            ),
        ),
        "forecasting-deepar": BuiltinAlgorithm(
            name="DeepAR",
            metrics=("test:RMSE", "test:mean_wQuantileLoss", "train:final_loss"),
            file_only=True,
        ),
        "image-classification": BuiltinAlgorithm(
            name="Image Classification", metrics=("validation:accuracy",), gpu_only=True, checkpoints=True
        ),
        "ipinsights": BuiltinAlgorithm(
            name="IP Insights", metrics=("validation:discriminator_auc",), file_only=True
        ),
        "kmeans": BuiltinAlgorithm(name="K-Means", metrics=("test:msd", "test:ssd"), single_machine=True),
        "knn": BuiltinAlgorithm(name="K-Nearest Neighbors", metrics=("test:accuracy", "test:mse")),
        "lda": BuiltinAlgorithm(name="LDA", metrics=("test:pwll",), single_machine=True),
        "linear-learner": BuiltinAlgorithm(name="Linear Learner"),
        "ntm": BuiltinAlgorithm(name="Neural Topic Model", metrics=("validation:total_loss",)),
        "object-detection": BuiltinAlgorithm(
            name="Object Detection", metrics=("validation:mAP",), gpu_only=True, checkpoints=True
        ),
        "object2vec": BuiltinAlgorithm(name="Object2Vec", file_only=True, single_machine=True),
        "pca": BuiltinAlgorithm(name="PCA"),
        "randomcutforest": BuiltinAlgorithm(name="Random Cut Forest", metrics=("test:f1",)),
        "semantic-segmentation": BuiltinAlgorithm(
            name="Semantic Segmentation",
            metrics=("validation:mIOU", "validation:pixel_accuracy"),
            gpu_only=True,
            single_machine=True,
            checkpoints=True,
        ),
        "seq2seq": BuiltinAlgorithm(
            name="Sequence-to-Sequence",
            metrics=("validation:accuracy", "validation:bleu", "validation:perplexity"),
            gpu_only=True,
            file_only=True,
            single_machine=True,
        ),
        "sagemaker-xgboost": _XGBOOST,
        "xgboost": _XGBOOST,
    }
)

_IMAGE = lazy_pattern(
    r"(?P<account>\d{12})\.dkr\.ecr\.[a-z0-9-]+\.[a-z0-9.]+/(?P<repository>[a-z0-9-]+)[:@].+"
)


def algorithm_of_image(image: str) -> BuiltinAlgorithm | None:
    """Return the algorithm that an image holds; ``None`` for an image that is not SageMaker's.

    XGBoost's image runs scripts as well: a script in it still reports the metrics of XGBoost.

    Args:
        image: The address of the image.

    Example:
        >>> algorithm_of_image("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1").name
        'XGBoost'
    """
    match = _IMAGE.fullmatch(image)
    return _BY_REPOSITORY.get(match["repository"]) if match else None
