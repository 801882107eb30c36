"""Secrets in the texts of others: what is masked, and what is too short to be distinguished from other text."""

from __future__ import annotations

import pytest

from dagcast.plugins.secret_options import holds_secret, redact


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("abc", "401 for **********, not ab"),
        ("ab", "401 for abc, not ab"),
        ("", "401 for abc, not ab"),
    ],
)
def test_secrets_of_three_characters_and_more_are_masked(secret: str, text: str) -> None:
    assert redact("401 for abc, not ab", [secret]) == text


def test_the_longest_secret_is_masked_first() -> None:
    assert redact("token abcdef", ["abc", "abcdef"]) == "token **********"


@pytest.mark.parametrize("form", ["a\nb", r"a\nb", "a b"])
def test_a_secret_is_masked_as_messages_show_it(form: str) -> None:
    assert redact(f"token {form}!", ["a\nb"]) == "token **********!"


def test_values_that_hold_a_secret_are_found_at_any_depth() -> None:
    assert holds_secret({"a": [("x", b"say abc")]}, ["abc"])
    assert holds_secret({"abc": 1}, ["abc"])
    assert not holds_secret({"a": [("x", "ab")]}, ["abc", "ab", ""])
