"""Runs pip, unless it would change the user's environment: no layer protects it from a job without a mount namespace.

``python -m pip`` runs this module, and the program ``pip`` imports it.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys

_CHANGES = ("install", "uninstall")
_ELSEWHERE = ("-t", "--target", "--prefix", "--root", "--dry-run", "-h", "--help")
"""Options of pip's ``install`` that leave the environment as it is."""

_REFUSAL = (
    "ERROR: pip {command} is refused: without a mount namespace it would change the environment of this machine at "
    "{prefix}; list packages in a requirements.txt beside the script"
)


def _find_change(arguments: list[str]) -> str | None:
    """Return the command that would change the environment which the job was started in."""
    command = next((argument for argument in arguments if not argument.startswith("-")), None)
    if command not in _CHANGES or sys.prefix != os.environ.get("DAGCAST_PREFIX"):
        return None
    options = {argument.partition("=")[0] for argument in arguments}
    return None if options.intersection(_ELSEWHERE) else command


def _main() -> None:
    is_program = __name__ == "__main__" or os.path.basename(sys.argv[0]).startswith("pip")  # noqa: PTH119 - cheap
    change = _find_change(sys.argv[1:]) if is_program else None
    if change is not None:
        sys.exit(_REFUSAL.format(command=change, prefix=sys.prefix))
    folder = os.path.dirname(__file__)  # noqa: PTH120 - cheap
    sys.path[:] = [path for path in sys.path if path != folder]
    if __name__ == "__main__":
        runpy.run_module("pip", run_name="__main__", alter_sys=True)
    else:
        # The import system returns what stands here when this module has run.
        del sys.modules[__name__]
        importlib.import_module(__name__)


_main()
