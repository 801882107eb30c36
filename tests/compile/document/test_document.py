"""Documents of every format: reading files, finding places, and refusing what no config can be."""

from __future__ import annotations

import enum
import json
import os
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dagcast.compile.document.document import Document, document_from_data, parse_document, read_document
from dagcast.errors import InvalidInputError, Location
from tests.compile.document.documents import mappings, members, numbers, text, to_json, to_toml, to_yaml

# Written out: a test must fail where dagcast's own limits change.
MAX_DEPTH = 100
MAX_VALUES = 1_000_000

Format = Literal["yaml", "json", "toml"]
FORMATS: tuple[Format, ...] = ("yaml", "json", "toml")

YAML = """\
pipeline:
  name: churn
  tags: {team: risk, cost-center: "0042"}
parameters:
  Epochs: {type: Integer, default: 10}
steps:
  train:
    type: Training
    instance_count: 1
    spot: true
    threshold: 0.75
    hyperparameters:
      lr: 1e-3
    channels: [train, validation]
    environment: {}
edges:
  - prep -> train
  - [train, evaluate]
"""

JSON = """\
{
  "pipeline": {"name": "churn", "tags": {"team": "risk", "cost-center": "0042"}},
  "parameters": {"Epochs": {"type": "Integer", "default": 10}},
  "steps": {
    "train": {
      "type": "Training",
      "instance_count": 1,
      "spot": true,
      "threshold": 0.75,
      "hyperparameters": {"lr": 1e-3},
      "channels": ["train", "validation"],
      "environment": {}
    }
  },
  "edges": ["prep -> train", ["train", "evaluate"]]
}
"""

TOML = """\
edges = ["prep -> train", ["train", "evaluate"]]
parameters.Epochs = {type = "Integer", default = 10}

[pipeline]
name = 'churn'
tags = {team = "risk", cost-center = "0042"}

[steps.train]
type = "Training"
instance_count = 1
spot = true
threshold = 0.75
hyperparameters.lr = 1e-3
channels = [
  "train",
  "validation",
]

[steps.train.environment]
"""

SPELLINGS: dict[Format, str] = {"yaml": YAML, "json": JSON, "toml": TOML}


def refusal(call: Any, *arguments: Any) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        call(*arguments)
    return caught.value


def test_the_same_config_in_three_spellings_is_the_same_data() -> None:
    expected = {
        "pipeline": {"name": "churn", "tags": {"team": "risk", "cost-center": "0042"}},
        "parameters": {"Epochs": {"type": "Integer", "default": 10}},
        "steps": {
            "train": {
                "type": "Training",
                "instance_count": 1,
                "spot": True,
                "threshold": 0.75,
                "hyperparameters": {"lr": 0.001},
                "channels": ["train", "validation"],
                "environment": {},
            }
        },
        "edges": ["prep -> train", ["train", "evaluate"]],
    }
    for text_format, source in SPELLINGS.items():
        data = parse_document(source, "f", text_format).data
        assert data == expected
        assert type(data["steps"]["train"]["spot"]) is bool
        assert type(data["steps"]["train"]["instance_count"]) is int


@pytest.mark.parametrize(
    ("text_format", "lines"),
    [
        ("yaml", (1, 6, 7, 14, 14, 17, 18)),
        ("json", (2, 4, 5, 11, 11, 15, 15)),
        ("toml", (4, 8, 8, 14, 16, 1, 1)),
    ],
)
def test_places_in_three_spellings(text_format: Format, lines: tuple[int, ...]) -> None:
    document = parse_document(SPELLINGS[text_format], "conf", text_format)
    paths: list[tuple[str | int, ...]] = [
        ("pipeline",),
        ("steps",),
        ("steps", "train"),
        ("steps", "train", "channels"),
        ("steps", "train", "channels", 1),
        ("edges", 0),
        ("edges", 1, 1),
    ]
    assert [document.locate(path) for path in paths] == [Location("conf", line) for line in lines]


@given(mappings(st.booleans() | numbers | text), st.data())
def test_random_data_is_the_same_in_three_spellings(data: dict[str, Any], draws: st.DataObject) -> None:
    def choose(count: int) -> int:
        return draws.draw(st.integers(0, count - 1))

    writers: dict[Format, Any] = {"yaml": to_yaml, "json": to_json, "toml": to_toml}
    documents = [
        parse_document(write(data, choose), "f", text_format) for text_format, write in writers.items()
    ]
    assert [document.data for document in documents] == [data] * 3
    assert document_from_data(data).data == data


