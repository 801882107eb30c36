"""Measure in the environment of one SDK: ``python -m benchmarks.measure compile|memory ...`` prints JSON."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import resource
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.pipelines import by_hand, config


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["compile", "growth", "yaml", "rules", "memory"])
    parser.add_argument("--shape", required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--hand", action="store_true", help="also by hand; for memory: only by hand")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    # The definition of 10,000 steps exceeds the service's limit, which is raised to measure the growth.
    import dagcast.compile.check_spec as checks

    checks.DEFINITION_MAX_LENGTH = 10**12  # type: ignore[misc]
    measures = {
        "compile": compile_times,
        "growth": growth,
        "yaml": beside_yaml,
        "rules": rules,
        "memory": memory,
    }
    print(json.dumps(measures[arguments.what](arguments)))


def compile_times(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the seconds of each repeat: dagcast and by hand in alternation."""
    from dagcast import PipelineDAGCompiler
    from tests.by_hand.session import offline_session, schemas_checked_once, sdk_major

    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, offline_session() as session, schemas_checked_once():
        path = Path(folder) / "pipeline.yaml"
        path.write_text(_yaml(config(arguments.shape, arguments.size)))
        # The first round of each loads imports and service models.
        PipelineDAGCompiler(config(arguments.shape, 2)).compile().definition()
        if arguments.hand:
            by_hand(session, arguments.shape, 2, sdk_major()).definition()
        for _ in range(arguments.repeats):
            if arguments.hand:
                _time(
                    times,
                    "hand_build",
                    lambda: by_hand(session, arguments.shape, arguments.size, sdk_major()),
                )
                _time(times, "hand_definition", lambda: _last.definition())
            _time(times, "read", lambda: _loaded(path))
            _time(times, "compile", lambda: _last.compile())
            _time(times, "definition", lambda: _last.definition())
    return times


def growth(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the ratio of a step's CPU time in the largest pipeline to one of 100 steps, for each repeat."""
    from dagcast import PipelineDAGCompiler
    from tests.by_hand.session import offline_session, schemas_checked_once

    def seconds(size: int) -> float:
        compiler = PipelineDAGCompiler(config(arguments.shape, size))
        compiler.load()
        gc.collect()
        start = time.process_time()
        compiler.compile().definition()
        return (time.process_time() - start) / size

    ratios = []
    with offline_session(), schemas_checked_once():
        seconds(100)
        for _ in range(arguments.repeats):
            before = [seconds(100) for _ in range(10)]
            large = seconds(arguments.size)
            small = statistics.median(before + [seconds(100) for _ in range(10)])
            ratios.append(large / small)
    return {"ratios": ratios}


def beside_yaml(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the ratio of the CPU time of reading and compiling to that of libyaml's C parser and ``json.dumps``.

    A list of one ratio for each repeat, with Python's cyclic collector on and off for both.
    """
    import yaml

    from dagcast import PipelineDAGCompiler

    def ours(path: Path) -> object:
        return PipelineDAGCompiler(path).compile_definition()

    def plain(path: Path) -> object:
        return json.dumps(yaml.load(path.read_text(), Loader=yaml.CSafeLoader))

    def seconds(work: Callable[[Path], object], path: Path) -> float:
        gc.collect()
        start = time.process_time()
        work(path)
        return time.process_time() - start

    ratios: dict[str, list[float]] = {"on": [], "off": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        path.write_text(_yaml(config(arguments.shape, arguments.size)))
        ours(path)
        for _ in range(arguments.repeats):
            for collector, switch in (("on", gc.enable), ("off", gc.disable)):
                switch()
                ratios[collector].append(seconds(ours, path) / seconds(plain, path))
                gc.enable()
    return ratios


def rules(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the share of the rules in the CPU time of reading and compiling, for each repeat."""
    from dagcast import PipelineDAGCompiler
    from dagcast.check.definition import RuleChecker

    own = RuleChecker.check_step, RuleChecker.check_pipeline

    def seconds(path: Path, *, with_rules: bool) -> float:
        checks = own if with_rules else (lambda *_: iter(()), lambda *_: iter(()))
        RuleChecker.check_step, RuleChecker.check_pipeline = checks  # type: ignore[assignment, method-assign]
        gc.collect()
        start = time.process_time()
        PipelineDAGCompiler(path).compile_definition()
        return time.process_time() - start

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        path.write_text(_yaml(config(arguments.shape, arguments.size)))
        seconds(path, with_rules=True)
        pairs = [
            (seconds(path, with_rules=True), seconds(path, with_rules=False))
            for _ in range(arguments.repeats)
        ]
    return {"shares": [1 - without / whole for whole, without in pairs]}


def memory(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the peak memory of this process in MiB, and its memory before the compile."""
    from dagcast import PipelineDAGCompiler
    from tests.by_hand.session import offline_session, schemas_checked_once, sdk_major

    with offline_session() as session, schemas_checked_once():
        PipelineDAGCompiler(config(arguments.shape, 2)).compile().definition()
        by_hand(session, arguments.shape, 2, sdk_major()).definition()
        before = _peak()
        if arguments.hand:
            by_hand(session, arguments.shape, arguments.size, sdk_major()).definition()
        else:
            PipelineDAGCompiler(config(arguments.shape, arguments.size)).compile().definition()
    return {"before": before, "peak": _peak()}


_last: Any = None


def _time(times: dict[str, list[float]], key: str, work: Any) -> None:
    global _last
    gc.collect()
    start = time.perf_counter()
    result = work()
    times.setdefault(key, []).append(time.perf_counter() - start)
    _last = result


def _loaded(path: Path) -> Any:
    from dagcast import PipelineDAGCompiler

    compiler = PipelineDAGCompiler(path)
    compiler.load()
    return compiler


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _yaml(data: dict[str, Any]) -> str:
    import yaml

    # The dumper in Python takes half a minute for 10,000 steps.
    return yaml.dump(data, Dumper=yaml.CSafeDumper, sort_keys=False)


if __name__ == "__main__":
    sys.exit(main())
