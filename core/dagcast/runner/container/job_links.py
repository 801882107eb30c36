"""Follows the links that a job left in its outputs, as far as they stay inside."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from dagcast.runner.executors.executor import StepAttempt
from dagcast.runner.launch.command import ML_PATH


def adapt_links(attempt: StepAttempt, folder: Path, *, archived: bool) -> None:
    """Make absolute links inside an output relative, so that they lead to the same file on this machine.

    The job saw its folder as :data:`ML_PATH`, or by its real path where it is not mounted. Other links stay.

    Args:
        attempt: The attempt at the step.
        folder: A folder of an output, below the folder that stands for :data:`ML_PATH`.
        archived: Whether SageMaker packs the folder. Hosting refuses archives whose links lead out of them, as an
            absolute one does wherever it is unpacked, so these cause a warning. Source: SageMaker Developer Guide,
            "Troubleshoot Amazon SageMaker AI model deployments".
    """
    ml = attempt.folder / "ml"
    inside = folder.relative_to(ml)
    places = [f"{place}/{inside}" for place in (ML_PATH, ml, os.path.realpath(ml))]
    adapted: list[str] = []
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = f"{parent}/{name}"
            if not os.path.islink(path):  # noqa: PTH114 - of many files, few are links
                continue
            target = os.path.normpath(os.readlink(path))  # noqa: PTH115
            place = next((each for each in places if target == each or target.startswith(f"{each}/")), None)
            if place is not None:
                adapted.append(f"{ML_PATH}/{Path(path).relative_to(ml)}")
                with suppress(PermissionError):  # a container's root made it
                    Path(path).unlink()
                    Path(path).symlink_to(os.path.relpath(f"{folder}{target.removeprefix(place)}", parent))
    if archived and adapted:
        more = f" and {len(adapted) - 3} more" if len(adapted) > 3 else ""
        attempt.warn(
            f"{', '.join(sorted(adapted)[:3])}{more}: absolute links, whose content is archived here, while SageMaker "
            "may refuse the archive; use relative links"
        )
