"""What a diagnostic says: one line, bounded, one for one cause, and with the right suggestion in linear time."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.errors import Diagnostic, DiagnosticSink, Location, did_you_mean, escape_text, nearest
from dagcast.suggestions import is_likely
from tests.support.compiling import JOB, config, errors_of


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("a\r\tb", "a\\r\\tb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\u2028b\x85c\x7f", "a\\u2028b\\x85c\\x7f"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("step\ufeff\u200b", "step\\ufeff\\u200b"),
        ("größe 🙂", "größe 🙂"),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    item = Diagnostic(text, Location(text, 3), code="config.pattern", hint=text)
    assert (item.message, item.hint) == (shown, shown)
    assert str(item) == f"{shown}:3: {shown} ({shown})"


def test_long_quotations_are_shortened_and_what_follows_them_is_kept() -> None:
    item = Diagnostic(f"expected a number, got {'x' * 5000!r}, for step 'a'", code="config.wrong-type")
    assert len(item.message) < 200
    assert item.message.startswith("expected a number, got 'xxxx")
    assert item.message.endswith("xxxx', for step 'a'")
    assert "..." in item.message


def test_a_long_text_without_quotations_is_shortened_in_its_middle() -> None:
    item = Diagnostic("a" * 3000 + "z" * 3000, code="config.pattern", hint="b" * 200_000)
    assert item.message.startswith("aaaa")
    assert item.message.endswith("zzzz")
    assert len(str(item)) < 2100


def test_texts_of_1000_characters_and_quotations_of_80_are_kept() -> None:
    assert escape_text("a" * 1000) == "a" * 1000
    assert escape_text("a" * 1001) == "a" * 498 + "..." + "a" * 498
    words = "w " * 500
    assert escape_text(f"{words}'{'q' * 80}'").endswith(f"'{'q' * 80}'")
    assert escape_text(f"{words}'{'q' * 81}'").endswith(f"'{'q' * 38}...{'q' * 38}'")


@pytest.mark.parametrize(("count", "listed"), [(12, True), (13, False)])
def test_12_names_are_listed_where_none_is_close(count: int, listed: bool) -> None:
    names = [f"{letter * 4}" for letter in "abcdefghijklm"[:count]]
    assert did_you_mean("zzzz", names) == (f"known: {', '.join(names)}" if listed else None)


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        # As difflib does, by twice the letters in common over all letters: 6 of 10 are enough.
        ("abcxy", "abcde", "abcde"),
        ("abxyz", "abcde", None),
        ("instnce_type", "instance_type", "instance_type"),
    ],
)
def test_names_that_are_close_enough(name: str, known: str, found: str | None) -> None:
    assert nearest(name, [known]) == found


@pytest.mark.parametrize(("name", "meant", "likely"), [("abcx", "abcd", True), ("abcdexx", "abcdefg", False)])
def test_three_quarters_of_the_letters_make_a_name_likely(name: str, meant: str, likely: bool) -> None:
    """6 of 8 letters in common, and 10 of 14."""
    assert is_likely(name, meant) is likely


def test_a_mistake_of_many_steps_in_one_place_is_one_error() -> None:
    sink = DiagnosticSink()
    for name in ("a", "b", "c", "d", "e", "f", "g"):
        sink.error(f"step {name!r}: no image", Location("c.yaml", 4), code="image.missing")
    sink.error("step 'h': no image", Location("c.yaml", 9), code="image.missing")
    assert [str(error) for error in sink.errors] == [
        "c.yaml:4: steps 'a', 'b', 'c', 'd', 'e' and 2 more: no image",
        "c.yaml:9: step 'h': no image",
    ]
    assert sink.errors[0].as_dict()["steps"] == ["a", "b", "c", "d", "e", "f", "g"]


def test_what_differs_in_more_than_the_step_stays_apart() -> None:
    sink = DiagnosticSink()
    sink.error("step 'a': reads 'x'", Location("c.yaml", 4), code="reference.own-step")
    sink.error("step 'b': reads 'y'", Location("c.yaml", 4), code="reference.own-step")
    sink.error("step 'b': reads 'y'", Location("c.yaml", 4), code="reference.own-step", hint="h")
    assert len(sink.errors) == 3


def test_warnings_of_a_plugin_about_each_step_are_folded() -> None:
    sink = DiagnosticSink()
    for line, name in enumerate(("a", "b", "c"), start=10):
        sink.warn(f"step {name!r} has no owner", Location("c.yaml", line), code="acme.owner")
        sink.warn(f"step {name!r} waits", Location("c.yaml", line), code="branch.outside-branch")
    assert [str(warning) for warning in sink.warnings] == [
        "c.yaml:10: warning: steps 'a', 'b' and 'c' have no owner",
        "c.yaml:10: warning: step 'a' waits",
        "c.yaml:11: warning: step 'b' waits",
        "c.yaml:12: warning: step 'c' waits",
    ]


def test_one_mistake_in_the_defaults_names_the_steps_that_inherit_it() -> None:
    steps = {name: {"type": "Training"} for name in ("fit", "again")}
    errors = errors_of(config(steps, defaults={**JOB, "volume_size_in_gb": "big"}))
    assert errors == [
        "<config>.defaults.volume_size_in_gb: defaults: volume_size_in_gb: expected an integer, got 'big' "
        "(inherited by 'fit' and 'again')"
    ]


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("m5.large", ["ml.m4.large", "ml.m5.large", "ml.m5.xlarge"], "ml.m5.large"),
        ("=>", ["==", "!=", ">", ">=", "<", "<="], ">="),
        ("Prep", ["prep", "preparation"], "prep"),
        ("function-arn", ["function_arn", "functions"], "function_arn"),
        ("instnce_type", ["instance_count", "instance_type"], "instance_type"),
        ("x", ["train"], None),
        ("", ["train"], None),
        ("train", [], None),
        ("t" * 200_000, ["train"], None),
    ],
)
def test_the_nearest_name(name: str, known: list[str], expected: str | None) -> None:
    assert nearest(name, known) == expected


def test_the_nearest_of_many_names_is_the_one_a_person_would_choose() -> None:
    names = [
        f"{verb}_{noun}_{number}"
        for verb in ("load", "train")
        for noun in ("eu", "us")
        for number in range(500)
    ]
    assert nearest("trian_us_417", names) == "train_us_417"
    assert nearest("load-eu-99", names) == "load_eu_99"
    assert did_you_mean("nothing like it", names) is None


def edges_to_nowhere(count: int) -> dict[str, Any]:
    steps = {f"step_{number}": {"type": "Fail", "error_message": "x"} for number in range(count)}
    return config(steps, edges=[f"step_{number} => stpe_{number + 1}" for number in range(count - 1)])


def test_suggestions_take_linear_time() -> None:
    seconds = {}
    for count in (200, 1600):
        compiler = PipelineDAGCompiler(edges_to_nowhere(count), plugins=[])
        start = time.process_time()
        errors = compiler.validate().errors
        seconds[count] = time.process_time() - start
        assert len(errors) == count - 1
        hints = {error.message: error.hint for error in errors}
        assert (
            hints["edge 'step_6 => stpe_7' ends at 'stpe_7', which is not a node"] == "did you mean 'step_7'?"
        )
    # Eight times as many: with a comparison of each with each it would be 64 times as long.
    assert seconds[1600] < 25 * seconds[200] + 0.5
