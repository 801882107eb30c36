"""TOML: places of tables, lists and keys of every spelling, and what JSON cannot hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagcast.compile.document.document import Document, parse_document
from dagcast.errors import InvalidInputError, Location
from tests.compile.document.documents import (
    assert_every_place_is_right,
    mappings,
    numbered,
    numbers,
    text,
    to_toml,
)


def read(source: str) -> Document:
    return parse_document(source, "f.toml", "toml")


def mistakes(source: str) -> list[tuple[int | None, str]]:
    with pytest.raises(InvalidInputError) as caught:
        read(source)
    return [(found.location and found.location.line, found.code) for found in caught.value.diagnostics]


@given(mappings(st.booleans() | numbers | text), st.data())
def test_random_data_survives(data: dict[str, Any], draws: st.DataObject) -> None:
    source = to_toml(data, lambda count: draws.draw(st.integers(0, count - 1)))
    found = read(source).data
    assert found == data
    assert json.dumps(found, sort_keys=True) == json.dumps(data, sort_keys=True)


@given(numbered(tails=("", "\nmore", "'", '"""')), st.data())
def test_every_place_is_right(data: dict[str, Any], draws: st.DataObject) -> None:
    source = to_toml(data, lambda count: draws.draw(st.integers(0, count - 1)))
    assert_every_place_is_right(read(source), source.replace('\\"', '"'))


PLACES = '''\
# a config
title = "a \\" b # c"
path = 'C:\\new # x'
text = """
first ""two"" \\
  [not] = "a table"
""\"""
raw = \'\'\'
it''s # [no] comment\'\'\'\'\'
list = [ # comment ]
  1,
  [ "x",
    "]" ],
  { k = "v" },

]
a . "b.c" . 'd' = 1
a."b.c".e = { f = [ 1, { g = 2 } ], "h\\u0041" = 3 }

[steps . train]
type = "Training"

[steps.train.more]
x = 1

[steps]
after = true

[[items]]
name = "one"

[[items]]
name = "two"
[items.sub]
y = 1
[[items.subs]]
z = 1
[[items.subs]]
z = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 2),
        (("title",), 2),
        (("path",), 3),
        (("text",), 4),
        (("raw",), 8),
        (("list",), 10),
        (("list", 0), 11),
        (("list", 1), 12),
        (("list", 1, 1), 13),
        (("list", 2, "k"), 14),
        (("list", 3), 10),
        (("a",), 17),
        (("a", "b.c"), 17),
        (("a", "b.c", "d"), 17),
        (("a", "b.c", "e"), 18),
        (("a", "b.c", "e", "f", 1, "g"), 18),
        (("a", "b.c", "e", "hA"), 18),
        (("steps",), 26),
        (("steps", "train"), 20),
        (("steps", "train", "type"), 21),
        (("steps", "train", "more", "x"), 24),
        (("steps", "after"), 27),
        (("items",), 29),
        (("items", 0), 29),
        (("items", 0, "name"), 30),
        (("items", 1), 32),
        (("items", 1, "name"), 33),
        (("items", 1, "sub"), 34),
        (("items", 1, "sub", "y"), 35),
        (("items", 1, "subs", 1), 38),
        (("items", 1, "subs", 1, "z"), 39),
        (("items", 1, "subs", 2), 36),
        (("nowhere", "x"), 2),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_places(path: tuple[str | int, ...], line: int, end: str) -> None:
    assert read(PLACES.replace("\n", end)).locate(path) == Location("f.toml", line)


@pytest.mark.parametrize("quotes", range(3, 9))
@pytest.mark.parametrize("quote", ['"', "'"])
def test_strings_that_end_in_quotes(quote: str, quotes: int) -> None:
    source = f"a = {quote * 3}\nx\n{quote * min(quotes, 5)}\nb = 1\n"
    assert read(source).locate(("b",)).line == 4
    if quotes >= 6:
        source = f"a = {quote * quotes}\nb = 1\n"
        assert read(source).data == {"a": quote * (quotes - 6), "b": 1}
        assert read(source).locate(("b",)).line == 2


def test_values_that_json_does_not_have_are_reported_at_once() -> None:
    source = """\
a = 2020-12-01
b = [1, 10:30:00]
[c]
d = nan
e = [
  -inf,
  { f = 1979-05-27 07:32:00Z, g = "\\u0000" },
]
h = 9223372036854775808
i = 1e999
"x\\u0000" = 1
"""
    assert mistakes(source) == [
        (1, "document.not-plain-data"),
        (2, "document.not-plain-data"),
        (4, "document.not-finite"),
        (6, "document.not-finite"),
        (7, "document.not-plain-data"),
        (7, "document.bad-character"),
        (9, "document.integer-range"),
        (10, "document.not-finite"),
        (11, "document.bad-character"),
    ]
    with pytest.raises(InvalidInputError, match='quote it: "2020-12-01"'):
        read("a = 2020-12-01")


@pytest.mark.parametrize(
    ("source", "line", "words", "code"),
    [
        ("a = 1\na = 2\n", 2, "second time", "document.duplicate-key"),
        ("[a.b]\nx = 1\n[a.b]\n", 3, "[a.b] is declared twice", "document.duplicate-key"),
        ("\na = {b = 1, b = 2}\n", 2, "second time", "document.duplicate-key"),
        ("a = {b = 1}\na.c = 2\n", 2, "after its end", "document.syntax"),
        ("\na = \n", 2, "expected a value", "document.syntax"),
        ("\na = True\n", 2, "true and false in lower case", "document.syntax"),
        ("\na 1\n", 2, "expected '='", "document.syntax"),
        ("a: 1\n", 1, "expected '='", "document.syntax"),
        ("a = [1,\n2\n\n", 2, "never closed", "document.syntax"),
        ('\na = "x\nb = 1\n', 2, "not closed on its line", "document.syntax"),
        ('a = 1\nb = """x\n', 2, "never closed", "document.syntax"),
        ('\na = "\\q"\n', 2, "backslash", "document.syntax"),
        ("\na = 1 2\n", 2, "nothing may follow", "document.syntax"),
        ("a = 1\r\n= 2\r\n", 2, "expected a key", "document.syntax"),
        ("\n[a\n", 2, "']'", "document.syntax"),
        ('\na = "\\ud800"\n', 2, "scalar value", "document.syntax"),
        ("\nb = " + "9" * 5000 + "\n", 2, "64 bits", "document.integer-range"),
        ("\n" + "a." * 200 + "b = 1\n", 2, "levels deep", "document.too-deep"),
    ],
)
def test_syntax_errors_in_plain_words(source: str, line: int, words: str, code: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(source)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.location == Location("f.toml", line)
    assert words in str(diagnostic)
    assert diagnostic.code == code


def test_brackets_in_strings_and_comments_do_not_nest() -> None:
    brackets = "[" * 200
    source = (
        f"a = '{brackets}' # {brackets}\n"
        f'b = """\n{brackets}\n"""\n'
        f"c = '''{brackets}'''\n"
        f'd = "\\"{brackets}"\n'
    )
    assert read(source).data["a"] == brackets
