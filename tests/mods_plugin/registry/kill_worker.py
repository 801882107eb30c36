"""Run as a program: registers a template in a process that is killed before and after each statement it makes.

Arguments: the registry, and two configs of one template, an older version and a newer one.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from typing import Any

# Imported here, or each process that is killed would import them again.
import alembic.command  # noqa: F401
from sqlalchemy import Engine, event

from mods_plugin.registry import Registry, RegistryError, capture, executions, project  # noqa: F401

EVENTS = ("begin", "commit", "before_cursor_execute", "after_cursor_execute")


def die_at(moment: int) -> None:
    """Kill this process when that many things have happened to any connection."""
    happened = count(1)

    def note(*_: Any) -> None:
        if next(happened) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in EVENTS:
        event.listen(Engine, name, note)


def killed(location: str, config: str, moment: int) -> bool:
    """Whether a process that registers the config is killed at that moment; else it is done before."""
    child = os.fork()
    if child == 0:
        die_at(moment)
        Registry(location).register(config)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    if status != 0:
        raise SystemExit(f"the process failed at {moment}")
    return False


def known(registry: Registry) -> list[str]:
    """The versions that the registry holds, each of which is whole."""
    try:
        versions = registry.versions("churn")
    except RegistryError as error:
        if "register a template to create it" not in str(error):
            raise
        return []
    for version in versions:
        registry.compile("churn", version)
    return list(versions)


def main(location: str, older: str, newer: str) -> None:
    """Kill at every moment, look at what is left, and go on with it."""
    registry = Registry(location)
    for config, before in ((older, []), (newer, ["1.4.0"])):
        moments = 0
        for moment in count(1):
            ended = not killed(location, config, moment)
            moments += not ended
            found = known(registry)
            if found != before:
                # The kill came after the commit, or not at all: what was registered is there as a whole.
                if found[: len(before)] != before or len(found) != len(before) + 1:
                    raise SystemExit(f"at {moment} the registry holds {found}")
                break
            if ended:
                raise SystemExit(f"{config} was registered, and is not there")
        print(f"killed {moments} times")
        if registry.register(config).created:
            raise SystemExit(f"{config} was not registered")


if __name__ == "__main__":
    main(*sys.argv[1:])
