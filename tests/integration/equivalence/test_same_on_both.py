"""The same config gives the same definition on both SDKs.

Only one SDK is installed at a time, so both are compared with the same golden file. After a change that is meant:
``python -m tests.integration.equivalence.regenerate``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dagcast.compile.emit.sdk import load_sdk
from dagcast.errors import SDKError
from dagcast.template import Compilation

from .pipelines import CONFIGS, GOLDEN, compiler, golden_text

Compiled = Callable[[str], Compilation]


def test_every_config_has_a_golden_definition() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(CONFIGS)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_definition_is_the_golden_one(name: str, compiled: Compiled) -> None:
    golden = (GOLDEN / f"{name}.json").read_text(encoding="utf-8")
    assert golden_text(compiled(name).definition) == golden


@pytest.mark.parametrize("name", CONFIGS)
def test_the_installed_sdk_writes_the_same_text(name: str, compiled: Compiled) -> None:
    known = {member.value for member in load_sdk().StepTypeEnum}
    missing = [step.name for step in compiled(name).spec.steps if step.definition_type not in known]
    if missing:
        with pytest.raises(SDKError) as refused:
            compiler(name).compile()
        assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
            f"step {step!r}" for step in missing
        ]
    else:
        assert compiler(name).compile().definition() == compiled(name).definition
