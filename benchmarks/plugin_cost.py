"""The cost of plugins in an environment with 400 other distributions, as JSON.

First 0, 1, 3 and 20 plugins made for this: each gives metadata, decorates the template class, and tags every step. Then the
plugins of this repository, alone and together, with a company's rules and lineage written to a file. A compile is all of
it: reading the config, compiling, emitting the SDK's objects, and the definition.

``python -m benchmarks.plugin_cost`` runs on its own, in an environment with an SDK and the plugins.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.pipelines import config
from tests.support.mods_site import build_site

OTHERS = 400
COUNTS = (0, 1, 3, 20)
REAL = (
    ("guardrails",),
    ("mods",),
    ("openlineage",),
    ("guardrails", "mods", "openlineage"),
    ("mods", "guardrails", "openlineage"),
)
OPTIONS = {
    "guardrails": {
        "kms_key": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "subnets": ["subnet-0123456789abcdef0"],
        "security_group_ids": ["sg-0123456789abcdef0"],
        "encrypt_inter_container_traffic": True,
        "required_tags": {"team": {"pattern": "[a-z]+"}, "cost-center": "42"},
        "allowed_regions": ["us-*"],
        "allowed_instance_types": ["ml.m5.*"],
        "allowed_image_registries": ["123456789012.dkr.ecr.*.amazonaws.com"],
        "max_runtime_in_seconds": 86_400,
    },
    "mods": {"author": "team@example.com", "version": "1.0.0", "description": "A benchmark"},
    "openlineage": {"transport": "file", "path": "lineage.jsonl"},
}

PLUGIN = """
from dataclasses import replace
from dagcast.plugin import hookimpl, put, value_at

@hookimpl
def extract_metadata(config, dag):
    return {{"plugin-{index}": len(dag.nodes)}}

@hookimpl
def decorate_template_class(template_class):
    return type(template_class)(template_class.__name__, (template_class,), {{}})

@hookimpl
def transform_spec(spec):
    tag = {{"Key": "plugin-{index}", "Value": "yes"}}
    steps = tuple(put(step, "Tags", [*value_at(step, "Tags", ()), tag]) for step in spec.steps)
    return replace(spec, steps=steps)
"""

MEASURE = """
import gc, json, statistics, sys, time
from pathlib import Path
from dagcast import PipelineDAGCompiler
from dagcast.plugins import code_files, imported_code
from dagcast.plugins.scan import scan_plugins
choices, path = json.loads(sys.argv[1]), Path(sys.argv[2])
def timed(work, repeats=7):
    work()
    times = []
    for _ in range(repeats):
        gc.collect(); start = time.perf_counter(); work(); times.append(time.perf_counter() - start)
    return statistics.median(times)
def compiled(plugins):
    gc.collect()
    start = time.process_time()
    PipelineDAGCompiler(path, plugins=plugins).compile().definition()
    return time.process_time() - start
start = time.perf_counter()
scan_plugins()
first = time.perf_counter() - start
# As the first of a process: no file is digested, and no module is compared.
loaded = PipelineDAGCompiler(path, plugins=choices[-1]).plugins.plugins
entries = [plugin.loaded.entry for plugin in loaded]
code_files._DIGESTS.clear(), imported_code._IMPORTS.clear()
start = time.process_time()
for entry in entries:
    code = code_files.read_code(entry)
    imported_code.remember_import(entry, code)
    list(imported_code.check_loaded(entry, code))
lock = time.process_time() - start
for plugins in choices:
    compiled(plugins)
pairs = [[(compiled(plugins), compiled([])) for plugins in choices] for _ in range(int(sys.argv[3]))]
ratios = [statistics.median(some / none for some, none in found) for found in zip(*pairs)]
print(json.dumps({"first_scan": first, "scan": timed(scan_plugins), "lock": lock, "ratios": ratios}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plugin_cost")
    parser.add_argument("--quick", action="store_true", help="each compile once, and fewer plugins")
    quick = parser.parse_args().quick
    repeats = 1 if quick else 15
    results: dict[str, Any] = {"counts": {}}
    for count in (0, 3) if quick else COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            site = _site(Path(folder))
            names = [f"plugin-{index}" for index in range(count)]
            for index, name in enumerate(names):
                (site / f"plugin_{index}.py").write_text(PLUGIN.format(index=index))
                _distribution(site, name, f"[dagcast]\n{name} = plugin_{index}\n[dagcast.api]\n{name} = v1\n")
            found = _measured(site, [names], config("chain", 100), repeats)
            results["counts"][str(count)] = {"scan": found["scan"], "ratio": found["ratios"][0]}
            results["first_scan"] = found["first_scan"]
    with tempfile.TemporaryDirectory() as folder:
        site = build_site(_site(Path(folder)))
        data = config("chain", 100)
        data["pipeline"] |= {"region": "us-east-1", "tags": {"team": "science"}}
        data["plugins"] = {"options": OPTIONS}
        found = _measured(site, REAL, data, repeats)
        results["lock"] = found["lock"]
        results["real"] = {
            ", ".join(names): ratio for names, ratio in zip(REAL, found["ratios"], strict=True)
        }
    print(json.dumps(results))


def _measured(site: Path, choices: Any, data: dict[str, Any], repeats: int) -> dict[str, Any]:
    """Return the seconds of a scan, and for each list of plugins the ratio of a compile to one without plugins."""
    path = site / "pipeline.json"
    path.write_text(json.dumps(data, indent=1))
    code = f"import sys; sys.path.insert(0, {str(site)!r})\n{MEASURE}"
    command = [sys.executable, "-c", code, json.dumps(choices), str(path), str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _site(site: Path) -> Path:
    for index in range(OTHERS):
        _distribution(site, f"other-{index}", "[console_scripts]\nrun = json:dumps\n" if index % 2 else None)
    return site


def _distribution(site: Path, name: str, entry_points: str | None) -> None:
    folder = site / f"{name.replace('-', '_')}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if entry_points:
        (folder / "entry_points.txt").write_text(entry_points)


if __name__ == "__main__":
    main()
