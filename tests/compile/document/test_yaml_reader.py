"""YAML: what scalars mean, anchors and merges, and every mistake with its line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import yaml
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
    to_yaml,
)

# Written out: a test must fail where dagcast's own limits change.
MAX_DEPTH = 100
MAX_VALUES = 1_000_000


def read(source: str) -> Document:
    return parse_document(source, "f.yaml", "yaml")


def mistakes(source: str) -> list[tuple[int | None, str]]:
    with pytest.raises(InvalidInputError) as caught:
        read(source)
    found = caught.value.diagnostics
    assert all(
        diagnostic.location is not None and diagnostic.location.file == "f.yaml" for diagnostic in found
    )
    return [(diagnostic.location and diagnostic.location.line, diagnostic.code) for diagnostic in found]


def message(source: str) -> str:
    with pytest.raises(InvalidInputError) as caught:
        read(source)
    return str(caught.value)


SCALARS: list[tuple[str, Any]] = [
    ("true", True),
    ("True", True),
    ("FALSE", False),
    ("yes", "yes"),
    ("no", "no"),
    ("on", "on"),
    ("Off", "Off"),
    ("y", "y"),
    ("tRUE", "tRUE"),
    ("null", None),
    ("NULL", None),
    ("~", None),
    ("", None),
    ("nULL", "nULL"),
    ("0", 0),
    ("-0", 0),
    ("12", 12),
    ("+12", 12),
    ("-12", -12),
    ("0o17", 15),
    ("0x1F", 31),
    ("-0x1F", "-0x1F"),
    ("0b11", "0b11"),
    ("0o8", "0o8"),
    ("1_000", "1_000"),
    ("9223372036854775807", 2**63 - 1),
    ("-9223372036854775808", -(2**63)),
    ("1.5", 1.5),
    ("-.5", -0.5),
    ("1.", 1.0),
    ("00.5", 0.5),
    ("1e3", 1000.0),
    ("1.5E-3", 0.0015),
    (".", "."),
    ("-", ["-"]),
    ("1.2.3", "1.2.3"),
    ("e3", "e3"),
    ("+", "+"),
    ("12:30:45", "12:30:45"),
    ("2020-12-01", "2020-12-01"),
    ("2020-12-01T10:00:00Z", "2020-12-01T10:00:00Z"),
    ("١٢", "١٢"),
    ("s3://bucket/key", "s3://bucket/key"),
    ("${step.train.x}", "${step.train.x}"),
    ("a b  c", "a b  c"),
    ("=", "="),
    ("<<", "<<"),
    ("'true'", "true"),
    ('"12"', "12"),
    ('""', ""),
    ("'010'", "010"),
    ("|-\n  12", "12"),
    (">\n  a\n  b\n", "a b\n"),
    ("!!str 12", "12"),
    ("!!str", ""),
    ("!!str null", "null"),
    ('!!int "12"', 12),
    ("!!int 0x10", 16),
    ("!!float 1", 1.0),
    ("!!float '1e2'", 100.0),
    ("!!bool 'true'", True),
    ("!!null ''", None),
    ("!!map {a: 1}", {"a": 1}),
    ("!!seq [1]", [1]),
    ("{a: 1, b: [x]}", {"a": 1, "b": ["x"]}),
    ("[]", []),
    ("{}", {}),
]


@pytest.mark.parametrize(("spelling", "value"), [pair for pair in SCALARS if pair[0] != "-"])
def test_scalars_follow_the_core_schema(spelling: str, value: Any) -> None:
    found = read(f"a: {spelling}").data["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("010", "document.ambiguous-number"),
        ("-010", "document.ambiguous-number"),
        ("00", "document.ambiguous-number"),
        ("012345678901", "document.ambiguous-number"),
        ("!!int 010", "document.ambiguous-number"),
        (".inf", "document.not-finite"),
        ("-.INF", "document.not-finite"),
        (".NaN", "document.not-finite"),
        ("1e999", "document.not-finite"),
        ("!!float .inf", "document.not-finite"),
        ("9223372036854775808", "document.integer-range"),
        ("-9223372036854775809", "document.integer-range"),
        ("9" * 5000, "document.integer-range"),
        ("0x8000000000000000", "document.integer-range"),
        ("0x" + "f" * 5000, "document.integer-range"),
        ("!!int x", "document.wrong-tag"),
        ("!!bool yes", "document.wrong-tag"),
        ("!!float a", "document.wrong-tag"),
        ("!!null a", "document.wrong-tag"),
        ("!!map x", "document.wrong-tag"),
        ("!!seq {a: 1}", "document.wrong-tag"),
        ("!!str [a]", "document.wrong-tag"),
        ("!!python/object/apply:os.system [echo]", "document.unknown-tag"),
        ("!!binary aGk=", "document.unknown-tag"),
        ("!!timestamp 2020-12-01", "document.unknown-tag"),
        ("!!set {a}", "document.unknown-tag"),
        ("!Ref x", "document.unknown-tag"),
        ("!<tag:example.com,2000:x> y", "document.unknown-tag"),
        ('"a\\0b"', "document.bad-character"),
        ('"\\ud800"', "document.syntax"),
    ],
)
def test_values_that_are_refused(spelling: str, code: str) -> None:
    assert mistakes(f"ok: 1\na:\n  - {spelling}\n") == [(3, code)]


def test_every_mistake_is_reported_at_once() -> None:
    source = "a: .inf\nb: {a: 1, a: 2}\n1: x\nc: !foo [010]\n? [x]\n: .nan\nb: 2\n"
    assert mistakes(source) == [
        (1, "document.not-finite"),
        (2, "document.duplicate-key"),
        (3, "document.key-not-string"),
        (4, "document.unknown-tag"),
        (4, "document.ambiguous-number"),
        (5, "document.key-not-string"),
        (6, "document.not-finite"),
        (7, "document.duplicate-key"),
    ]


def test_duplicate_keys_name_the_first() -> None:
    source = "steps:\n  a: 1\n  b: 2\n  'a': 3\n  \"a\": 4\n"
    assert mistakes(source) == [(4, "document.duplicate-key"), (5, "document.duplicate-key")]
    assert message(source).count("'a' is given twice, first on line 2") == 2


@pytest.mark.parametrize("key", ["1", "1.5", "true", "null", "~", "0x1F", "-1"])
def test_keys_are_strings(key: str) -> None:
    assert mistakes(f"a: 1\n{key}: x\n") == [(2, "document.key-not-string")]
    assert f"quote it: '{key}'" in message(f"{key}: x")
    assert read(f"'{key}': x").data == {key: "x"}


@pytest.mark.parametrize("key", ["yes", "on", "2020-12-01", "12:30", "a b", "!!str 1"])
def test_keys_that_only_look_odd(key: str) -> None:
    assert read(f"{key}: x").data == {key.removeprefix("!!str "): "x"}


def test_a_refused_key_is_reported_once() -> None:
    assert mistakes('"\\0": 1\n010: 2\n*x : 3\n') == [
        (1, "document.bad-character"),
        (2, "document.ambiguous-number"),
        (3, "document.unknown-alias"),
    ]


def test_an_unquoted_template_is_explained() -> None:
    assert "quote the value" in message("name: {{ project }}")


def test_aliases_repeat_values() -> None:
    document = read("a: &a {x: 1}\nb: *a\nc: [*a, &s text, *s]\n*s : 1\n")
    assert document.data == {"a": {"x": 1}, "b": {"x": 1}, "c": [{"x": 1}, "text", "text"], "text": 1}
    assert read("a: &x 1\nb: &x 2\nc: *x\n").data["c"] == 2


def test_merge_keys() -> None:
    source = """\
