"""The options: mistakes in them are located, and editors know them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.errors import InvalidInputError

CONFIG = """\
pipeline: {{name: demo}}
steps:
  stop: {{type: Fail, error_message: no}}
plugins:
  enable: [guardrails]
  options:
    guardrails:
      {options}
"""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("kms_kye: x", "unknown field 'kms_kye'"),
        ("kms_key: {volumes: x}", "volumes"),
        ("kms_key: 7", "kms_key: expected a mapping, got 7"),
        ("required_tags: {team: {}}", "a tag rule requires exactly one of value and pattern"),
        ("subnets: [a]", "subnets and security_group_ids require each other"),
        ("max_runtime_in_seconds: 0", "max_runtime_in_seconds"),
        ('required_tags: {team: {pattern: "["}}', "invalid regular expression"),
        ("enforce: maybe", "expected 'warn' or 'error'"),
        ("allowed_regions: us-east-1", "allowed_regions: expected a list"),
    ],
)
def test_a_mistake_in_the_options_has_a_line(options: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(CONFIG.format(options=options))
    with pytest.raises(InvalidInputError) as caught:
        PipelineDAGCompiler(path).compile_definition()
    (error,) = caught.value.diagnostics
    assert message in error.message
    assert error.location is not None
    assert error.location.line in (7, 8)


def test_the_schema_of_the_config_contains_the_options(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(CONFIG.format(options="enforce: warn"))
    command = [sys.executable, "-m", "dagcast.cli", "plugins", "info", "guardrails", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    info = json.dumps(json.loads(done.stdout))
    for name in ("kms_key", "required_tags", "enforce", "allowed_image_registries"):
        assert name in info
