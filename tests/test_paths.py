"""Paths into data: as text for people, and in steps."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dagcast.paths import FieldPath, format_path, parse_path, to_path
from dagcast.plugin import StepSpec, freeze, has, put, remove, value_at

PATHS = st.lists(
    st.text(max_size=8) | st.text("ab.[]'\"\\ \n-_0", max_size=6) | st.integers(0, 99), max_size=5
).map(tuple)


@given(PATHS)
@example(("",))
@example(("0", 0))
@example(("a", "['b']"))
@example(("\\n\n\\",))
def test_what_is_formatted_is_parsed(path: FieldPath) -> None:
    assert parse_path(format_path(path)) == path


@given(PATHS, PATHS)
def test_different_paths_have_different_texts(one: FieldPath, other: FieldPath) -> None:
    assert (format_path(one) == format_path(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("train.Tags[0].Key", ("train", "Tags", 0, "Key")),
        ("a['b.c']", ("a", "b.c")),
        ('a["b\'c"].d', ("a", "b'c", "d")),
        ("['']", ("",)),
        ("a.0", ("a", "0")),
    ],
)
def test_people_write_paths(text: str, path: FieldPath) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize("text", [".a", "a.", "a..b", "a.[0]", "a[0]b", "a[b]", "a['b", "a]"])
def test_what_is_not_a_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid path"):
        parse_path(text)


def step(**arguments: object) -> StepSpec:
    return StepSpec(
        name="train", step_type="Training", definition_type="Training", arguments=freeze(arguments)
    )


KEYS = ["eval.metric", "", "a[0]", "it's", '"', "0", "x.y.z"]


@pytest.mark.parametrize("key", KEYS)
def test_any_key_is_put_found_and_removed(key: str) -> None:
    path = ("HyperParameters", key)
    before = step(HyperParameters={"eta": "1"})
    after = put(before, path, "v")
    assert after.arguments == {"HyperParameters": {"eta": "1", key: "v"}}
    assert has(after, path)
    assert value_at(after, path) == "v"
    assert remove(after, path).arguments == before.arguments


def test_an_index_names_an_item_that_is_there() -> None:
    tagged = step(Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    assert value_at(put(tagged, ("Tags", 1, "Value"), "3"), ("Tags", 1)) == {"Key": "b", "Value": "3"}
    assert remove(tagged, ("Tags", 0)).arguments == {"Tags": ({"Key": "b", "Value": "2"},)}
    with pytest.raises(ValueError, match=r"Tags has no item 2"):
        put(tagged, ("Tags", 2), {})
    with pytest.raises(ValueError, match=r"Tags is not a mapping, so Tags\.Key cannot be set"):
        put(tagged, ("Tags", "Key"), "x")
    assert not has(tagged, ("Tags", 2))


@pytest.mark.parametrize("use", [lambda s, p: put(s, p, 1), has, remove, value_at])
def test_a_text_with_a_dot_is_refused_unless_it_is_a_member(use: object) -> None:
    assert callable(use)
    with pytest.raises(ValueError, match=r"write \('VpcConfig', 'Subnets'\)"):
        use(step(VpcConfig={"Subnets": ()}), "VpcConfig.Subnets")
    use(step(**{"VpcConfig.Subnets": 1}), "VpcConfig.Subnets")
    use(step(), "VpcConfig")


def test_a_path_is_a_tuple() -> None:
    with pytest.raises(TypeError, match="not a path"):
        to_path(["a"])  # type: ignore[arg-type]
