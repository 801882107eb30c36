"""Applies the retry policies of a step."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dagcast.runner.container.check_request import Schema

DEFAULT_INTERVAL = 1.0
"""The default of ``IntervalSeconds``: seconds before the first retry. Source of all defaults here: SageMaker Developer
Guide, "Retry Policy for Pipeline Steps"."""
DEFAULT_BACKOFF_RATE = 2.0
"""The default of ``BackoffRate``: the factor between two intervals."""
DEFAULT_MAX_ATTEMPTS = 5
"""The default of ``MaxAttempts``: the number of retries."""

RETRY_POLICIES: Schema = [
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
    """Counts the retries of a step, and limits them by its policies. The first policy that lists an error applies.

    Args:
        policies: ``RetryPolicies`` of the step, which match :data:`RETRY_POLICIES`.
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
            if used >= int(policy.get("MaxAttempts", DEFAULT_MAX_ATTEMPTS)):
                return None
            interval = _interval(policy, used)
            if "ExpireAfterMin" in policy and elapsed + interval > float(policy["ExpireAfterMin"]) * 60:
                return None
            self._used[number] = used + 1
            return interval
        return None


def _interval(policy: Mapping[str, Any], used: int) -> float:
    first = policy.get("IntervalSeconds", DEFAULT_INTERVAL)
    factor = policy.get("BackoffRate", DEFAULT_BACKOFF_RATE)
    try:
        return min(float(first) * float(factor) ** used, threading.TIMEOUT_MAX)
    except OverflowError:
        return threading.TIMEOUT_MAX
