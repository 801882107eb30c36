"""Measure a plugin in a separate process: ``python -m dagcast.conformance.isolated import|compile ...`` prints JSON.

Tests import nothing there, and side effects of the plugin on the process do not reach them.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

NETWORK = frozenset(
    {
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.sendmsg",
        "socket.sendto",
    }
)
PROCESSES = frozenset(
    {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"}
)
"""Audit events of network use and of started programs. Source: "Audit events table" in Python's documentation."""


def measure_import(name: str) -> dict[str, Any]:
    """Import a plugin, and measure its use of network and programs and the code that it loads.

    Code is measured in bytes of source files by top-level package. Unlike seconds, bytes do not depend on the load of
    the machine.

    Args:
        name: The name of the plugin.

    Returns:
        ``used``: audit events; ``loaded``: bytes by package; ``loaded_before``: bytes that each compile loads.
    """
    from dagcast.plugins.load import load_plugin
    from dagcast.plugins.scan import scan_plugins

    # Exclude what every compile loads.
    for module in ("dagcast.compiler", "dagcast.plugin"):
        import_module(module)
    installed = scan_plugins()
    before = dict(sys.modules)
    used: list[str] = []
    sys.addaudithook(lambda event, _: used.append(event) if event in NETWORK | PROCESSES else None)
    load_plugin(name, installed)
    added: dict[str, int] = {}
    for module, loaded in list(sys.modules.items()):
        if module not in before:
            package = module.partition(".")[0]
            added[package] = added.get(package, 0) + _size(loaded)
    return {"used": used, "loaded": added, "loaded_before": sum(map(_size, before.values()))}


def measure_compile(name: str, options: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Compile with a plugin, and compare the state of the process before and after.

    Args:
        name: The name of the plugin.
        options: Options by plugin.
        config: The config.

    Returns:
        ``definition``, ``changes`` and ``plugins`` of the compile; ``process``: names of changed process state.
    """
    from dagcast.conformance.plugin_under_test import PluginUnderTest

    plugin = PluginUnderTest(name, dict(options), dict(config))
    before = _process_state()
    compilation = plugin.compile([name])
    after = _process_state()
    return {
        "definition": compilation.definition,
        "changes": [change.as_dict() for change in compilation.report.changes],
        "plugins": [dict(plugin) for plugin in compilation.report.plugins],
        "process": [part for part, value in before.items() if after[part] != value],
    }


def _process_state() -> dict[str, Any]:
    """Return the state that the whole process shares and that a plugin must not change."""
    root = logging.getLogger()
    return {
        "environment variables": dict(os.environ),
        "working directory": str(Path.cwd()),
        "sys.path": list(sys.path),
        "root logger": (root.level, [id(handler) for handler in root.handlers]),
        "sys.stdout, stderr, excepthook": (id(sys.stdout), id(sys.stderr), id(sys.excepthook)),
    }


def _size(module: ModuleType | None) -> int:
    file = getattr(module, "__file__", None)
    try:
        return os.stat(file).st_size if isinstance(file, str) else 0  # noqa: PTH116
    # The module may be in a zip file.
    except OSError:
        return 0


def measure_output(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Measure, and add what was written to standard output as ``printed``; also by C libraries and programs."""
    sys.stdout.flush()
    saved = os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        try:
            found = measure()
        finally:
            sys.stdout.flush()
            os.dup2(saved, 1)
            os.close(saved)
        file.seek(0)
        return {**found, "printed": file.read().decode(errors="replace")}


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    given = [json.loads(argument) for argument in arguments]
    chosen = measure_import if what == "import" else measure_compile
    print(json.dumps(measure_output(lambda: chosen(*given))))
