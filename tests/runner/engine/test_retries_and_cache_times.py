"""What retry policies allow, and how long a cached result lives."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dagcast.definition.durations import parse_duration
from dagcast.runner.retries import Retries

CAPACITY = "SageMaker.CAPACITY_ERROR"


def test_each_retry_waits_longer_until_there_were_enough() -> None:
    policy = {"ExceptionType": [CAPACITY], "IntervalSeconds": 3, "BackoffRate": 2.0, "MaxAttempts": 3}
    retries = Retries([policy])
    assert [retries.wait(CAPACITY, 0) for _ in range(4)] == [3, 6, 12, None]


def test_the_defaults_are_those_of_the_service() -> None:
    retries = Retries([{"ExceptionType": [CAPACITY]}])
    assert [retries.wait(CAPACITY, 0) for _ in range(6)] == [1, 2, 4, 8, 16, None]


def test_a_failure_that_no_policy_names_is_final() -> None:
    retries = Retries([{"ExceptionType": [CAPACITY]}])
    assert retries.wait(None, 0) is None
    assert retries.wait("SageMaker.RESOURCE_LIMIT", 0) is None


def test_a_policy_expires() -> None:
    retries = Retries([{"ExceptionType": [CAPACITY], "IntervalSeconds": 30, "ExpireAfterMin": 1}])
    assert retries.wait(CAPACITY, 10) == 30
    assert retries.wait(CAPACITY, 10) is None


def test_policies_count_apart() -> None:
    one, two = (
        {"ExceptionType": [kind], "IntervalSeconds": 1, "MaxAttempts": 1}
        for kind in ("Step.THROTTLING", CAPACITY)
    )
    retries = Retries([one, two])
    assert retries.wait(CAPACITY, 0) == 1
    assert retries.wait("Step.THROTTLING", 0) == 1
    assert retries.wait(CAPACITY, 0) is None


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("P30D", timedelta(days=30)),
        ("30d", timedelta(days=30)),
        ("5y", timedelta(days=5 * 365)),
        ("T16m", timedelta(minutes=16)),
        ("30dT5h", timedelta(days=30, hours=5)),
        ("PT1H", timedelta(hours=1)),
        ("P2M", timedelta(days=60)),
        ("P1WT30S", timedelta(weeks=1, seconds=30)),
    ],
)
def test_durations(text: str, time: timedelta) -> None:
    assert parse_duration(text) == time


@pytest.mark.parametrize("text", ["", "P", "PT", "30", "soon", "P-1D", "P1.5D"])
def test_what_is_not_a_duration(text: str) -> None:
    assert parse_duration(text) is None
