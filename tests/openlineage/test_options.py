"""The options: mistakes in them are located, and each goes along with its transport."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.errors import InvalidInputError

CONFIG = """\
pipeline: {{name: demo}}
steps:
  stop: {{type: Fail, error_message: no}}
plugins:
  enable: [openlineage]
  options:
    openlineage:
      namespace: risk
      {options}
"""


@pytest.mark.parametrize(
    ("options", "message", "line"),
    [
        ("transprot: http", "unknown field 'transprot'", 9),
        ("transport: kafka", "expected 'console', 'file' or 'http'", 9),
        ("transport: http", "transport http requires url", 9),
        ("transport: file", "transport file requires path", 9),
        (
            "url: https://lineage.example.com",
            "url: option of transport http, but the transport is console",
            9,
        ),
        (
            "{transport: file, path: x, timeout_in_seconds: 1}",
            "timeout_in_seconds: option of transport http",
            11,
        ),
        ("{transport: http, url: lineage.example.com}", "url: 'lineage.example.com' does not match", 10),
        ("{transport: http, url: 'http://x', timeout_in_seconds: 0}", "greater than 0", 11),
        ("producer: dagcast", "producer: 'dagcast' does not match", 9),
    ],
)
def test_a_mistake_in_the_options_has_a_line(options: str, message: str, line: int, tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(CONFIG.format(options=options.strip("{}").replace(", ", "\n      ")))
    with pytest.raises(InvalidInputError) as caught:
        PipelineDAGCompiler(path).compile_definition()
    (error,) = caught.value.diagnostics
    assert message in error.message
    assert error.location is not None
    assert error.location.line == line
