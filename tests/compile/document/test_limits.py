"""Documents that are large or deep in odd ways are refused, or read, in little time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.compile.document.document import parse_document

LONG = "k" * 200_000
TOML = '[pipeline]\nname = "p"\n'
YAML = "pipeline: {name: p}\nsteps:\n  a: {type: Fail, error_message: "

DOCUMENTS = {
    "bare-key.toml": f"{TOML}{LONG} = 1\n",
    "quoted-key.toml": f'{TOML}"{LONG}" = 1\n',
    "escaped-key.toml": TOML + '"' + "\\u00e9" * 40_000 + '" = 1\n',
    "key-without-value.toml": TOML + LONG,
    "dotted-key.toml": TOML + ".".join(["a"] * 50_000) + " = 1\n",
    "dotted-key-with-blanks.toml": TOML + ' . "b" . '.join(["a"] * 50_000) + " = 1\n",
    "dotted-header.toml": "[" + ".".join(["a"] * 50_000) + "]\n",
    "dotted-inline.toml": TOML + "x = {" + ".".join(["a"] * 50_000) + " = 1}\n",
    "brackets.toml": TOML + "x = " + "[" * 200_000,
    "number.toml": TOML + "x = " + "1_" * 100_000,
    "unclosed.toml": TOML + "x = '''" + "''" * 100_000,
    "key.json": f'{{"pipeline": {{"name": "p", "{LONG}": 1}}}}',
    "brackets.json": "[" * 200_000,
    "comments.json": "/*" * 100_000,
    "name.yaml": f"pipeline: {{name: {LONG}}}\n",
    "open-references.yaml": f"{YAML}'{'${' * 100_000}'}}\n",
    "references.yaml": f"{YAML}'{''.join(f'${{param.x{number}}}' for number in range(10_000))}'}}\n",
    "path.yaml": f"{YAML}'${{json.a.b.{'a[ ' * 60_000}}}'}}\n",
    "property.yaml": f"{YAML}'${{step.a.{'a.' * 100_000}}}'}}\n",
    "edge.yaml": f"pipeline: {{name: p}}\nedges: ['{'a -> ' * 40_000}']\n",
    "fields.yaml": "pipeline:\n  name: p\n" + "".join(f"  k{number}: 1\n" for number in range(5_000)),
    "brackets.yaml": "[" * 200_000,
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_large_document_is_refused_soon(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(DOCUMENTS[name])
    start = time.process_time()
    errors = PipelineDAGCompiler(path, plugins=[]).validate().errors
    assert time.process_time() - start < 5
    assert errors
    assert max(len(str(error)) for error in errors) < 3000


def test_a_key_may_have_as_many_parts_as_levels_and_a_text_any_dots() -> None:
    key = ".".join(["a"] * 98)
    text = f"{key} = 1\nb = '{'x.' * 500}'\n# {'y.' * 500}\nc = '''\n{'z.' * 500}'''\n"
    data = parse_document(text, "c.toml", "toml").data
    assert (data["b"], data["c"]) == ("x." * 500, "z." * 500)
