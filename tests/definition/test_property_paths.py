"""The syntax of property paths."""

from __future__ import annotations

import pytest

from dagcast.definition.property_paths import format_segments, parse_property_path


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("", []),
        ("ModelArtifacts.S3ModelArtifacts", ["ModelArtifacts", "S3ModelArtifacts"]),
        ("Outputs['train'].S3Output", ["Outputs", "train", "S3Output"]),
        ('Outputs["train"].S3Output', ["Outputs", "train", "S3Output"]),
        ("a-b.0.c d", ["a-b", "0", "c d"]),
        ("[0].a", [0, "a"]),
        ("a[-1][2]", ["a", -1, 2]),
        ("a['b.c[0]']", ["a", "b.c[0]"]),
        ("a['']", ["a", ""]),
    ],
)
def test_a_path_has_members_keys_and_positions(path: str, values: list[object]) -> None:
    segments = parse_property_path(path)
    assert segments is not None
    assert [segment.value for segment in segments] == values


@pytest.mark.parametrize(
    "path", [".", ".a", "a.", "a..b", "a[", "a[]", "a[x]", "a['x", "a['x\"]", "a.[0]", "a[0]b"]
)
def test_invalid_syntax_has_no_segments(path: str) -> None:
    assert parse_property_path(path) is None


@pytest.mark.parametrize("path", ["", "a.b", "a[0].b", "a['b'].c", "[0]", "['a'].b"])
def test_segments_are_written_as_they_were_read(path: str) -> None:
    segments = parse_property_path(path)
    assert segments is not None
    assert format_segments(segments) == path


def test_a_rest_of_a_path_begins_with_its_dot() -> None:
    segments = parse_property_path("a.b.c")
    assert segments is not None
    assert format_segments(segments[1:], first=False) == ".b.c"
