"""A key with dots is set, located, attributed and explained as one key."""

from __future__ import annotations

import pytest

from dagcast.errors import InvalidInputError
from tests.integration.plugins.conftest import Site

CONFIG = """\
pipeline: {name: demo, role: "arn:aws:iam::123456789012:role/r", bucket: my-bucket}
steps:
  train:
    type: Training
    image_uri: 123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1
    instance_type: ml.m5.large
    hyperparameters:
      eval: plain
      eval.metric: auc
      "it's [0]": odd
      tree.method: ${param.Missing}
parameters: {Missing: hist}
"""
PLUGIN = """\
from dataclasses import replace
from dagcast.plugin import hookimpl, put

@hookimpl
def transform_spec(spec):
    path = ("HyperParameters", "eval.metric")
    return replace(spec, steps=tuple(put(step, path, "rmse") for step in spec.steps))
"""


@pytest.fixture
def dotted(site: Site) -> Site:
    site.plugin("alpha", PLUGIN)
    site.write(CONFIG)
    return site


@pytest.mark.parametrize(
    ("field", "key", "line"),
    [
        ("train.HyperParameters['eval.metric']", "eval.metric", "eval.metric:"),
        ('train.Arguments.HyperParameters["it\'s [0]"]', "it's [0]", "it's"),
        ("train.HyperParameters.eval", "eval", "eval: plain"),
    ],
)
def test_explain_finds_one_key_at_its_own_line(dotted: Site, field: str, key: str, line: str) -> None:
    (item,) = dotted.json("explain", "pipeline.yaml", field)
    assert item["path"] == ["Arguments", "HyperParameters", key]
    assert (item["kind"], item["line"]) == ("config", dotted.line(line))


def test_the_plugin_that_put_it_is_named_only_at_that_key(dotted: Site) -> None:
    change, *others = dotted.report("alpha").changes
    assert others == []
    assert change.path == ("Steps", "train", "Arguments", "HyperParameters", "eval.metric")
    assert (change.plugin, change.old, change.new) == ("alpha", "auc", "rmse")
    items = dotted.json("explain", "pipeline.yaml", "train.HyperParameters", "--plugin", "alpha")
    kinds = {item["path"][2]: (item["kind"], item["detail"]) for item in items}
    assert kinds == {
        "eval": ("config", ""),
        "eval.metric": ("plugin", "alpha"),
        "it's [0]": ("config", ""),
        "tree.method": ("parameter", "Missing"),
    }
    text = dotted.cli("explain", "pipeline.yaml", "train.HyperParameters", "--plugin", "alpha").output
    assert "Arguments.HyperParameters['eval.metric'] = \"rmse\"" in text


def test_a_key_without_quotes_is_not_found_and_the_quoted_one_is_offered(dotted: Site) -> None:
    missing = dotted.cli("explain", "pipeline.yaml", "train.HyperParameters.eval.metric")
    assert missing.exit_code == 1
    assert "HyperParameters['eval.metric']" in missing.output
    broken = dotted.cli("explain", "pipeline.yaml", "train.HyperParameters['eval")
    assert broken.exit_code == 1
    assert "invalid path" in broken.output


def test_an_error_is_located_at_the_key(dotted: Site) -> None:
    dotted.write(CONFIG.replace("parameters: {Missing: hist}", "parameters: {Other: hist}"))
    with pytest.raises(InvalidInputError) as caught:
        dotted.compiler().compile_definition()
    (error,) = caught.value.diagnostics
    assert error.location is not None
    assert error.location.line == dotted.line("tree.method")
