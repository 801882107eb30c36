"""Artifacts of a compile, for plugins and tools that store them: staged code as bytes, and the plugin lock.

Example:
    Store the code of a pipeline by the digests of its objects::

        compilation = PipelineDAGCompiler("pipeline.yaml").compile_definition()
        for code in compilation.spec.staged:
            store[code.digest] = archive_bytes(code)
"""

from __future__ import annotations

from dagcast.plugins.lock import check_lock, lock_differences, lock_path, lock_text
from dagcast.plugins.plugin_set import PluginSet
from dagcast.plugins.stored_options import mask_options_of, mask_stored_options
from dagcast.staging.code_limit import CodeLimit
from dagcast.staging.code_stager import CodeUse
from dagcast.staging.stage_files import archive_bytes, archive_pieces
from dagcast.staging.staged_code import StagedCode
from dagcast.staging.temporary_folder import TemporaryFolderError, report_unwritable, temporary_folder
from dagcast.template import Compilation

__all__ = [
    "CodeLimit",
    "CodeUse",
    "Compilation",
    "PluginSet",
    "StagedCode",
    "TemporaryFolderError",
    "archive_bytes",
    "archive_pieces",
    "check_lock",
    "lock_differences",
    "lock_path",
    "lock_text",
    "mask_options_of",
    "mask_stored_options",
    "report_unwritable",
    "temporary_folder",
]
