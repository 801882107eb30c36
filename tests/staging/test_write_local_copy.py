"""Staged code as files of this machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.errors import StagingError
from dagcast.staging.staged_code import StagedCode
from dagcast.staging.write_local_copy import write_staged

EXAMPLE = Path(__file__).parents[2] / "examples" / "breast_cancer" / "pipeline.yaml"


def staged() -> tuple[StagedCode, ...]:
    return PipelineDAGCompiler(EXAMPLE, plugins=[]).compile_definition().report.spec.staged


def test_each_object_is_written_once_with_the_bytes_that_its_address_promises(tmp_path: Path) -> None:
    codes = staged()
    files = write_staged((*codes, *codes), tmp_path)
    assert set(files) == {code.uri for code in codes}
    assert len(list(tmp_path.iterdir())) == len(files)
    for code in codes:
        assert hashlib.sha256(files[code.uri].read_bytes()).hexdigest() == code.digest


def test_code_that_changed_since_the_compile_is_refused(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("print(1)\n")
    code = StagedCode(
        uri="s3://bucket/code.py", digest="0" * 64, size=9, source="code.py", root=str(tmp_path), form="file"
    )
    (tmp_path / "out").mkdir()
    with pytest.raises(StagingError, match=r"code\.py has changed since the pipeline was compiled"):
        write_staged([code], tmp_path / "out")
