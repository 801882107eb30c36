"""The protocol of a pipeline equals the installed SDK's class; these tests run on both SDKs."""

from __future__ import annotations

import inspect

import pytest

from dagcast import Pipeline, compile_dag_to_pipeline
from dagcast.compile.emit.sdk import load_sdk

METHODS = (
    "build_parameters_from_execution",
    "create",
    "definition",
    "delete",
    "describe",
    "list_executions",
    "start",
    "update",
    "upsert",
)


def compiled() -> Pipeline:
    config = {"pipeline": {"name": "p"}, "steps": {"stop": {"type": "Fail", "error_message": "no"}}}
    return compile_dag_to_pipeline(None, config, plugins=[])


def test_a_compiled_pipeline_has_every_method() -> None:
    made = compiled()
    for name in (*METHODS, "name", "parameters", "steps"):
        assert hasattr(made, name), name


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_the_parameters_of_the_sdks(name: str) -> None:
    promised = inspect.signature(getattr(Pipeline, name)).parameters
    sdk = load_sdk()
    for owner in (sdk.Pipeline, type(compiled())):
        real = inspect.signature(getattr(owner, name)).parameters
        in_order = [each.name for each in promised.values() if each.kind is each.POSITIONAL_OR_KEYWORD]
        assert list(real)[: len(in_order)] == in_order, (owner, name)
        for each in promised.values():
            assert each.name in real, (owner, name, each.name)
            assert each.default == real[each.name].default, (owner, name, each.name)


def test_the_protocol_lists_no_other_method() -> None:
    own = [name for name in vars(Pipeline) if not name.startswith("_") and name != "sagemaker_session"]
    assert sorted(own) == sorted(METHODS)
