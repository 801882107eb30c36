"""What differs between the tags of the images ``sagemaker-xgboost``.

Source: the repository aws/sagemaker-xgboost-container at the tag or branch of each image; the tables of the SageMaker
Python SDK for the tags.
"""

from __future__ import annotations

TAGS = ("0.90-1", "0.90-2", "1.0-1", "1.2-1", "1.2-2", "1.3-1", "1.5-1", "1.7-1", "3.0-5", "3.2-0")
"""The tags of the images. Up to 1.0-1, the SDK adds a suffix to them."""

SUFFIX = "-cpu-py3"
"""The suffix of the tags up to 1.0-1 in the SDK's addresses."""

ALL_TAGS = (*TAGS, *(f"{tag}{SUFFIX}" for tag in TAGS[:3]))


def order(tag: str) -> int:
    """Return the position of a tag among the tags, from the oldest on.

    Example:
        >>> order("1.0-1-cpu-py3") < order("1.3-1")
        True
    """
    return TAGS.index(tag.removesuffix(SUFFIX))


def is_between(tag: str, first: str | None, last: str | None) -> bool:
    """Return whether a tag is one of those from ``first`` to ``last``, both included; ``None`` for an open end."""
    return (first is None or order(tag) >= order(first)) and (last is None or order(tag) <= order(last))


def pickles_models(tag: str) -> bool:
    """Return whether the image pickles its model; later ones call ``save_model``."""
    return is_between(tag, None, "1.2-2")


def has_old_defaults(tag: str) -> bool:
    """Return whether the library of the image starts from a score of 0.5 and grows trees exactly.

    Since 2.0 it estimates the score, and grows trees by histograms.
    """
    return is_between(tag, None, "1.7-1")


def keeps_best_model(tag: str) -> bool:
    """Return whether early stopping keeps the best model; before, the library stops, and the model has all trees."""
    return is_between(tag, "1.3-1", None)
