"""Validates mutated configs of every step type, and fails on a traceback or a config that takes too long.

    python -m benchmarks.fuzz_configs --count 100000 --seed 1

A mutant is a valid config with a few changes: keys renamed, misspelt, moved or taken from the validator's own
vocabulary; values of other types, references, long and odd texts; parts removed, repeated, nested or made very large;
edges between any ports; rules and plugins. It is written as YAML, JSON or TOML, with values that only the format has
(dates, NaN, anchors, duplicate keys) and sometimes damaged text, and validated as ``dagcast validate`` does. Any answer
is right but an exception; what is valid has to compile. Each mutant follows from the seed and its number, which the report of a failure names::

    python -m benchmarks.fuzz_configs --seed 1 --first 4711 --count 1 --show
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dagcast import PipelineDAGCompiler
from dagcast.check.rules.registry import PIPELINE_RULES, all_rules
from dagcast.compile.steps.catalog import StepCatalog
from dagcast.errors import PluginError

CONFIGS = Path(__file__).parents[1] / "tests" / "integration" / "equivalence" / "configs"
SLOW = 5.0
"""Seconds of CPU time after which a mutant counts as a failure."""

WORDS = [
    "str", "int", "float", "bool", "none", "dict", "list[str]", "tuple[str,...]",
    "function-wrap[_reference_or_plain()]", "function-", "[key]", "]", "[", "y]", "ExperimentConfig",
    "TrainingConfig", "ParameterConfig", "Condition", "literal[False]", "model-fields", "root", "__root__",
    "__class__", "0", "-1", "type", "name", "inputs", "outputs", "steps", "pipeline", "parameters", "defaults",
    "edges", "environments", "plugins", "ignore_rules", "request", "not", "or", "and", "in", "in_", "not_",
    "left", "right", "op", "value", "source", "path", "kind", "enabled", "<<", "=", "~", "null", "true",
    "aliases", "optional", "destination", "depends_on", "cache", "property_files", "container_entrypoint",
    "entrypoint", "respelt", "cause", "<config>", "also",
]  # fmt: skip
"""Words of the validator, of pydantic, and of configs. :func:`_vocabulary` adds the fields of all step types."""
ODD = (
    "", " ", "\n", "a\nb", "\x1b[31m", "\u202e", "\u2028", "é", "🙂", "'", '"', "'\"", "\\", "${", "${}", "$${", "${param.", "${param.Nope}",
    "${param.Instance}", "${step.load}", "${step.zz.Y}", "${json.a.b.c}", "${json.a.b.c[${param.X}]}", "${exec.X}",
    "${exec.PipelineName}", "a.b", "a -> b", "=>", "s3://", "s3://b//k", "s3://My_Bucket/prefix", "ml.m5.large",
    "m5.large", "ml.m9x.large", "arn:aws:iam::1:role/R", "SageMakerRole", "P30D", "PT", "../x", "/", "x" * 3000,
)  # fmt: skip
VALUES = (
    None, True, False, 0, -1, 1, 2**31, 2**63 - 1, 1e308, 0.1, [], {}, [[]], [{}], {"": None}, [None], ["a", "a"],
    {"source": "load.data", "kind": "model"}, {"aliases": ["model", ""], "optional": True}, {"kind": "report"},
    {"type": "String", "enum": ["a"]}, {"left": 1, "op": "=", "right": "1"}, {"not": {"or": []}},
)  # fmt: skip
SPELLINGS = {
    "yaml": (
        ".nan", "-.inf", "2024-01-01", "2024-01-01T00:00:00Z", "!!binary aGk=", "!!python/object:os.system x", "!x y",
        "*nope", "&a [*a]", "&b {<<: *b}", "{<<: {type: Fail}, type: Fail}", "{a: 1, a: 2}", "0o17", "0x1F", "1_000",
        "9" * 400, "1e999", '"\\ud800"', '"\\x00"', "? {a: b}", "{[a]: b}", "|\n  a\n   b", "yes", "~", "{1: 2, true: 3}",
    ),
    "json": (
        "NaN", "-Infinity", "1e999", "9" * 5000, '"\\ud800"', '"\\u0000"', '{"a": 1, "a": 2}', "[1,]", "'a'", "01", "1.",
        "// x\n1", "tru", '"\t"', "[" * 300,
    ),
    "toml": (
        "nan", "-inf", "1979-05-27T07:32:00Z", "1979-05-27", "07:32:00", "0x1F", "1_000", "9" * 400, "1e999",
        '"\\ud800"', '"\\u0000"', "{a = 1, a = 2}", "{a.b.c = 1}", "[1, [2,],]", '"""\na"""', "'''x'''", "[" * 300,
    ),
}  # fmt: skip
"""By format: values that are written as they stand, in place of another."""
RULE_IDS = sorted(rule.id for rule in (*all_rules(), *PIPELINE_RULES))
MARK = "q7Xz"
"""A value that one of :data:`SPELLINGS` replaces."""


@dataclass
class Outcome:
    """What validating the mutants gave.

    Attributes:
        codes: How often each diagnostic code was reported.
        valid: How many mutants were valid.
        failures: The number of each mutant that failed, with the traceback, or the time that it took.
    """

    codes: Counter[str] = field(default_factory=Counter)
    valid: int = 0
    failures: dict[int, str] = field(default_factory=dict)


def run(seed: int, count: int, *, first: int = 0, show: bool = False) -> Outcome:
    """Validate mutants.

    Args:
        seed: Decides all mutants.
        count: How many to validate.
        first: The number of the first one.
        show: Whether to print each mutant.
    """
    bases = _read_bases()
    outcome = Outcome()
    vocabulary = _vocabulary()
    for base in (*bases, {"pipeline": {"name": "warm", "region": "us-east-1"}, "steps": {"a": _NO_IMAGE}}):
        # Imports and caches are paid for here, the SDK's tables of images among them.
        PipelineDAGCompiler(base, plugins=[]).validate()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + count):
            rng = random.Random(f"{seed}-{number}")
            name, text = _write_mutant(rng, bases, vocabulary)
            if show:
                print(f"--- {number}: {name}\n{text}")
            path = Path(folder, name)
            path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
            start = time.process_time()
            try:
                compiler = PipelineDAGCompiler(path, plugins=rng.choice(([], [], [], None, ["guardrails"])))
                result = compiler.validate()
                for diagnostic in (*result.errors, *result.warnings):
                    _check_diagnostic(str(diagnostic))
                    outcome.codes[diagnostic.code] += 1
                if result.is_valid:
                    outcome.valid += 1
                    compiler.compile_definition()
            except PluginError:
                outcome.codes["plugin"] += 1
            # Any exception is what is looked for.
            except Exception:
                outcome.failures[number] = traceback.format_exc()
            seconds = time.process_time() - start
            if seconds > SLOW:
                outcome.failures.setdefault(number, f"it took {seconds:.1f} s of CPU time")
    return outcome


def _check_diagnostic(text: str) -> None:
    if not all(character.isprintable() or character.isspace() for character in text) or "\n" in text:
        raise ValueError(f"a diagnostic has control characters: {text!r}")
    if len(text) > 4000:
        raise ValueError(f"a diagnostic has {len(text)} characters: {text[:200]!r}")


def _read_bases() -> list[dict[str, Any]]:
    """Valid configs; together they use every step type."""
    bases = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(CONFIGS.glob("*.yaml"))]
    used = {step["type"] for base in bases for step in base["steps"].values()}
    # A step of each type without any field, for the types that no config uses.
    rest = {name.lower(): {"type": name} for name in StepCatalog().names if name not in used}
    return [*bases, {"pipeline": {"name": "rest"}, "steps": rest}]


_NO_IMAGE = {"type": "Training", "framework": "nope", "instance_type": "ml.m5.large"}


def _vocabulary() -> list[str]:
    """Keys of all parts of a config, the ids of rules and the names of step types."""
    catalog = StepCatalog()
    fields = {field for name in catalog.names for field in catalog[name].config.model_fields}
    return [*WORDS, *sorted(fields), *catalog.names, *RULE_IDS]


def _write_mutant(rng: random.Random, bases: list[dict[str, Any]], vocabulary: list[str]) -> tuple[str, str]:
    data = copy.deepcopy(rng.choice(bases))
    if rng.random() < 0.2:
        ids = rng.choice((RULE_IDS, RULE_IDS, vocabulary))
        data["ignore_rules"] = rng.choice((list, dict.fromkeys))(rng.sample(ids, 3))
    if rng.random() < 0.1:
        data["plugins"] = {"options": {"guardrails": {rng.choice(vocabulary): rng.choice(VALUES)}}}
    if rng.random() < 0.15:
        _add_edges(rng, data)
    if rng.random() < 0.3:
        data["environments"] = {"prod": copy.deepcopy(_part(rng, data))}
    if rng.random() < 0.3:
        data.setdefault("defaults", {}).update(
            copy.deepcopy(rng.choice(list(data["steps"].values()) or [{}]))
        )
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        _mutate(rng, data, vocabulary)
    if rng.random() < 0.02:
        _grow(rng, data)
    suffix = rng.choice(("yaml", "yaml", "json", "toml"))
    if suffix == "json":
        text = json.dumps(data, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 1)))
    elif suffix == "toml":
        text = "".join(
            f"{_toml_key(key)} = {_toml(value)}\n" for key, value in data.items() if value is not None
        )
    elif _depth(data) > 60:
        # The writer recurses, several calls a level. JSON is YAML.
        text = json.dumps(data)
    else:
        text = yaml.safe_dump(data, sort_keys=False, default_flow_style=rng.choice((None, True, False)))
    text = text.replace(f'"{MARK}"', MARK).replace(MARK, rng.choice(SPELLINGS[suffix]))
    if rng.random() < 0.1:
        text = _damage(rng, text)
    return f"mutant.{suffix}", text


def _part(rng: random.Random, data: dict[str, Any]) -> dict[str, Any]:
    return {key: data[key] for key in rng.sample(list(data), rng.randint(1, len(data)))}


def _add_edges(rng: random.Random, data: dict[str, Any]) -> None:
    """Add edges between any steps and ports, most of them wrong."""
    names = [*data["steps"], "nope"]
    edges = data.setdefault("edges", [])
    for _ in range(rng.choice((1, 3, 30))):
        one, other = (rng.choice(names) + rng.choice(("", "", ".model", ".data", ".x")) for _ in range(2))
        edges.append(rng.choice((f"{one} -> {other}", f"{one} => {other}", [one, other], {one: other}, one)))


def _grow(rng: random.Random, data: dict[str, Any]) -> None:
    """Make a part of the config very large."""
    place = rng.choice([place for place in _containers(data) if isinstance(place, dict)] or [data])
    part = rng.choice(("k", "a.", "${param.X}", '"', "é", "['", "\n"))
    kind = rng.randrange(4)
    if kind == 0:
        place[part * (200_000 // len(part))] = 1
    elif kind == 1:
        place[rng.choice(WORDS)] = part * (200_000 // len(part))
    elif kind == 2:
        place.update({f"{part}{number}": {"type": "Fail"} for number in range(2000)})
    else:
        place[rng.choice(WORDS)] = [part] * 20_000


def _mutate(rng: random.Random, data: dict[str, Any], vocabulary: list[str]) -> None:
    places = [place for place in _containers(data) if place]
    if not places:
        return
    place = rng.choice(places)
    key: Any = rng.choice(list(place)) if isinstance(place, dict) else rng.randrange(len(place))
    action = rng.randrange(10)
    if action == 0:
        place[key] = copy.deepcopy(rng.choice(VALUES))
    elif action == 1:
        place[key] = rng.choice(ODD)
    elif action == 2:
        place.pop(key)
    elif action == 3 and isinstance(place, dict):
        place[rng.choice(vocabulary)] = copy.deepcopy(rng.choice((place[key], *VALUES)))
    elif action == 4 and isinstance(place, dict):
        place[_misspell(rng, key)] = place.pop(key)
    elif action == 5:
        place[key] = {rng.choice(vocabulary): place[key], rng.choice(vocabulary + list(ODD)): 1}
    elif action == 6:
        place[key] = [copy.deepcopy(place[key])] * rng.choice((1, 2, 3))
    elif action == 7:
        other = rng.choice(places)
        value = rng.choice(list(other.values()) if isinstance(other, dict) else other)
        place[key] = copy.deepcopy(value)
    elif action == 8:
        place[key] = MARK
    elif _depth(data) < 60:
        for _ in range(rng.choice((3, 60, 110))):
            place[key] = rng.choice(({rng.choice(WORDS): place[key]}, [place[key]]))


def _misspell(rng: random.Random, key: str) -> str:
    at = rng.randrange(len(key) + 1)
    return rng.choice(
        (
            key[:at] + key[at + 1 :],
            key[:at] + "x" + key[at:],
            key.replace("_", "-"),
            key.upper(),
            key + "]",
            f"{key}\n",
        )
    )


def _containers(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, (dict, list)):
            yield item
            waiting += item.values() if isinstance(item, dict) else item


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            below
            for item in level
            if isinstance(item, (dict, list))
            for below in (item.values() if isinstance(item, dict) else item)
        ]
    return depth


def _toml_key(key: str) -> str:
    return json.dumps(key, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml(value: Any) -> str:
    """A value as TOML; ``null``, which TOML does not have, is left out of tables and is a text in lists."""
    if isinstance(value, dict):
        members = [f"{_toml_key(key)} = {_toml(item)}" for key, item in value.items() if item is not None]
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if value is None:
        return '"null"'
    return _toml_key(value) if isinstance(value, str) else json.dumps(value)


def _damage(rng: random.Random, text: str) -> str:
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        piece = rng.choice(
            (
                "",
                "\t",
                "\n",
                ":",
                "- ",
                "}",
                "{",
                "[",
                '"',
                "'",
                "#",
                "&a ",
                "*a",
                "!!int ",
                "\x00",
                "\ufeff",
                "\x85",
                "---\n",
            )
        )
        text = text[:at] + piece + text[at + rng.randint(0, 3) :]
    return text


def main() -> None:
    """Run the fuzzer from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000, help="mutants to validate (default: 1000)")
    parser.add_argument("--seed", type=int, default=1, help="decides all mutants (default: 1)")
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant (default: 0)")
    parser.add_argument("--show", action="store_true", help="print each mutant")
    arguments = parser.parse_args()
    outcome = run(arguments.seed, arguments.count, first=arguments.first, show=arguments.show)
    for number, failure in outcome.failures.items():
        print(f"--- mutant {number} of seed {arguments.seed}\n{failure}")
    print(f"{arguments.count} mutants, {outcome.valid} valid, {len(outcome.failures)} failed")
    for code, count in outcome.codes.most_common():
        print(f"{count:8} {code}")
    sys.exit(1 if outcome.failures else 0)


if __name__ == "__main__":
    main()
