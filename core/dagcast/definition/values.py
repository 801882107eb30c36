"""Frozen data: immutable mappings and sequences."""

from __future__ import annotations

from typing import Any, NoReturn


class FrozenError(TypeError):
    """Code tried to change frozen data."""


class FrozenDict(dict[str, Any]):
    """An immutable mapping. It is a ``dict``, so ``json`` writes it, and reading it takes no longer.

    Example:
        >>> frozen = freeze({"Tags": [{"Key": "team"}]})
        >>> frozen["Tags"][0]["Key"]
        'team'
        >>> frozen["Tags"] = ()
        Traceback (most recent call last):
        ...
        dagcast.definition.values.FrozenError: this mapping is frozen: make a changed copy with thaw() and freeze()
    """

    __slots__ = ()

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        """Raise :class:`FrozenError`: a frozen mapping does not change."""
        raise FrozenError("this mapping is frozen: make a changed copy with thaw() and freeze()")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, Any]]]:
        return (FrozenDict, (dict(self),))


SCALARS = frozenset({str, int, float, bool, type(None)})
"""The types of most values in a request. They contain no other values, so recursion skips them."""


_FROZEN = SCALARS | {FrozenDict}
_set_item = dict.__setitem__


def freeze(value: Any) -> Any:
    """Return ``value`` with every mapping as a :class:`FrozenDict` and every list as a tuple, at any depth.

    >>> freeze({"Tags": [{"Key": "team"}]})
    {'Tags': ({'Key': 'team'},)}
    """
    kind = type(value)
    if kind in _FROZEN:
        return value
    if isinstance(value, dict):
        if isinstance(value, FrozenDict):
            return value
        frozen_dict = FrozenDict(value)
        for key, item in value.items():
            if type(item) not in _FROZEN:
                # Nobody else has the new mapping yet.
                _set_item(frozen_dict, key, freeze(item))
        return frozen_dict
    if isinstance(value, list):
        return tuple([item if type(item) in _FROZEN else freeze(item) for item in value])
    if isinstance(value, tuple):
        frozen = tuple([item if type(item) in SCALARS else freeze(item) for item in value])
        # Frozen data keeps its identity, by which changes are detected.
        return value if all(a is b for a, b in zip(frozen, value, strict=True)) else frozen
    return value


def thaw(value: Any) -> Any:
    """Return a copy of ``value`` with mutable dicts and lists; references are unchanged.

    >>> thaw(freeze({"Tags": [{"Key": "team"}]}))
    {'Tags': [{'Key': 'team'}]}
    """
    if isinstance(value, dict):
        return {key: item if type(item) in SCALARS else thaw(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [thaw(item) for item in value]
    return value
