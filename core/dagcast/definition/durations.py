"""ISO 8601 durations, as in ``ExpireAfter`` of a ``CacheConfig``."""

from __future__ import annotations

import re
from datetime import timedelta

from dagcast.lazy_pattern import lazy_pattern

_DURATION = lazy_pattern(
    r"P?(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?",
    re.IGNORECASE | re.ASCII,
)
_DAYS = (365, 30, 7, 1)


def parse_duration(text: str) -> timedelta | None:
    """Return a duration, or ``None`` if the text is invalid or exceeds the range of ``timedelta``.

    A year is 365 days and a month 30. The ``P`` may be left out, as in the short forms of the SageMaker Developer
    Guide, "Caching pipeline steps": ``30d`` and ``T16m``.

    >>> parse_duration("P1DT12H")
    datetime.timedelta(days=1, seconds=43200)
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    try:
        years, months, weeks, days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
        whole = sum(count * length for count, length in zip((years, months, weeks, days), _DAYS, strict=True))
        return timedelta(days=whole, hours=hours, minutes=minutes, seconds=seconds)
    except (ValueError, OverflowError):  # more digits than Python converts, or than a timedelta holds
        return None