CONFUSING = st.text(
    st.sampled_from(list("{}[]:,-&*#'\"|>\n\r\t ab01.<!?%@`=\\/~ne_T\ud800\0\x85\ufeff")), max_size=40
)


def check_document_or_located_mistake(source: str, text_format: Format) -> None:
    """Reading must end in a document with all its places, or in diagnostics with theirs; in nothing else."""
    line_count = source.count("\n") + source.count("\r") + 1
    try:
        document = parse_document(source, "f", text_format)
        places = [document.locate(path, key=True) for path, _ in members(document.data)]
    except InvalidInputError as error:
        places = [diagnostic.location or Location("nowhere") for diagnostic in error.diagnostics]
    assert {place.file for place in places} <= {"f"}
    assert all(place.line is not None and 1 <= place.line <= line_count for place in places)


@given(CONFUSING | st.text(max_size=30), st.sampled_from(FORMATS))
@example("a: [\u0660]", "json")
@example("\ufeff", "yaml")
@example('"a" = 1', "toml")
def test_any_text_is_a_document_or_a_located_mistake(source: str, text_format: Format) -> None:
    check_document_or_located_mistake(source, text_format)


@given(
    st.sampled_from(FORMATS),
    st.integers(0, max(len(source) for source in SPELLINGS.values())),
    st.integers(0, 3),
    st.text(st.sampled_from(list("{}[]:,-&*#'\"|>\n\t a1.=\\")), max_size=2),
)
def test_a_config_with_a_slip_of_the_keyboard(text_format: Format, at: int, cut: int, slip: str) -> None:
    source = SPELLINGS[text_format]
    check_document_or_located_mistake(source[:at] + slip + source[at + cut :], text_format)


@pytest.mark.parametrize("text_format", FORMATS)
def test_nesting_ends_at_the_limit(text_format: Format) -> None:
    def nested(depth: int, opening: str, closing: str) -> str:
        inside = opening * (depth - 1) + closing * (depth - 1)
        return {"yaml": f"a: {inside}", "json": f'{{"a": {inside}}}', "toml": f"a = {inside}"}[text_format]

    assert parse_document(nested(MAX_DEPTH, "[", "]"), "f", text_format).has(("a", *[0] * (MAX_DEPTH - 2)))
    for depth in (MAX_DEPTH + 1, 10_000, 200_000):
        for closing in ("]", ""):
            (diagnostic,) = refusal(
                parse_document, "\n" + nested(depth, "[", closing), "f", text_format
            ).diagnostics
            assert diagnostic.code == "document.too-deep"
            assert diagnostic.location == Location("f", 2)


@pytest.mark.parametrize("text_format", FORMATS)
def test_siblings_are_not_nested(text_format: Format) -> None:
    lists: Any = [[[]]] * MAX_DEPTH
    tables: Any = [{"a": {}}] * MAX_DEPTH
    source = {
        "yaml": f"lists: {lists}\ntables: {tables}",
        "json": json.dumps({"lists": lists, "tables": tables}),
        "toml": f"lists = {lists}\ntables = {tables}".replace(":", " ="),
    }[text_format]
    assert parse_document(source, "f", text_format).data == {"lists": lists, "tables": tables}
    assert document_from_data({"lists": lists, "tables": tables}).data == {"lists": lists, "tables": tables}


@pytest.mark.parametrize("text_format", FORMATS)
def test_an_empty_document_is_an_empty_mapping(text_format: Format) -> None:
    comment = "" if text_format == "json" else "# nothing\n"
    for source in ("", "\n \n", "\ufeff", comment):
        document = parse_document(source, "f", text_format)
        assert document.data == {}
        assert document.locate(("steps",)).file == "f"
        assert not document.has(("steps",))
        assert document.has(())


@pytest.mark.parametrize(
    ("text_format", "source"), [("yaml", "- a\n- b"), ("json", "[1]"), ("yaml", "null"), ("json", "3")]
)
def test_the_top_level_is_a_mapping(text_format: Format, source: str) -> None:
    (diagnostic,) = refusal(parse_document, f"\n{source}", "f", text_format).diagnostics
    assert diagnostic.code == "document.not-a-mapping"
    assert diagnostic.location == Location("f", 2)


