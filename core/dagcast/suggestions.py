"""Suggests the known name that a misspelt one seems to be.

A config may hold thousands of misspelt names, and thousands of known ones. So each lookup compares with a bounded
number of names: an index, built once for each set of names, picks those that share the rarest pairs of letters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

_MAX_NAME = 100
"""Longest name that is compared; comparing takes time quadratic in the length."""
_FEW = 40
"""So many known names are all compared; of more, the index picks a few."""
_PICKED = 4
"""Names that the index picks for one lookup."""
_MAX_POSTINGS = 1500
"""Most entries of the index that one lookup reads."""
_CUTOFF = 0.6
"""Least similarity of a suggestion, as ``difflib.get_close_matches`` has it."""
_LIKELY = 0.75
"""Least similarity of a name that is read as the one that it seems to be."""
_MAX_LISTED = 12
"""Most known names that a hint lists where none is close."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like ``name``, or ``None`` if none is close.

    Args:
        name: The misspelt name.
        known: The names that it could be. To look many names up among the same ones takes linear time.

    >>> nearest("m5.large", ["ml.m4.large", "ml.m5.large"])
    'ml.m5.large'
    >>> nearest("=>", ["==", ">=", "<="])
    '>='
    """
    if not name or len(name) > _MAX_NAME:
        return None
    return _index(known if isinstance(known, tuple) else tuple(known)).nearest(name)


def is_likely(name: str, meant: str) -> bool:
    """Return whether a misspelt name is so near to another that it can be read as that one.

    >>> is_likely("stpes", "steps"), is_likely("STEPS", "steps"), is_likely("nodes", "edges")
    (True, True, False)
    """
    from difflib import SequenceMatcher  # needed only for mistakes

    if len(name) > _MAX_NAME:
        return False
    return SequenceMatcher(None, _fold(name), _fold(meant), autojunk=False).ratio() >= _LIKELY


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return a hint that names the nearest known spelling, or lists the few that there are.

    Args:
        name: The misspelt name.
        known: The names that it could be.

    >>> did_you_mean("trian", ["train", "evaluate"])
    "did you mean 'train'?"
    >>> did_you_mean("x", ["train", "evaluate"])
    'known: evaluate, train'
    """
    names = tuple(known)
    close = nearest(name, names)
    if close is not None:
        return f"did you mean {close!r}?"
    listed = sorted(set(names))
    if listed and len(listed) <= _MAX_LISTED:
        return f"known: {', '.join(listed)}"
    return None


class _Index:
    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted({name for name in names if len(name) <= _MAX_NAME})
        self._folded = [_fold(name) for name in self._names]
        self._exact: dict[str, int] = {}
        self._postings: dict[str, list[int]] = {}
        for number, folded in enumerate(self._folded):
            for key in _keys(folded):
                self._exact.setdefault(key, number)
            head, dot, tail = folded.partition(".")
            if head and dot and tail:
                self._exact.setdefault(f".{tail}", number)
            if len(self._names) > _FEW:
                for pair in _pairs(folded):
                    self._postings.setdefault(pair, []).append(number)

    def nearest(self, name: str) -> str | None:
        folded = _fold(name)
        # Without its first part, a dotted name is surely meant: m5.large for ml.m5.large.
        for key in (*_keys(folded), f".{folded}"):
            if key in self._exact:
                return self._names[self._exact[key]]
        best, score = None, _CUTOFF
        from difflib import SequenceMatcher  # needed only for mistakes

        matcher = SequenceMatcher(autojunk=False)
        matcher.set_seq2(folded)
        for number in self._candidates(folded):
            matcher.set_seq1(self._folded[number])
            if matcher.real_quick_ratio() >= score and matcher.quick_ratio() >= score:
                ratio = matcher.ratio()
                if ratio > score or (best is None and ratio == score):
                    best, score = number, ratio
        return None if best is None else self._names[best]

    def _candidates(self, folded: str) -> Iterable[int]:
        if len(self._names) <= _FEW:
            return range(len(self._names))
        postings = sorted((self._postings.get(pair, ()) for pair in _pairs(folded)), key=len)
        shared: Counter[int] = Counter()
        left = _MAX_POSTINGS
        for numbers in postings:
            # Whole lists only: a part of one would prefer the names that come first.
            if len(numbers) > left and shared:
                break
            shared.update(numbers[:left])
            left -= len(numbers)
        length = len(folded)
        # By the share of pairs in common: a long name has many pairs, and so some of any other name.
        ranked = sorted(
            shared, key=lambda number: (-shared[number] / (length + len(self._folded[number])), number)
        )
        return sorted(ranked[:_PICKED])


@lru_cache(maxsize=32)
def _index(names: tuple[str, ...]) -> _Index:
    return _Index(names)


def _fold(name: str) -> str:
    return name.casefold().replace("-", "_")


def _keys(folded: str) -> list[str]:
    """What two spellings have in common where one is surely meant: all but case and dashes, or signs in any order."""
    keys = [f"={folded}"]
    if not any(character.isalnum() for character in folded):
        keys.append(f"~{''.join(sorted(folded))}")
    return keys


def _pairs(folded: str) -> set[str]:
    """The pairs of letters that follow each other, the beginning and the end counted as letters."""
    marked = f"\0{folded}\0"
    return {marked[at : at + 2] for at in range(len(marked) - 1)}