base: &base {a: 1, b: 1, deep: {x: 1}}
more: &more
  <<: *base
  b: 2
one:
  b: 3
  <<: *more
  c: 3
two:
  <<: [{b: 4, d: 4}, *more]
three:
  <<: &inline {e: 5}
  "<<": 6
"""
    data = read(source).data
    assert data["more"] == {"a": 1, "b": 2, "deep": {"x": 1}}
    assert data["one"] == {"a": 1, "b": 3, "c": 3, "deep": {"x": 1}}
    assert list(data["one"]) == ["b", "c", "a", "deep"]
    assert data["two"] == {"a": 1, "b": 4, "d": 4, "deep": {"x": 1}}
    assert data["three"] == {"<<": 6, "e": 5}
    without_quoted = source[: source.index('  "<<"')]
    assert read(without_quoted).data == yaml.safe_load(without_quoted)


def test_places_of_aliases_and_merges() -> None:
    document = read(
        "base: &base\n  a: 1\n  deep: {x: 1, b: 0}\n  b: 0\ncopy: *base\nlist:\n  - *base\n"
        "one:\n  <<: *base\n  b: 2\nuse: &s t\nof: *s\n"
    )
    assert document.locate(("copy",)).line == 5
    assert document.locate(("copy", "deep", "x")).line == 3
    assert document.locate(("copy", "b")).line == 4
    assert document.locate(("list", 0)).line == 7
    assert document.locate(("list", 0, "a")).line == 2
    assert document.locate(("one",)).line == 8
    assert document.locate(("one", "deep")).line == 3
    assert document.locate(("one", "a"), key=True).line == 2
    assert document.locate(("one", "b")).line == 10
    assert document.locate(("one", "<<")).line == 8
    assert document.locate(("of",)).line == 12


@pytest.mark.parametrize("value", ["1", "text", "[*a, 2]", "null"])
def test_only_mappings_are_merged(value: str) -> None:
    assert mistakes(f"a: &a {{x: 1}}\nb:\n  <<: {value}\n") == [(3, "document.invalid-merge")]


def test_only_one_merge_key() -> None:
    assert mistakes("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n") == [(4, "document.duplicate-key")]


def test_an_alias_without_anchor() -> None:
    assert mistakes("a: 1\nb: *nowhere\nc: .inf\n") == [
        (2, "document.unknown-alias"),
        (3, "document.not-finite"),
    ]


@pytest.mark.parametrize(
    "source", ["a: &a\n  b: *a\n", "a: &a\n  [*a]", "&a x: &b\n  - *b", "a: &a\n  <<: *a"]
)
def test_recursive_aliases(source: str) -> None:
    assert mistakes(source) == [(2, "document.recursive")]


def test_alias_bombs_are_refused_unexpanded() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 60)]
    assert mistakes("\n".join(levels)) == [(6, "document.too-large")]
    merges = ["a0: &a0 {x: [1, 2, 3, 4, 5, 6, 7, 8]}"]
    merges += [f"a{n}: &a{n} {{l: *a{n - 1}, r: *a{n - 1}}}" for n in range(1, 60)]
    assert mistakes("\n".join(merges))[0][1] == "document.too-large"


def test_the_number_of_values_ends_at_the_limit() -> None:
    # The list counts as 1,000 values, each alias as many, and the two mappings' members as themselves.
    unit = f"a: &a [{', '.join('0' * 999)}]\n"
    fits = (MAX_VALUES - 1_002) // 1_000
    assert len(read(f"{unit}b: [{', '.join(['*a'] * fits)}]\n").data["b"]) == fits
    assert mistakes(f"{unit}b: [{', '.join(['*a'] * (fits + 1))}]\n")[0][1] == "document.too-large"


def test_aliases_cannot_hide_depth() -> None:
    def chain(length: int) -> str:
        links = [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, length)]
        return "\n".join(["a0: &a0 []", *links])

    assert read(chain(MAX_DEPTH - 1)).has((f"a{MAX_DEPTH - 2}", *[0] * (MAX_DEPTH - 2)))
    assert mistakes(chain(MAX_DEPTH)) == [(MAX_DEPTH, "document.too-deep")]

    def halves(outer: int, inner: int) -> str:
        return f"a: &a {'[' * inner}{']' * inner}\nb: {'[' * outer}*a{']' * outer}"

    assert read(halves(40, MAX_DEPTH - 41)).has(("b", *[0] * (MAX_DEPTH - 2)))
    assert mistakes(halves(40, MAX_DEPTH - 40)) == [(2, "document.too-deep")]


@pytest.mark.parametrize("opening", ["[", "- ", "{a: ", "? ", "[{"])
def test_no_nesting_exhausts_the_stack(opening: str) -> None:
    assert mistakes("a:\n  " + opening * 10_000) == [(2, "document.too-deep")]


def test_no_indentation_exhausts_the_stack() -> None:
    source = "".join(f"{' ' * depth}a:\n" for depth in range(2_000))
    assert mistakes(source) == [(MAX_DEPTH + 1, "document.too-deep")]


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("a:\n\tb: 1\n", 2, "a tab cannot indent"),
        ("a:\n  b: 1\n\tc: 2\n", 3, "a tab cannot indent"),
        ("a: 1\nb: c: d\n", 2, "':' is not allowed"),
        ("a:\n  b: 1\n c: 2\n", 3, "is not allowed here, in the mapping that begins on line 1"),
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "expected ',' or ']', in the list that begins on line 2"),
        ("a: 1\nb: {c: 1\n\n\n", 2, "expected ',' or '}' before the end of the file"),
        ("a: 1\nb: 'x\nc: 1\n", 2, "never closed"),
        ("a: 1\nb: @x\n", 2, "cannot begin with '@'"),
        ("a: 1\nword\nb: 2\n", 2, "expected ': ' after the key"),
        ('a: 1\nb: "\\q"\n', 2, "backslash"),
        ("a: 1\nb: *\n", 2, "alias"),
        ("a: 1\nb: |x\n  c\n", 2, "'|' or '>'"),
        ("a: 1\nb: - c\n", 2, "list item"),
        ("a: 1\nb: !e!x 1\n", 2, "tag"),
        ("a: 1\nb: \x01\n", 2, "U+0001"),
        ("éééééééééé: 1\nb: \0\nc: 1\n", 2, "U+0000"),
        ("%YAML 2.0\n---\na: 1\n", 1, "incompatible"),
        ("a: 1\n---\nb: 1\n", 2, "second document"),
        ("a: 1\n...\nb: 1\n", 3, "second document"),
    ],
)
def test_syntax_errors_in_plain_words(source: str, line: int, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(source)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.location == Location("f.yaml", line)
    assert words in diagnostic.message
    assert "\n" not in str(diagnostic)


def test_mistakes_before_a_syntax_error_are_kept() -> None:
    assert mistakes("a: .inf\nb: [\n") == [(1, "document.not-finite"), (2, "document.syntax")]


def test_one_document_with_its_marks() -> None:
    assert read("%YAML 1.2\n---\na: 1\n...\n").data == {"a": 1}
    assert read("--- # nothing\n").data == {}


def test_characters_that_end_no_line_for_an_editor() -> None:
    document = read("a: 'x\u2028y\x85z'\n# \u2029\nb:\n  c: 1\n")
    assert document.locate(("b",)).line == 3
    assert document.locate(("b", "c")).line == 4


def test_a_value_below_its_key() -> None:
    document = read("a:\n  text\nb:\n  - x\n  -\n    y: 1\nc: |\n  text\n")
    assert document.locate(("a",)).line == 2
    assert document.locate(("a",), key=True).line == 1
    assert document.locate(("b",)).line == 3
    assert document.locate(("b", 1)).line == 6
    assert document.locate(("b", 1), key=True).line == 6
    assert document.locate(("b", 7)).line == 3
    assert document.locate(("c",)).line == 7


@given(mappings(st.none() | st.booleans() | numbers | text), st.data())
def test_random_data_survives(data: dict[str, Any], draws: st.DataObject) -> None:
    source = to_yaml(data, lambda count: draws.draw(st.integers(0, count - 1)))
    assert read(source).data == data


@given(numbered(), st.data())
def test_every_place_is_right(data: dict[str, Any], draws: st.DataObject) -> None:
    styles = (None, None, '"', "'")
    source = to_yaml(data, lambda count: draws.draw(st.integers(0, count - 1)), styles=styles)
    document = read(source)
    assert document.data == data
    assert_every_place_is_right(document, source)


WITHOUT_LIBYAML = """\
import json, sys
sys.modules["yaml._yaml"] = None
import yaml
assert not yaml.__with_libyaml__
from dagcast.errors import InvalidInputError
from dagcast.compile.document.document import parse_document
from tests.compile.document.documents import members
for source in json.load(sys.stdin):
    try:
        document = parse_document(source, "f.yaml", "yaml")
        lines = [document.locate(path, key=True).line for path, _ in members(document.data)]
        print(json.dumps([document.data, lines]))
    except InvalidInputError as error:
        print(json.dumps([[d.code, d.location.line] for d in error.diagnostics]))
"""


def test_without_libyaml_the_answers_are_the_same() -> None:
    sources = [f"a: {spelling}\nb: &x {{c: 1}}\nd: *x\n" for spelling, _ in SCALARS if spelling != "-"]
    sources += [
        "a: 'x\u2028y'\nb: 1\n",
        '"\\ud800": 1',
        "a: [" * 500,
        "a:\n\tb: 1",
        "a: .inf\n1: 2\nb: {c: 1",
        "é: \0",
    ]
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_LIBYAML],
        input=json.dumps(sources),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(answers) == len(sources)
    for source, answer in zip(sources, answers, strict=True):
        try:
            document = read(source)
        except InvalidInputError as error:
            here = [[d.code, d.location and d.location.line] for d in error.diagnostics]
            # PyYAML's own parser lets this escape pass, so that the string is refused, not the syntax.
            expected = [["document.bad-character", 1]] if "ud800" in source else here
            assert answer == expected
        else:
            assert answer[0] == document.data
