"""The parts of a regular expression: which characters they consume, and whether matching them can explode.

Python's :mod:`re` tries every way to divide the text over the parts of a pattern before it gives up. For
``([a-z]*[a-z]){0,39}`` against forty letters and a ``!``, that is more ways than a machine can try. The
pattern is AWS's, the text is a user's typing mistake, and the compile must not hang on it.

The analysis of that is conservative: what it cannot show to be harmless counts as explosive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

# Up to so many rounds of a loop, the ways to divide a text grow with a low power of its length.
_FEW: Final = 4

_TOKEN: Final = re.compile(
    r"""(?P<quantifier>[*+?]\??|\{\d+(?:,\d*)?\}\??)
      | (?P<look>\(\?(?:=|!|<=|<!))
      | (?P<open>\((?:\?:)?)
      | (?P<close>\))
      | (?P<or>\|)
      | (?P<edge>[\^$]|\\b|\\B)
      | (?P<character>\[\^?(?:\\.|[^\]\\])*\]|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\x[0-9a-fA-F]{2}|\\.|.)""",
    re.VERBOSE | re.DOTALL,
)
_SAMPLE: Final = (*map(chr, range(128)), "\u00e9", "\U0001f600")
_ENDLESS: Final = float("inf")


class _ExplosiveError(Exception):
    """Found a part of the pattern that can explode."""


@dataclass(frozen=True)
class _Part:
    """A piece of a pattern: the characters it can consume, and how many of them."""

    characters: frozenset[str]
    shortest: float
    longest: float

    @property
    def is_one(self) -> bool:
        return self.shortest == self.longest == 1

    @property
    def is_fixed(self) -> bool:
        return self.shortest == self.longest


def can_explode(pattern: str) -> bool:
    """Whether some text may keep ``re`` busy for a time exponential, or of a high power, in its length.

    Args:
        pattern: A pattern that ``re`` can compile.
    """
    loops = re.search(r"\)(?:[*+]|\{\d)", pattern)
    if not loops and len(re.findall(r"[*+]|,\}", pattern)) < 3:
        return False  # too simple to explode, like most patterns
    try:
        _Parser(pattern).alternatives()
    except _ExplosiveError:
        return True
    return False


def alphabet(pattern: str) -> frozenset[str]:
    """The ASCII characters that can occur in a text that matches as a whole.

    Args:
        pattern: A pattern that ``re`` can compile, and that cannot explode.
    """
    sequences = _Parser(pattern).alternatives()
    return frozenset().union(*(part.characters for sequence in sequences for part in sequence))


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._tokens = [(str(token.lastgroup), token.group()) for token in _TOKEN.finditer(pattern)]
        self._at = 0

    def alternatives(self) -> list[list[_Part]]:
        """The alternatives up to the end of this group, each a sequence of parts."""
        found: list[list[_Part]] = [[]]
        while self._at < len(self._tokens):
            kind, text = self._tokens[self._at]
            self._at += 1
            if kind == "close":
                break
            if kind == "or":
                found.append([])
            elif kind == "look":
                self.alternatives()  # consumes nothing itself, but what is in it is matched, too
                self._quantifier()
            elif kind == "edge":
                self._quantifier()
            elif kind == "open":
                found[-1].append(self._group())
            elif kind == "character":
                few, many = self._quantifier()
                found[-1].append(_Part(_characters(text), few, many))
        for sequence in found:
            _refuse_long_overlap(sequence)
        return found

    def _group(self) -> _Part:
        body = self.alternatives()
        few, many = self._quantifier()
        if many > _FEW:
            _refuse_ambiguous_loop(body)
        characters = frozenset().union(*(part.characters for sequence in body for part in sequence))
        shortest = min(sum(part.shortest for part in sequence) for sequence in body)
        longest = max(sum(part.longest for part in sequence) for sequence in body)
        return _Part(characters, shortest * few, longest * many if longest else 0)

    def _quantifier(self) -> tuple[float, float]:
        if self._at == len(self._tokens) or self._tokens[self._at][0] != "quantifier":
            return 1, 1
        text = self._tokens[self._at][1].rstrip("?") or "?"
        self._at += 1
        if text in ("*", "+", "?"):
            return (1 if text == "+" else 0), (1 if text == "?" else _ENDLESS)
        few, comma, many = text.strip("{}").partition(",")
        return int(few), (float(many) if many else _ENDLESS if comma else int(few))


@cache
def _characters(text: str) -> frozenset[str]:
    matches = re.compile(text, re.ASCII | re.DOTALL).fullmatch
    return frozenset(char for char in _SAMPLE if matches(char))


def _refuse_ambiguous_loop(body: list[list[_Part]]) -> None:
    """Pass only a loop whose rounds can be told apart in the text in one way."""
    if len(body) > 1:
        starts = [sequence[0].characters if sequence else frozenset() for sequence in body]
        distinct = len(frozenset().union(*starts)) == sum(map(len, starts))
        if not distinct or not all(sequence and all(part.is_fixed for part in sequence) for sequence in body):
            raise _ExplosiveError
        return
    (parts,) = body
    if all(part.is_fixed for part in parts):
        return
    # A round that starts, or ends, with one character that occurs nowhere else in it.
    for marker, others in ((parts[0], parts[1:]), (parts[-1], parts[:-1])):
        if marker.is_one and not any(marker.characters & other.characters for other in others):
            return
    raise _ExplosiveError


def _refuse_long_overlap(sequence: list[_Part]) -> None:
    """Pass only where fewer than three endless parts in a row compete for the same characters."""
    for parts in zip(sequence, sequence[1:], sequence[2:], strict=False):
        endless = all(part.longest == _ENDLESS for part in parts)
        if endless and frozenset.intersection(*(part.characters for part in parts)):
            raise _ExplosiveError