def test_a_forgotten_space_is_hinted_at() -> None:
    (diagnostic,) = refusal(parse_document, "name:churn", "f", "yaml").diagnostics
    assert diagnostic.hint is not None
    assert "space" in diagnostic.hint


# TOML knows no lone CR.
@pytest.mark.parametrize(
    ("text_format", "end"),
    [("yaml", "\r\n"), ("yaml", "\r"), ("json", "\r\n"), ("json", "\r"), ("toml", "\r\n")],
)
def test_lines_are_counted_however_they_end(text_format: Format, end: str) -> None:
    document = parse_document(SPELLINGS[text_format].replace("\n", end), "f", text_format)
    expected = parse_document(SPELLINGS[text_format], "f", text_format)
    assert document.data == expected.data
    for path, _ in members(document.data):
        assert document.locate(path) == expected.locate(path)


@pytest.mark.parametrize("text_format", FORMATS)
def test_half_a_character_in_the_text(text_format: Format) -> None:
    (diagnostic,) = refusal(parse_document, "\n\n a: '\ud800'", "f", text_format).diagnostics
    assert diagnostic.code == "document.bad-character"
    assert diagnostic.location == Location("f", 3)


def test_an_unknown_format_is_the_caller_s_mistake() -> None:
    with pytest.raises(ValueError, match="unknown format 'ini'"):
        parse_document("", "f", "ini")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("suffix", "source"), [(".yaml", YAML), (".yml", YAML), (".JSON", JSON), (".toml", TOML)]
)
def test_files_are_read_by_suffix(
    suffix: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(f"config{suffix}").write_bytes(b"\xef\xbb\xbf" + source.encode())
    given_path = f"./config{suffix}"
    document = read_document(given_path)
    assert document.data["pipeline"]["name"] == "churn"
    assert document.file == given_path
    assert document.locate(("pipeline",)).file == given_path
    assert read_document(tmp_path / f"config{suffix}").data == document.data


def test_an_empty_file(tmp_path: Path) -> None:
    for suffix in (".yaml", ".json", ".toml"):
        path = tmp_path / f"empty{suffix}"
        path.touch()
        assert read_document(path).data == {}


@pytest.mark.parametrize("name", ["config.ini", "config", "yaml", ".yaml"])
def test_another_suffix(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("a: 1")
    (diagnostic,) = refusal(read_document, tmp_path / name).diagnostics
    assert diagnostic.code == "document.unknown-format"
    assert diagnostic.hint == "expected one of .yaml, .yml, .json, .toml"
    assert diagnostic.location == Location(str(tmp_path / name))


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").touch()
    (diagnostic,) = refusal(read_document, tmp_path / "pipline.yaml").diagnostics
    assert diagnostic.code == "document.unreadable-file"
    assert diagnostic.hint == "did you mean 'pipeline.yaml'?"
    (diagnostic,) = refusal(read_document, tmp_path / "nowhere" / "pipeline.yaml").diagnostics
    assert "nowhere" in str(diagnostic.hint)


@pytest.mark.parametrize("name", ["folder", "folder.yaml"])
def test_a_directory(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (diagnostic,) = refusal(read_document, tmp_path / name).diagnostics
    assert "directory" in diagnostic.message
    assert diagnostic.location == Location(str(tmp_path / name))


@pytest.mark.parametrize("name", ["x" * 5000 + ".yaml", "a\0b.yaml", "a\0b"])
def test_a_name_that_no_file_can_have(name: str) -> None:
    (diagnostic,) = refusal(read_document, name).diagnostics
    assert diagnostic.code in ("document.unreadable-file", "document.unknown-format")
    assert diagnostic.location is not None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: 1")
    path.chmod(0)
    (diagnostic,) = refusal(read_document, path).diagnostics
    assert "permission" in diagnostic.message


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes("a: 1\r\nb: caf\u00e9\n".encode("latin-1"))
    (diagnostic,) = refusal(read_document, path).diagnostics
    assert diagnostic.code == "document.encoding"
    assert diagnostic.location == Location(str(path), 2)
    assert "0xe9 at offset 12" in diagnostic.message
    path.write_text("a: 1", encoding="utf-16")
    (diagnostic,) = refusal(read_document, path).diagnostics
    assert "UTF-16" in str(diagnostic.hint)


class Color(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


def test_data_from_python_becomes_plain() -> None:
    document = document_from_data(
        MappingProxyType(
            {"a": (1, [Color.RED]), Color.RED: Level.HIGH, "p": Path("src"), "n": None, "f": 0.5}
        )
    )
    assert document.data == {"a": [1, ["red"]], "red": 3, "p": str(Path("src")), "n": None, "f": 0.5}
    assert [type(value) for value in (document.data["red"], document.data["a"][1][0])] == [int, str]
    assert all(type(key) is str for key in document.data)


def test_data_from_python_is_copied() -> None:
    steps: dict[str, Any] = {"train": {"tags": ["a"]}}
    document = document_from_data({"steps": steps})
    steps["train"]["tags"].append("b")
    assert document.data == {"steps": {"train": {"tags": ["a"]}}}


def test_places_in_data_from_python_name_the_path() -> None:
    document = document_from_data({"steps": {"train": {"odd key": [1, {"x": 2}]}}})
    assert document.locate(("steps", "train")) == Location("<config>.steps.train")
    assert document.locate(("steps", "train", "odd key", 1, "x")) == Location(
        "<config>.steps.train['odd key'][1].x"
    )
    assert document.locate(("steps", "evaluate", "type")) == Location("<config>.steps")
    assert document.locate(()) == Location("<config>")
    assert document_from_data({"a": 1}, "job").locate(("a",), key=True) == Location("job.a")


def test_data_from_python_is_refused_all_at_once() -> None:
    recursive: list[Any] = []
    recursive.append(recursive)
    data = {
        "key": {1: "x", None: "y"},
        "nan": [float("nan"), float("-inf")],
        "date": date(2020, 12, 1),
        "object": object(),
        "set": {1},
        "bytes": b"x",
        "nul": "a\0",
        "half": "\udfff",
        "n\0ul": 1,
        "big": 2**63,
        "huge": 10**5000,
        "small": -(2**63) - 1,
        "recursive": recursive,
    }
    found = {(str(d.location), d.code) for d in refusal(document_from_data, data).diagnostics}
    assert found == {
        ("<config>.key", "document.key-not-string"),
        ("<config>.nan[0]", "document.not-finite"),
        ("<config>.nan[1]", "document.not-finite"),
        ("<config>.date", "document.not-plain-data"),
        ("<config>.object", "document.not-plain-data"),
        ("<config>.set", "document.not-plain-data"),
        ("<config>.bytes", "document.not-plain-data"),
        ("<config>.nul", "document.bad-character"),
        ("<config>.half", "document.bad-character"),
        ("<config>['n\\x00ul']", "document.bad-character"),
        ("<config>.big", "document.integer-range"),
        ("<config>.huge", "document.integer-range"),
        ("<config>.small", "document.integer-range"),
        ("<config>.recursive[0]", "document.recursive"),
    }
    assert document_from_data({"a": [2**63 - 1, -(2**63)]}).data == {"a": [2**63 - 1, -(2**63)]}


@pytest.mark.parametrize("data", [[], "a: 1", None, 3])
def test_data_from_python_is_a_mapping(data: object) -> None:
    (diagnostic,) = refusal(document_from_data, data).diagnostics
    assert diagnostic.code == "document.not-a-mapping"


def test_data_from_python_keeps_the_limits() -> None:
    nested: Any = []
    for _ in range(MAX_DEPTH - 2):
        nested = [nested]
    assert document_from_data({"a": nested}).has(("a", *[0] * (MAX_DEPTH - 2)))
    assert refusal(document_from_data, {"a": [nested]}).diagnostics[0].code == "document.too-deep"

    bomb: Any = [0] * 10
    for _ in range(10):
        bomb = [bomb] * 10
    (diagnostic,) = refusal(document_from_data, {"a": bomb}).diagnostics
    assert diagnostic.code == "document.too-large"
    assert f"{MAX_VALUES:,}" in diagnostic.message


@given(mappings(st.none() | st.booleans() | numbers | text))
def test_has_knows_exactly_the_paths_that_exist(data: dict[str, Any]) -> None:
    document: Document = document_from_data(data)
    for path, value in members(data):
        assert document.has(path)
        assert not document.has((*path, "\0no such key"))
        if isinstance(value, list):
            assert not document.has((*path, len(value)))
            assert not document.has((*path, -1))
            assert not document.has((*path, "0"))
