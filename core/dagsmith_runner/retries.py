"""Retry policies of a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

INTERVAL = 1.0
"""Seconds before the first retry, where a policy says none. Source: SageMaker Developer Guide, "Retry Policy for
Pipeline Steps", as the other defaults here."""
BACKOFF = 2.0
"""The factor between two intervals."""
ATTEMPTS = 5
"""The number of retries."""


@dataclass
class Retries:
    """What the policies of one step still allow; the first policy that names an error is the one that counts.

    Args:
        policies: ``RetryPolicies`` of the step.
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
            interval = policy.get("IntervalSeconds", INTERVAL) * policy.get("BackoffRate", BACKOFF) ** used
            if used >= policy.get("MaxAttempts", ATTEMPTS):
                return None
            if "ExpireAfterMin" in policy and elapsed + interval > policy["ExpireAfterMin"] * 60:
                return None
            self._used[number] = used + 1
            return float(interval)
        return None
