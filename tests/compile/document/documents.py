"""Random data, its paths, and documents that spell it in ways a person might."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml
from hypothesis import strategies as st

from dagcast.compile.document.document import Document

Path = tuple[str | int, ...]
Choose = Callable[[int], int]

ODD_TEXT = [
    "",
    " ",
    "true",
    "null",
    "~",
    "yes",
    "010",
    "0o17",
    "1e5",
    "1_000",
    ".inf",
    "12:30:00",
    "2020-12-01",
    "<<",
    "=",
    "- a",
    "a: b",
    "a #b",
    "#",
    "'",
    '"',
    '"""',
    "'''",
    "\\",
    "a\nb\n",
    "\n",
    "\t",
    "\r",
    "\x07",
    "\x7f",
    "\x85",
    "\u2028",
    "\ufeff",
    "é",
    "🙂",
    "${step.train.x}",
    "a.b",
    "[a]",
]

text = st.sampled_from(ODD_TEXT) | st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12
)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)


def mappings(
    leaves: st.SearchStrategy[Any], keys: st.SearchStrategy[str] = text
) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings of mappings, lists and ``leaves``."""
    inner = st.recursive(
        leaves,
        lambda children: st.lists(children, max_size=4) | st.dictionaries(keys, children, max_size=4),
        max_leaves=15,
    )
    return st.dictionaries(keys, inner, max_size=5)


@st.composite
def numbered(draw: st.DrawFn, tails: tuple[str, ...] = ("",)) -> dict[str, Any]:
    """A mapping in which every key (``k<n>k``) and every leaf (``v<n>v`` and a tail) occurs once."""
    shape = draw(mappings(st.sampled_from(tails), st.sampled_from("abcdef")))
    count = iter(range(10_000))

    def label(value: Any) -> Any:
        if isinstance(value, dict):
            return {f"k{next(count)}k": label(item) for item in value.values()}
        if isinstance(value, list):
            return [label(item) for item in value]
        return f"v{next(count)}v{value}"

    labelled = label(shape)
    assert isinstance(labelled, dict)
    return labelled


def members(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every path below ``value``, with the value there."""
    items: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for part, item in items:
        yield (*path, part), item
        yield from members(item, (*path, part))


def assert_every_place_is_right(document: Document, source: str) -> None:
    """Compare the place of every key and leaf of :func:`numbered` data with the text itself."""
    lines = re.split(r"\r\n|\r|\n", source)
    for path, value in members(document.data):
        assert document.has(path)
        if isinstance(path[-1], str):
            place = document.locate(path, key=True)
            assert path[-1] in lines[(place.line or 0) - 1]
        if isinstance(value, str):
            place = document.locate(path)
            assert value.split("\n")[0] in lines[(place.line or 0) - 1]
        elif isinstance(path[-1], str):
            assert document.locate(path) == document.locate(path, key=True)
        assert document.locate((*path, "nowhere", 0)) == document.locate(path)


class Dumper(yaml.SafeDumper):
    """PyYAML's writer, which knows YAML 1.1, with quotes also where YAML 1.2 needs them."""


Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|0o[0-7]+$"),
    list("-+.0123456789"),
)


def to_yaml(
    data: Any, choose: Choose, *, styles: tuple[str | None, ...] = (None, None, '"', "'", "|")
) -> str:
    """``data`` as YAML, in a style that ``choose`` picks."""
    # PyYAML writes these as they are in places where YAML reads them as the end of a line.
    writes_all = not re.search("[\x85\u2028\u2029\ufeff]", json.dumps(data, ensure_ascii=False))
    dumped = yaml.dump(
        data,
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=writes_all and bool(choose(2)),
        default_flow_style=(False, True, None)[choose(3)],
        default_style=styles[choose(len(styles))],
        width=(20, 1000)[choose(2)],
        explicit_start=bool(choose(2)),
        line_break=("\n", "\r\n")[choose(2)],
    )
    assert isinstance(dumped, str)
    return dumped


def to_json(data: Any, choose: Choose) -> str:
    """``data`` as JSON, in a style that ``choose`` picks."""
    return json.dumps(data, indent=(None, 0, 2, "\t")[choose(4)], ensure_ascii=bool(choose(2)))


def to_toml(data: dict[str, Any], choose: Choose) -> str:
    """``data`` (without ``None``) as TOML, in a style that ``choose`` picks for each part."""
    lines: list[str] = []
    _toml_table(data, (), lines, choose)
    return "\n".join(lines) + "\n" * choose(2)


def _toml_table(table: dict[str, Any], prefix: tuple[str, ...], lines: list[str], choose: Choose) -> None:
    later: list[tuple[str, Any]] = []
    for key, value in table.items():
        is_list_of_tables = (
            isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
        )
        if (isinstance(value, dict) or is_list_of_tables) and choose(3):
            later.append((key, value))
        else:
            _toml_member((key,), value, lines, choose)
            lines += [["", "# a comment ] } ' \""][choose(2)]] * choose(2)
    for key, value in later:
        name = " . ".join(_toml_key(part, choose) for part in (*prefix, key))
        if isinstance(value, dict):
            # A table that only holds tables may be left out.
            if not value or choose(2) or not all(isinstance(item, dict) and item for item in value.values()):
                lines.append(f"[ {name} ] # table")
            elif value:
                for inner, item in value.items():
                    lines.append(f"[{name}.{_toml_key(inner, choose)}]")
                    _toml_table(item, (*prefix, key, inner), lines, choose)
                continue
            _toml_table(value, (*prefix, key), lines, choose)
        else:
            for item in value:
                lines.append(f"[[{name}]]")
                _toml_table(item, (*prefix, key), lines, choose)


def _toml_member(path: tuple[str, ...], value: Any, lines: list[str], choose: Choose) -> None:
    if isinstance(value, dict) and value and choose(2):
        for key, item in value.items():
            _toml_member((*path, key), item, lines, choose)
        return
    name = ".".join(_toml_key(part, choose) for part in path)
    lines.extend(f"{name} = {_toml_value(value, choose)}".split("\n"))


def _toml_key(key: str, choose: Choose) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]+", key) and choose(2):
        return key
    return f"'{key}'" if _is_literal(key) and choose(2) else _toml_basic(key)


def _toml_value(value: Any, choose: Choose) -> str:
    if isinstance(value, dict):
        named = [f"{_toml_key(key, choose)} = {_toml_value(item, choose)}" for key, item in value.items()]
        return "{ " + ", ".join(item for item in named) + " }"
    if isinstance(value, list):
        items = [_toml_value(item, choose) for item in value]
        if choose(2):
            return "[" + ", ".join(items) + "]"
        return "[ # list\n" + "".join(f"  {item}, # ] item\n\n" for item in items) + "]"
    if isinstance(value, str):
        return _toml_string(value, choose)
    return json.dumps(value)


def _toml_string(value: str, choose: Choose) -> str:
    style = choose(4)
    if style == 1 and _is_literal(value):
        return f"'{value}'"
    if style == 2 and _is_literal(value.replace("\n", "").replace("'", "")) and "'''" not in value:
        first = "\n" if value.startswith("\n") else ""
        if not value.endswith("'''"):
            return f"'''{first}{value}'''"
    if style == 3:
        first = "\n" if value.startswith("\n") else ""
        body = (
            _toml_basic(value)[1:-1].replace("\\n", "\n") if "\\" not in value else _toml_basic(value)[1:-1]
        )
        return f'"""{first}{body}"""'
    return _toml_basic(value)


def _toml_basic(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _is_literal(value: str) -> bool:
    return "'" not in value and not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value)
