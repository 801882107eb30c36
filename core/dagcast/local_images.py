"""The public names for local images: programs that stand for images with an algorithm of their own.

A distribution names its local image in the entry-point group ``dagcast.local_images``. How to write one:
``docs/writing-local-images.md``.

Example:
    A local image for the images ``acme/forest`` of a company::

        FOREST = LocalImage(
            repository="acme/forest",
            tags=("1", "2"),
            library="acme-forest",
            title="acme-forest",
            train="acme_forest.train",
            serve="acme_forest.serve",
            metrics=(Metric("train:loss", "#011loss=([0-9.]+)"),),
        )
"""

from __future__ import annotations

from dagcast.check.rules.request_body import UNKNOWN, Finding, RequestBody
from dagcast.errors import did_you_mean
from dagcast.runner.local_images import LocalImage, Metric

__all__ = ["UNKNOWN", "Finding", "LocalImage", "Metric", "RequestBody", "did_you_mean"]
