from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagcast.check.pattern_analysis import can_explode
from dagcast.check.patterns import compile_pattern, translate_pattern
from dagcast.sagemaker.service_model import load_shapes

TAG = r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"
NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
ASTRAL = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*"
GARBLED_ASTRAL = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDBFF-\uDC00\uDFFF\r\n\t]*"

# By service: the shapes whose pattern is not applied, so that any text passes it.
SKIPPED = {
    "sagemaker": {
        "ClusterSchedulerPriorityClassName",
        "ComputeQuotaTargetTeamName",
        "EMRServerlessApplicationId",
        "EMRServerlessJobRunId",
        "EndpointPolicyDocument",
        "ImageVersionAlias",
        "PipelineDefinition",
        "RepositoryUrl",
        "ResourcePolicyString",
    },
    "emr": set(),
    "emr-serverless": {"Arn", "ImageUri", "PolicyDocument", "PrometheusUrlString", "UriString"},
    "lambda": {"PolicyResourceArn"},
}


def matches(pattern: str, text: str) -> bool:
    test = compile_pattern(pattern)
    assert test is not None
    return test(text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        # The whole text has to match, whatever the anchors are.
        (NAME, "my-job", True),
        (NAME, "my_job", False),
        ("^" + NAME, "my_job", False),
        ("^" + NAME, "my-job", True),
        (NAME, "my-job\n", False),
        (NAME + "$", "my-job\n", False),
        ("https://([^/]+)/?(.*)$|^[a-zA-Z0-9](-*[a-zA-Z0-9])*", "https://x.org/y", True),
        ("https://([^/]+)/?(.*)$|^[a-zA-Z0-9](-*[a-zA-Z0-9])*", "repo", True),
        ("https://([^/]+)/?(.*)$|^[a-zA-Z0-9](-*[a-zA-Z0-9])*", "http://x", False),
        # Classes are ASCII in Java.
        (r"\d+", "12", True),
        (r"\d+", "\u0661\u0662", False),
        (r"[\w-]+", "caf\u00e9", False),
        (r"\S+", "caf\u00e9", True),
        # A dot stops at every line terminator.
        (".*", "one line", True),
        (".*", "two\nlines", False),
        (".*", "two\rlines", False),
        (".*", "two\u2028lines", False),
        (r"[.]", "x", False),
        (r"\.", "x", False),
        # Categories.
        (TAG, "Team ML @ a:b/c=d+e-f_1.2", True),
        (TAG, "\u00c9quipe \u6a5f\u68b0 \u0663", True),
        (TAG, "Team \u2013 ML", False),  # an en dash is punctuation
        (TAG, "a|b", False),
        (r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+", "a\u0301\u20ac!", True),
        (r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+", "a b", False),
        (r"[^\p{L}]+", "\u00e9", False),
        (r"[^\p{L}]+", "\u0661", True),
        (r"\p{Lu}+", "\u00c9A", True),
        (r"\p{Lu}+", "\u00e9", False),
        (TAG + "${1,128}", "key", True),
        (r"arn:[\p{Alnum}\-]+:x", "arn:aws-cn1:x", True),
        (r"arn:[\p{Alnum}\-]+:x", "arn:aws\u00e9:x", False),
        # Ranges over surrogate pairs.
        (ASTRAL, "a \U0001f600", True),
        (ASTRAL, "a\nb", False),
        (GARBLED_ASTRAL, "a\n\U0001f600", True),
    ],
)
def test_text_matches_as_in_the_service(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        r"[a-z&&[^b]]+",
        r"[a-z[0-9]]+",
        r"\P{L}+",
        r"\p{IsGreek}+",
        r"(?<name>a)",
        r"(a|b)\1",
        r"\G+",
        "([    -\u00ff]+)",  # was \u0009, \u000a, \u000d before it was put into a model
    ],
)
def test_any_text_is_valid_for_patterns_that_python_does_not_support(pattern: str) -> None:
    assert translate_pattern(pattern) is None
    assert compile_pattern(pattern) is None


@pytest.mark.parametrize("service", sorted(SKIPPED))
def test_only_known_patterns_are_skipped(service: str) -> None:
    shapes = load_shapes(service).shapes
    skipped = {
        name
        for name, shape in shapes.items()
        if "pattern" in shape and compile_pattern(shape["pattern"]) is None
    }
    assert skipped <= SKIPPED[service]


@pytest.mark.parametrize(
    "pattern",
    [
        r"[a-z0-9]([-a-z0-9]*[a-z0-9]){0,39}?",
        r"https://([.\-_a-zA-Z0-9]+/?){3,1016}",
        r"(a*)*",
        r"(a+)+b",
        r"(?:a|a)*b",
        r"(a|ab)*c",
        r"((a?)b?)*c",
        r"(?:(?:ab)*a?)*c",
        r"x(?=(a+)+b).*",
        r"(a{1,5}){9}b",
        r"a*a*a*b",
        r".*[0-9a-z]*.*!",
    ],
)
def test_explosive_patterns_are_found(pattern: str) -> None:
    assert can_explode(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        NAME,
        r"[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*",
        r"[a-z]([a-z0-9]|-[a-z0-9])*",
        r"arn:aws(-[\w]+)*:sagemaker:.+:[0-9]{12}:image/[a-zA-Z0-9]([-.]?[a-zA-Z0-9])*",
        r"((25[0-5]|(2[0-4]|1\d|[1-9]|)\d)\.?\b){4}",
        r"(a{3}){9}b",
        r"(?:ab)*c",
        r"(?!.*\.\.)[a-z]+",
        r"[\S\s]*",
    ],
)
def test_harmless_patterns_are_matched(pattern: str) -> None:
    assert not can_explode(pattern)


@pytest.mark.parametrize("service", sorted(SKIPPED))
def test_no_pattern_that_is_matched_hangs(service: str) -> None:
    """Match texts that almost match, for which a backtracking matcher may try everything; a hang is the failure."""
    pieces = ["a", "A", "1", "-", ".", "/", ":", "a-", "a.", "1.", "a/", " a", "ab1", "https://", "arn:aws:a"]
    texts = [
        f"{start}{piece * 60}{end}"
        for start in ("", "https://")
        for piece in pieces
        for end in ("!", "-", "\0")
    ]
    patterns = {shape["pattern"] for shape in load_shapes(service).shapes.values() if "pattern" in shape}
    tests = [test for test in map(compile_pattern, sorted(patterns)) if test is not None]
    accepted = sum(test(text) for test in tests for text in texts)
    assert 0 < accepted < len(tests) * len(texts)


@given(st.text())
def test_stand_ins_keep_the_category_of_any_character(text: str) -> None:
    expected = all(unicodedata.category(char)[0] in "LZN" or char in "_.:/=+-@" for char in text)
    assert matches(TAG, text) is expected


@given(st.text(st.sampled_from("aB1-_. \n\u00e9"), max_size=8))
def test_patterns_without_java_constructs_match_as_in_python(text: str) -> None:
    for pattern in (r"[a-zA-Z0-9\-]+", r"[^A-Z]*", r"(a|B)*[0-9]?", r"[-\w]+ ?"):
        assert matches(pattern, text) is (re.fullmatch(pattern, text, re.ASCII) is not None)
