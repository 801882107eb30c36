"""The configs, one for each pipeline written by hand, and what is known of them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

from dagcast.compiler import PipelineDAGCompiler
from dagcast.template import Compilation
from tests.by_hand.session import sdk_major

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
GOLDEN = HERE / "golden"

CONFIGS = {
    **{path.stem: path for path in sorted((HERE / "configs").glob("*.yaml"))},
    "example": ROOT / "examples" / "breast_cancer" / "pipeline.yaml",
}
"""The config files by the name of the pipeline written by hand."""


def by_hand(major: int | None = None) -> ModuleType:
    """The package of pipelines written by hand with that major of the SDK, by default the installed one."""
    return importlib.import_module(f"tests.by_hand.sdk{major or sdk_major()}")


def compiler(name: str) -> PipelineDAGCompiler:
    """The compiler of a config; no plugin that may be installed takes part."""
    return PipelineDAGCompiler(CONFIGS[name], plugins=[])


def compile_config(name: str) -> Compilation:
    """A config as data."""
    return compiler(name).compile_definition()


def golden_text(definition: str) -> str:
    """A definition as it stands in a golden file: the same keys in the same order, on lines of their own."""
    return json.dumps(json.loads(definition), indent=2) + "\n"
