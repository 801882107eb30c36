"""What plugins cost: a site with 400 other distributions, and 0, 1, 3 or 20 plugins. Prints JSON.

Each plugin gives metadata, decorates the template class, and tags every step. A compile is all of it: reading the config,
compiling, emitting the SDK's objects, and the definition.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

OTHERS = 400
COUNTS = (0, 1, 3, 20)

PLUGIN = """
from dataclasses import replace
from dagsmith.plugin import hookimpl, put, value_at

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
from benchmarks.pipelines import config
from dagsmith import PipelineDAGCompiler
from dagsmith.plugins.discovery import scan
names = json.loads(sys.argv[1])
def timed(work, repeats=7):
    work()
    times = []
    for _ in range(repeats):
        gc.collect(); start = time.perf_counter(); work(); times.append(time.perf_counter() - start)
    return statistics.median(times)
path = Path(sys.argv[2]) / "pipeline.json"
path.write_text(json.dumps(config("chain", 100), indent=1))
def compiled(plugins):
    gc.collect()
    start = time.perf_counter()
    PipelineDAGCompiler(path, plugins=plugins).compile().definition()
    return time.perf_counter() - start
compiled(names)
ratios = [compiled(names) / compiled([]) for _ in range(9)]
print(json.dumps({"scan": timed(scan), "ratio": statistics.median(ratios)}))
"""


def main() -> None:
    results = {}
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            site = Path(folder)
            for index in range(OTHERS):
                _distribution(
                    site, f"other-{index}", "[console_scripts]\nrun = json:dumps\n" if index % 2 else None
                )
            names = [f"plugin-{index}" for index in range(count)]
            for index, name in enumerate(names):
                (site / f"plugin_{index}.py").write_text(PLUGIN.format(index=index))
                _distribution(
                    site, name, f"[dagsmith]\n{name} = plugin_{index}\n[dagsmith.api]\n{name} = v1\n"
                )
            code = f"import sys; sys.path.insert(0, {folder!r}); sys.argv = ['', {json.dumps(names)!r}, {folder!r}]\n{MEASURE}"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            results[count] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(results))


def _distribution(site: Path, name: str, entry_points: str | None) -> None:
    folder = site / f"{name.replace('-', '_')}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if entry_points:
        (folder / "entry_points.txt").write_text(entry_points)


if __name__ == "__main__":
    main()
