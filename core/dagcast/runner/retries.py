"""Retry policies of a step."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dagcast.runner.container.check_request import Schema

INTERVAL = 1.0
"""Seconds before the first retry, where a policy says none. Source: SageMaker Developer Guide, "Retry Policy for
Pipeline Steps", as the other defaults here."""
BACKOFF = 2.0
"""The factor between two intervals."""
ATTEMPTS = 5
"""The number of retries."""

POLICIES: Schema = [
    {
        "ExceptionType": ["string"],
        "IntervalSeconds": "number",
        "BackoffRate": "number",
        "MaxAttempts": "count",
        "ExpireAfterMin": "number",
    }
]
"""The schema of ``RetryPolicies``."""


@dataclass
class Retries:
    """The retries that a step's policies still allow. The first policy that lists an error applies.

    Args:
        policies: ``RetryPolicies`` of the step, which match :data:`POLICIES`.
    """

    policies: Iterable[Mapping[str, Any]]
    _used: dict[int, int] = field(default_factory=dict)

    def wait(self, kind: str | None, elapsed: float) -> float | None:
        """Return the seconds to wait before the next attempt; ``None`` if the step has failed for good.

        Args:
            kind: The exception type; ``None`` for an error that no policy can list.
            elapsed: Seconds since the first attempt started.
        """
        for number, policy in enumerate(self.policies):
            if kind is None or kind not in policy.get("ExceptionType", ()):
                continue
            used = self._used.get(number, 0)
            if used >= int(policy.get("MaxAttempts", ATTEMPTS)):
                return None
            interval = _interval(policy, used)
            if "ExpireAfterMin" in policy and elapsed + interval > float(policy["ExpireAfterMin"]) * 60:
                return None
            self._used[number] = used + 1
            return interval
        return None


def _interval(policy: Mapping[str, Any], used: int) -> float:
    first, factor = policy.get("IntervalSeconds", INTERVAL), policy.get("BackoffRate", BACKOFF)
    try:
        return min(float(first) * float(factor) ** used, threading.TIMEOUT_MAX)
    except OverflowError:
        return threading.TIMEOUT_MAX
