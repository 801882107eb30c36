"""The filters of batch transform: the rule takes the JSONPaths that the local run takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dagcast.check.rules.registry import all_rules
from dagcast.check.rules.request_body import RequestBody
from dagcast.check.rules.rule import PipelineFacts
from dagcast.runner.in_job.transform_output import JsonPathError, compile_json_path

(RULE,) = [rule for rule in all_rules() if rule.id == "transform.filter"]
PARTS = st.sampled_from(
    (".a", ".*", "[*]", "[ * ]", "['a']", "['a', \"b\"]", "[0]", "[-1]", "[1:3]", "[:2]", "[0, 2:]", ".a-b")
)
NOISE = st.text(alphabet="$.[]'\"*:,- ?@a1", max_size=6)
PATHS = st.builds(lambda parts: "$" + "".join(parts), st.lists(st.one_of(PARTS, NOISE), max_size=4))


def _reported(path: str, content: str) -> bool:
    job = {
        "DataProcessing": {"InputFilter": path},
        "TransformInput": {"ContentType": content, "SplitType": "Line"},
        "TransformOutput": {"Accept": content, "AssembleWith": "Line"},
    }
    return bool(list(RULE.check(RequestBody(job), PipelineFacts())))


def _refused_here(path: str) -> bool:
    try:
        compile_json_path(path, columns=False)
    except JsonPathError:
        return True
    return False


@given(PATHS)
def test_a_path_that_the_rule_refuses_is_one_that_a_local_run_refuses(path: str) -> None:
    assert _reported(path, "application/json") == _refused_here(path)
