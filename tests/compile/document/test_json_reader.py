"""JSON: every value with its line, and plain words for what JSON does not allow."""

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
    to_json,
)


def read(source: str) -> Document:
    return parse_document(source, "f.json", "json")


def mistakes(source: str) -> list[tuple[int | None, str]]:
    with pytest.raises(InvalidInputError) as caught:
        read(source)
    return [(found.location and found.location.line, found.code) for found in caught.value.diagnostics]


@given(mappings(st.none() | st.booleans() | numbers | text), st.data())
def test_random_data_survives(data: dict[str, Any], draws: st.DataObject) -> None:
    source = to_json(data, lambda count: draws.draw(st.integers(0, count - 1)))
    found = read(source).data
    assert found == data
    assert json.dumps(found) == json.dumps(data)


@given(numbered(), st.data())
def test_every_place_is_right(data: dict[str, Any], draws: st.DataObject) -> None:
    source = to_json(data, lambda count: draws.draw(st.integers(0, count - 1)))
    assert_every_place_is_right(read(source), source)


@given(st.text(st.sampled_from(list('{}[]:,"\\ \n\t01-+.eEtruefalsn/u')), max_size=25))
def test_what_is_accepted_is_what_python_accepts(inside: str) -> None:
    source = f'{{"a": {inside}}}'
    try:
        found = read(source).data
    except InvalidInputError as error:
        if {diagnostic.code for diagnostic in error.diagnostics} == {"document.syntax"}:
            with pytest.raises(json.JSONDecodeError):
                json.loads(source)
    else:
        assert found == json.loads(source)


def test_values_of_every_kind() -> None:
    numbers = "0, -0, 12, -1.5, 1e3, 1E-2"
    source = f'{{"a": [true, false, null, {numbers}, "", "\\u00e9\\n\\"\\/", "\\ud83d\\ude42", {{}}, []]}}'
    assert read(source).data == json.loads(source)


def test_a_value_below_its_key() -> None:
    document = read('{"a":\n  "text",\n"b":\n [\n  1],\n"c":\n{"d": 1}}')
    assert document.locate(("a",)).line == 2
    assert document.locate(("a",), key=True).line == 1
    assert document.locate(("b",)).line == 3
    assert document.locate(("b", 0)).line == 5
    assert document.locate(("c",)).line == 6
    assert document.locate(("c", "d")).line == 7
    assert document.locate(("c", "e")).line == 6


def test_every_mistake_is_reported_at_once() -> None:
    source = """{
  "a": NaN, "b": [-Infinity, Infinity],
  "a": 2,
  // a comment
  "c": {"d": 1, "d": 2,},
  "e": 1e999, # another
  "f": 99999999999999999999,
  "g": "\\ud800", "\\u0000": [1,],
  "h": -9223372036854775809
}"""
    assert mistakes(source) == [
        (2, "document.not-finite"),
        (2, "document.not-finite"),
        (2, "document.not-finite"),
        (3, "document.duplicate-key"),
        (4, "document.syntax"),
        (5, "document.duplicate-key"),
        (5, "document.syntax"),
        (6, "document.not-finite"),
        (7, "document.integer-range"),
        (8, "document.bad-character"),
        (8, "document.bad-character"),
        (8, "document.syntax"),
        (9, "document.integer-range"),
    ]


def test_integers_of_any_length_are_refused_without_a_traceback() -> None:
    assert mistakes('{"a": ' + "9" * 10_000 + "}") == [(1, "document.integer-range")]
    assert read('{"a": [9223372036854775807, -9223372036854775808]}').data == {"a": [2**63 - 1, -(2**63)]}


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("{a: 1}", 1, 'write "a"'),
        ("{'a': 1}", 1, "key in double quotes"),
        ("{\"a\":\n'x'}", 2, "double quotes"),
        ('{"a": True}', 1, "write true"),
        ('{"a": None}', 1, "write null"),
        ('{"a": text}', 1, 'quote it if it is text: "text"'),
        ('{"a": 012}', 1, "012 is not a JSON number"),
        ('{"a": +1}', 1, "+1 is not a JSON number"),
        ('{"a": .5}', 1, ".5 is not a JSON number"),
        ('{"a": 1.}', 1, "1. is not a JSON number"),
        ('{"a": 0x1F}', 1, "0x1F is not a JSON number"),
        ('{"a": \u0661}', 1, "is not a JSON value"),
        ('{"a": 1\n"b": 2}', 2, "expected ',' or '}' in the mapping that begins on line 1"),
        ('{"a":\n[1 2]}', 2, "expected ',' or ']' in the list that begins on line 2, not '2'"),
        ('{"a": }', 1, "expected a value, not '}'"),
        ('{"a" 1}', 1, "expected ':' after the key 'a'"),
        ('{\n"a": [1,\n2\n', 2, "but the file ends"),
        ('{\n"a": {"b": 1,\n\n', 2, "but the file ends"),
        ('\n{"a":\n\n', 2, "expected a value, but the file ends"),
        ('{"a": "x\n"}', 1, "not closed on its line"),
        ('{"a":\n"x', 2, "never closed"),
        ('{"a": "x\ty"}', 1, "write '\\t' for a tab"),
        ('{"a": "\\q"}', 1, "backslash"),
        ('{"a": "\\u12"}', 1, "backslash"),
        ('{"a": 1}\n{"b": 2}', 2, "nothing may follow"),
        ('{"a": 1\n/* x', 2, "comment is never closed"),
        ('{"a": /x}', 1, "not '/'"),
        ("{,}", 1, "expected a key"),
        ('{\u00a0"a": 1}', 1, "'\\xa0'"),
    ],
)
def test_syntax_errors_in_plain_words(source: str, line: int, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(source)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.location == Location("f.json", line)
    assert words in str(diagnostic)
    assert diagnostic.code == "document.syntax"


def test_one_report_stands_for_all_comments() -> None:
    assert mistakes('/* a\nb */ {"a": 1} // c\n# d') == [(1, "document.syntax")]


def test_duplicate_keys_name_the_first() -> None:
    with pytest.raises(InvalidInputError, match="'a' is given twice, first on line 2"):
        read('{\n"a": 1,\n"\\u0061": 2}')
