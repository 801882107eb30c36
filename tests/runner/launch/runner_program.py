"""A runner of one job, in a process of its own: it prints as JSON how the job ended and how much memory itself took.

Its arguments are the isolation, the user's folder, and the job's program with its arguments.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "core"))

from dagcast.runner.launch.choose_launcher import choose_launcher
from dagcast.runner.launch.command import Command


def main(isolation: str, folder: Path, *argv: str) -> None:
    attempt = folder / "runs" / "one" / "steps" / "step" / "attempt-1"
    (attempt / "ml").mkdir(parents=True, exist_ok=True)
    command = Command(
        argv=argv,
        environment={"PATH": "/usr/bin:/bin"},
        ml_folder=attempt / "ml",
        working_directory="/opt/ml",
        stdout=attempt / "stdout.log",
        stderr=attempt / "stderr.log",
        image=os.environ.get("IMAGE"),
    )
    started = choose_launcher(isolation, folder / "runs")  # type: ignore[arg-type]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ended = started.run(command, threading.Event())
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    isolated = started.isolation
    started.close()
    # The supervisor and its monitors have ended, and so has the job, whose own size is not known separately.
    print(json.dumps({"exit": asdict(ended), "grown_kib": own, "isolation": isolated}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
