"""Analysis of a regular expression: the characters that it can consume, and whether matching can take exponential time.

A backtracking matcher such as Python's :mod:`re` tries every way to divide a text over the parts of a pattern. For
``([a-z]*[a-z]){0,39}`` and forty letters followed by ``!``, the number of ways is too large to try. AWS writes the
patterns and users write the texts, so a typing mistake must not make a compile hang.

The analysis is conservative: a pattern that it cannot prove harmless counts as explosive.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from dagcast.frozen_dataclass import dataclass
from dagcast.lazy_pattern import lazy_pattern

# A loop of at most this many rounds divides a text in a number of ways that is a low power of its length.
_FEW_ROUNDS: Final = 4

_TOKEN: Final = lazy_pattern(
    r"""(?P<quantifier>[*+?]\??|\{\d+(?:,\d*)?\}\??)
      | (?P<look>\(\?(?:=|!|<=|<!))
      | (?P<open>\((?:\?:)?)
      | (?P<close>\))
      | (?P<or>\|)
      | (?P<edge>[\^$]|\\b|\\B)
      | (?P<character>\[\^?(?:\\.|[^\]\\])*\]|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\x[0-9a-fA-F]{2}|\\.|.)""",
    re.VERBOSE | re.DOTALL,
)
_SAMPLE_CHARACTERS: Final = (*map(chr, range(128)), "\u00e9", "\U0001f600")
_UNBOUNDED: Final = float("inf")


class _ExplosiveError(Exception):
    """A part of the pattern can take exponential time."""


@dataclass(frozen=True)
class _Part:
    """A part of a pattern: the characters that it can consume, and how many of them."""

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
    """Return whether matching can take a time that is exponential in the length of the text, or a high power of it.

    Args:
        pattern: A pattern that ``re`` can compile.
    """
    loops = re.search(r"\)(?:[*+]|\{\d)", pattern)
    if not loops and len(re.findall(r"[*+]|,\}", pattern)) < 3:
        return False  # too few loops, as in most patterns
    try:
        _Parser(pattern).alternatives()
    except _ExplosiveError:
        return True
    return False


def find_alphabet(pattern: str) -> frozenset[str]:
    """Return the ASCII characters that can occur in a text that matches as a whole.

    Args:
        pattern: A pattern that ``re`` can compile, and for which :func:`can_explode` is false.
    """
    sequences = _Parser(pattern).alternatives()
    return frozenset().union(*(part.characters for sequence in sequences for part in sequence))


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._tokens = [(str(token.lastgroup), token.group()) for token in _TOKEN.finditer(pattern)]
        self._at = 0

    def alternatives(self) -> list[list[_Part]]:
        """Return the alternatives up to the end of this group, each a sequence of parts."""
        found: list[list[_Part]] = [[]]
        while self._at < len(self._tokens):
            kind, text = self._tokens[self._at]
            self._at += 1
            if kind == "close":
                break
            if kind == "or":
                found.append([])
            elif kind == "look":
                self.alternatives()  # a lookaround consumes nothing, but matching its content takes time as well
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
        if many > _FEW_ROUNDS:
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
            return (1 if text == "+" else 0), (1 if text == "?" else _UNBOUNDED)
        few, comma, many = text.strip("{}").partition(",")
        return int(few), (float(many) if many else _UNBOUNDED if comma else int(few))


@cache
def _characters(text: str) -> frozenset[str]:
    literal = text[1:] if text.startswith("\\") and not text[1:].isalnum() else text
    if len(literal) == 1 and literal != ".":
        return frozenset(literal).intersection(_SAMPLE_CHARACTERS)
    return frozenset(re.findall(text, "".join(_SAMPLE_CHARACTERS), re.ASCII | re.DOTALL))


def _refuse_ambiguous_loop(body: list[list[_Part]]) -> None:
    """Raise _ExplosiveError unless a text can be divided into the rounds of the loop in only one way."""
    if len(body) > 1:
        starts = [sequence[0].characters if sequence else frozenset() for sequence in body]
        distinct = len(frozenset().union(*starts)) == sum(map(len, starts))
        if not distinct or not all(sequence and all(part.is_fixed for part in sequence) for sequence in body):
            raise _ExplosiveError
        return
    (parts,) = body
    if all(part.is_fixed for part in parts):
        return
    # One character that occurs nowhere else in the round marks its start or its end.
    for marker, others in ((parts[0], parts[1:]), (parts[-1], parts[:-1])):
        if marker.is_one and not any(marker.characters & other.characters for other in others):
            return
    raise _ExplosiveError


def _refuse_long_overlap(sequence: list[_Part]) -> None:
    """Raise _ExplosiveError if three unbounded parts in a row can consume the same characters."""
    for parts in zip(sequence, sequence[1:], sequence[2:], strict=False):
        unbounded = all(part.longest == _UNBOUNDED for part in parts)
        if unbounded and frozenset.intersection(*(part.characters for part in parts)):
            raise _ExplosiveError
