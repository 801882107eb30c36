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
"""The form of ``RetryPolicies``."""


@dataclass
class Retries:
    """What the policies of one step still allow; the first policy that names an error is the one that counts.

    Args:
        policies: ``RetryPolicies`` of the step, of the form :data:`POLICIES`.
    """

    policies: Iterable[Mapping[str, Any]]
    _used: dict[int, int] = field(default_factory=dict)

    def wait(self, kind: str | None, elapsed: float) -> float | None:
        """Seconds to wait before the step is tried again; ``None`` if it has failed for good.

        Args:
            kind: The type of the error; ``None`` for one that no policy can name.
            elapsed: Seconds since the step first started.
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
