"""A company's decorator that refuses what the user wrote: the user's mistake, with its line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.errors import InvalidInputError, PluginError
from tests.mods_plugin.configs import config

STRICT = """
class Strict:
    def __init__(self, author, version, description):
        if WHEN == "construct":
            RAISE
        self.version = version

    def __call__(self, cls):
        version = self.version
        if WHEN == "apply":
            RAISE
        return cls
"""


@pytest.mark.parametrize("when", ["construct", "apply"])
@pytest.mark.parametrize(
    ("raising", "message"),
    [
        (
            "raise ValueError(f'version {version!r} has no build number')",
            "refuses the version '1.4.0' of the template: version '1.4.0' has no build number",
        ),
        ("raise ValueError(f'{version} is taken')", "refuses the version '1.4.0' of the template: 1.4.0 is"),
        ("raise ValueError('not like this')", "refuses the metadata of the template: not like this"),
    ],
)
def test_a_value_error_is_the_users_with_its_line(
    modules: Callable[[str, str], None], tmp_path: Path, when: str, raising: str, message: str
) -> None:
    modules("strict_mods.py", STRICT.replace("RAISE", raising).replace("WHEN", repr(when)))
    file = tmp_path / "pipeline.json"
    text = json.dumps(config({"decorator": "strict_mods:Strict"}), indent=1)
    file.write_text(text, encoding="utf-8")
    line = 1 + next(number for number, each in enumerate(text.splitlines()) if '"version"' in each)
    compiler = PipelineDAGCompiler(file, plugins=["mods"])
    with pytest.raises(InvalidInputError) as caught:
        compiler.compile_definition()
    (mistake,) = caught.value.diagnostics
    assert f"the decorator strict_mods:Strict {message}" in mistake.message
    assert (mistake.location, mistake.code) == ((str(file), line), "mods.metadata")
    assert [item.message for item in compiler.validate().errors] == [mistake.message]


def test_another_exception_is_a_failure_of_the_plugin(modules: Callable[[str, str], None]) -> None:
    raising = "raise KeyError(version)"
    modules("strict_mods.py", STRICT.replace("RAISE", raising).replace("WHEN", "'apply'"))
    with pytest.raises(PluginError, match="it raised KeyError"):
        PipelineDAGCompiler(
            config({"decorator": "strict_mods:Strict"}), plugins=["mods"]
        ).compile_definition()
