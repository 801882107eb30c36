"""What the kit does in a process of its own: ``python -m dagcast.conformance.isolated import|compile ...`` prints JSON.

Nothing has been imported there by tests, and nothing that a plugin does to the process reaches them.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
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
"""Audit events by which network and other programs are used. Source: "Audit events table" in Python's documentation."""


def measure_import(name: str) -> dict[str, Any]:
    """What importing a plugin does: network and programs it uses, and the code it loads.

    Code is counted in bytes of its files, by top-level package: unlike seconds, that is the same on a busy machine.

    Args:
        name: The plugin.
    """
    from dagcast.plugins.load import load_plugin
    from dagcast.plugins.scan import scan_plugins

    # What every compile loads is not the plugin's to answer for.
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
    """What compiling with a plugin gives, and what of the process is another than before.

    Args:
        name: The plugin.
        options: Options by plugin.
        config: The config.
    """
    from dagcast.conformance.plugin_under_test import PluginUnderTest

    subject = PluginUnderTest(name, dict(options), dict(config))
    before = _process()
    compilation = subject.compile([name])
    after = _process()
    return {
        "definition": compilation.definition,
        "changes": [change.as_dict() for change in compilation.report.changes],
        "plugins": [dict(plugin) for plugin in compilation.report.plugins],
        "process": [part for part, value in before.items() if after[part] != value],
    }


def _process() -> dict[str, Any]:
    """What the whole process shares, and no plugin owns."""
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
    # Code in a zip, say.
    except OSError:
        return 0


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    given = [json.loads(argument) for argument in arguments]
    print(json.dumps(measure_import(*given) if what == "import" else measure_compile(*given)))
