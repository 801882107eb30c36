"""Wiring of the DAGs that people write: how many bare edges bind by themselves, and what the hints of the others say.

Each pipeline is written twice: as in a first draft, without a kind anywhere, and with the kinds of data that is no data
set. Names of ports are those of people who did not look up the names of the step before.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.compile.bind.test_hints import follow_hints
from tests.support.compiling import JOB, check, config
from tests.support.wiring import bindings, model, train, work

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


def step(inputs: str = "", outputs: str = "", **fields: Any) -> dict[str, Any]:
    """A Processing step; a port is written as ``name`` or ``name:kind``."""
    return {"type": "Processing", **JOB, "inputs": ports(inputs), "outputs": ports(outputs), **fields}


def ports(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in text.split():
        name, _, kind = item.partition(":")
        found[name] = {"kind": kind} if kind else None
    return found


def job(inputs: str) -> dict[str, Any]:
    return train(inputs=ports(inputs))


REGISTER = {"type": "RegisterModel", "image_uri": JOB["image_uri"], "model_package_group_name": "g"}
REGISTER |= {"content_types": ["text/csv"], "response_types": ["text/csv"]}
TRANSFORM = {"type": "Transform", "instance_type": "ml.m5.xlarge"}

DAGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "train and register": (
        {"load": step(outputs="raw"), "fit": job("training"), "register": REGISTER},
        ["load -> fit", "fit -> register"],
    ),
    "evaluate before registering": (
        {
            "prep": step("", "train_set test_set"),
            "fit": job("train_set"),
            "check": step("model:model test_set", "evaluation:report"),
            "register": REGISTER,
        },
        ["prep -> fit", "prep -> check", "fit -> check", "fit -> register", "check -> register"],
    ),
    "other names on each side": (
        {
            "ingest": step(outputs="landing"),
            "clean": step("source", "cleaned"),
            "features": step("table", "matrix"),
            "fit": job("data"),
            "score": step("artifact:model holdout", "scores:report"),
        },
        ["ingest -> clean", "clean -> features", "features -> fit", "features -> score", "fit -> score"],
    ),
    "batch inference": (
        {
            "fit": train(),
            "wrap": model(),
            "rows": step(outputs="rows"),
            "predict": TRANSFORM,
            "publish": step("predicted", "table"),
        },
        ["fit -> wrap", "wrap -> predict", "rows -> predict", "predict -> publish"],
    ),
    "two models": (
        {
            "split": step(outputs="left right"),
            "fit_left": job("left"),
            "fit_right": job("right"),
            "compare": step("first:model second:model", "winner:report"),
        },
        ["split -> fit_left", "split -> fit_right", "fit_left -> compare", "fit_right -> compare"],
    ),
    "a report beside the data": (
        {
            "profile": step(outputs="profiled stats:report"),
            "gate": step("stats_in:report"),
            "fit": job("rows"),
        },
        ["profile -> gate", "profile -> fit"],
    ),
    "a diamond": (
        {
            "raw": step(outputs="raw"),
            "text": step("documents", "vectors"),
            "image": step("pictures", "embeddings"),
            "join": step("vectors embeddings", "joined"),
            "fit": job("x"),
        },
        ["raw -> text", "raw -> image", "text -> join", "image -> join", "join -> fit"],
    ),
    "a tuned model": (
        {
            "prep": step(outputs="train validation"),
            "tune": {
                "type": "Tuning",
                **JOB,
                "objective": {"name": "a"},
                "metric_definitions": {"a": "a=(.*)"},
                "max_jobs": 2,
                "ranges": {"n": {"type": "Integer", "min": 1, "max": 5}},
                "inputs": ports("train validation"),
            },
            "evaluate": step("best:model validation", "metrics:report"),
            "register": REGISTER,
        },
        ["prep -> tune", "prep -> evaluate", "tune -> evaluate", "tune -> register", "evaluate -> register"],
    ),
    "deployment": (
        {
            "fit": train(),
            "wrap": model(),
            "settings": {
                "type": "EndpointConfig",
                "endpoint_config_name": "c",
                "instance_type": "ml.m5.xlarge",
                "initial_instance_count": 1,
            },
            "serve": {"type": "Endpoint", "endpoint_name": "e"},
            "smoke": work(),
        },
        ["fit -> wrap", "wrap -> settings", "settings -> serve", "serve => smoke"],
    ),
}


MEANT = {
    "train and register": "load.raw -> fit.training, fit.model -> register.model",
    "evaluate before registering": (
        "prep.train_set -> fit.train_set, prep.test_set -> check.test_set, fit.model -> check.model, "
        "fit.model -> register.model, check.evaluation -> register.model_metrics"
    ),
    "other names on each side": (
        "ingest.landing -> clean.source, clean.cleaned -> features.table, features.matrix -> fit.data, "
        "features.matrix -> score.holdout, fit.model -> score.artifact"
    ),
    "batch inference": (
        "fit.model -> wrap.model, wrap.model_name -> predict.model_name, rows.rows -> predict.data, "
        "predict.predictions -> publish.predicted"
    ),
    "a diamond": (
        "raw.raw -> text.documents, raw.raw -> image.pictures, text.vectors -> join.vectors, "
        "image.embeddings -> join.embeddings, join.joined -> fit.x"
    ),
    "a tuned model": (
        "prep.train -> tune.train, prep.validation -> tune.validation, prep.validation -> evaluate.validation, "
        "tune.model -> evaluate.best, tune.model -> register.model, evaluate.metrics -> register.model_metrics"
    ),
    "deployment": (
        "fit.model -> wrap.model, wrap.model_name -> settings.model_name, "
        "settings.endpoint_config_name -> serve.endpoint_config_name, serve -> smoke"
    ),
}
"""What the edges mean, of those DAGs that bind whole with kinds."""


def without_kinds(steps: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {
            **fields,
            **{side: dict.fromkeys(fields[side]) for side in ("inputs", "outputs") if fields.get(side)},
        }
        for name, fields in steps.items()
    }


def refused(steps: dict[str, Any], edges: list[str]) -> set[str]:
    """The edges that do not bind by themselves."""
    found = [error for error in check(config(steps, edges=edges)).errors if error.code.startswith("wiring.")]
    places = {str(error.location) for error in found}
    own = {edge for number, edge in enumerate(edges) if f"<config>.edges[{number}]" in places}
    ends = {place.split(".")[2] for place in places if place.startswith("<config>.steps.")}
    return own | {edge for edge in edges if edge.split()[-1] in ends}


def test_most_edges_bind_by_themselves() -> None:
    total = sum(len(edges) for _, edges in DAGS.values())
    drafted = sum(len(refused(without_kinds(steps), edges)) for steps, edges in DAGS.values())
    declared = sum(len(refused(steps, edges)) for steps, edges in DAGS.values())
    assert (total - drafted) / total > 0.46
    assert (total - declared) / total > 0.87


@pytest.mark.parametrize("name", DAGS)
@pytest.mark.parametrize("with_kinds", [False, True])
def test_what_binds_is_what_is_meant(name: str, with_kinds: bool) -> None:
    steps, edges = DAGS[name]
    steps = steps if with_kinds else without_kinds(steps)
    whole = not refused(steps, edges)
    assert whole or not with_kinds or name not in MEANT
    if whole:
        found = {binding.partition(" (")[0] for binding in bindings(steps, edges)}
        assert found == set(MEANT[name].split(", "))


@pytest.mark.parametrize(("steps", "edges"), DAGS.values(), ids=DAGS)
@pytest.mark.parametrize("with_kinds", [False, True])
def test_the_hints_of_the_others_work(steps: dict[str, Any], edges: list[str], with_kinds: bool) -> None:
    source = config(steps if with_kinds else without_kinds(steps), edges=edges)
    wrong = [error for error in check(source).errors if error.code.startswith("wiring.")]
    assert all("write " in (error.hint or "") for error in wrong), wrong
    follow_hints(source)


@pytest.mark.parametrize(("steps", "edges"), DAGS.values(), ids=DAGS)
def test_edges_in_any_order_bind_alike(steps: dict[str, Any], edges: list[str]) -> None:
    one, other = (check(config(steps, edges=turned)).errors for turned in (edges, edges[::-1]))
    assert sorted(error.code for error in one) == sorted(error.code for error in other)
