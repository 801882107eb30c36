"""Swapping with mods-plugin: alone, and all three plugins in two orders. Every difference is one that explain names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from dagcast.paths import format_path
from tests.distributions.pipelines import differences
from tests.distributions.test_swapping import flat
from tests.support.mods_site import ROOT, build_site

ORDERS = [("mods",), ("mods", "guardrails", "openlineage"), ("openlineage", "guardrails", "mods")]

# mods-plugin is active wherever it is installed, so it is put on the path of a process of its own.
COMPILE = """
import json, sys
from dagcast.compile.explain import explain
from tests.openlineage.receiver import receiving
from tests.distributions.test_swapping import compile_with
with receiving() as receiver:
    compiler, compilation = compile_with(tuple(json.loads(sys.argv[1])), receiver)
    locate = compiler.create_template().locate
    print(json.dumps({
        "definition": compilation.definition,
        "changes": [change.as_dict() for change in compilation.report.changes],
        "plugins": [item["name"] for item in compilation.report.plugins],
        "explained": [item.as_dict() for item in explain(compilation.report, locate)],
        "author": compilation.report.metadata.get("author"),
    }))
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], Any]:
    site = build_site(tmp_path_factory.mktemp("site"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    found = {}
    for plugins in [(), *ORDERS]:
        command = [sys.executable, "-c", COMPILE, json.dumps(plugins)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found[plugins] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("plugins", ORDERS, ids="+".join)
def test_every_difference_is_explained(
    plugins: tuple[str, ...], compiled: dict[tuple[str, ...], Any]
) -> None:
    plain, swapped = compiled[()], compiled[plugins]
    assert swapped["plugins"] == list(plugins)
    assert swapped["author"] == "risk"
    different = list(differences(flat(plain["definition"]), flat(swapped["definition"])))
    changed = {format_path(tuple(change["path"])) for change in swapped["changes"]}
    steps = [path for path in different if path.startswith("Steps.")]
    assert steps
    for path in steps:
        assert any(path == known or path.startswith((f"{known}.", f"{known}[")) for known in changed), path
    owners = {change["plugin"] for change in swapped["changes"]}
    assert owners == set(plugins) - {"openlineage"}
    by_plugin = {
        (item["step"], format_path(tuple(item["path"]))): item
        for item in swapped["explained"]
        if item["kind"] == "plugin"
    }
    for path in steps:
        _, step, field = path.split(".", 2)
        assert any(name == step and place.startswith(field) for name, place in by_plugin), path


def test_the_order_decides_who_fills_a_field_first(compiled: dict[tuple[str, ...], Any]) -> None:
    first, last = compiled[ORDERS[1]], compiled[ORDERS[2]]
    assert first["changes"] != last["changes"]
    different = list(differences(flat(first["definition"]), flat(last["definition"])))
    for path in different:
        assert path.startswith(("Steps.", "Parameters")), path
