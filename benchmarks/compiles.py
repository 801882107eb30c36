"""Measure compiles in processes of their own, with :mod:`benchmarks.measure`."""

from __future__ import annotations

import statistics
from itertools import product
from typing import Any

from benchmarks.pipelines import SHAPES
from benchmarks.processes import run_json

SIZES = (10, 100, 1_000, 10_000)
QUICK_SIZES = (4,)
MEMORY_SIZES = ((2, 1_000), (3, 100), (3, 10_000))
QUICK_MEMORY_SIZES = ((2, 4), (3, 4))
HAND_LIMIT = {2: 1_000, 3: 100}
"""By hand, larger pipelines take minutes (SDK 3: half a second a step) and show the same."""


def compile_rows(pythons: dict[int, str], sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return one row for each SDK, shape and size, with medians of seconds and of the ratios of each repeat."""
    rows = []
    for sdk, python in pythons.items():
        for shape, size in product(SHAPES if len(sizes) > 1 else SHAPES[:1], sizes):
            hand = size <= HAND_LIMIT[sdk]
            # By hand on SDK 3, a step takes about half a second.
            repeats = 1 if (sdk == 3 and size == 100) or sizes == QUICK_SIZES else 5 if hand else 2
            options = ["compile", "--shape", shape, "--size", str(size), "--repeats", str(repeats)]
            times = run_json(python, "benchmarks.measure", *options, *(["--hand"] if hand else []))
            row = {"sdk": sdk, "shape": shape, "size": size}
            row.update({key: statistics.median(values) for key, values in times.items()})
            if hand:
                ours = [c + d for c, d in zip(times["compile"], times["definition"], strict=True)]
                theirs = [b + d for b, d in zip(times["hand_build"], times["hand_definition"], strict=True)]
                read = times["read"]
                row["ratio"] = statistics.median(t / o for t, o in zip(theirs, ours, strict=True))
                row["ratio_read"] = statistics.median(
                    t / (o + r) for t, o, r in zip(theirs, ours, read, strict=True)
                )
            rows.append(row)
    return rows


def growth_rows(pythons: dict[int, str], size: int, repeats: int) -> list[dict[str, Any]]:
    """Return the ratio of the cost of a step in the largest pipeline to one of 100, for each SDK and shape."""
    rows = []
    for sdk, python in pythons.items():
        for shape in SHAPES if repeats > 1 else SHAPES[:1]:
            options = ["growth", "--shape", shape, "--size", str(size), "--repeats", str(repeats)]
            found = run_json(python, "benchmarks.measure", *options)
            rows.append({"sdk": sdk, "shape": shape, "ratio": statistics.median(found["ratios"])})
    return rows


def beside_yaml(python: str, size: int, repeats: int) -> dict[str, float]:
    """Return the ratio of reading and compiling to libyaml's parser and ``json.dumps``, with the collector on and off."""
    options = ["yaml", "--shape", "chain", "--size", str(size), "--repeats", str(repeats)]
    found = run_json(python, "benchmarks.measure", *options)
    return {collector: statistics.median(ratios) for collector, ratios in found.items()}


def rule_share(python: str, size: int, repeats: int) -> float:
    """Return the share of the rules in reading and compiling."""
    options = ["rules", "--shape", "chain", "--size", str(size), "--repeats", str(repeats)]
    return statistics.median(run_json(python, "benchmarks.measure", *options)["shares"])


def memory_rows(pythons: dict[int, str], sizes: tuple[tuple[int, int], ...]) -> list[dict[str, Any]]:
    """Return the peak memory without imports, for each SDK and size; by hand up to :data:`HAND_LIMIT`."""
    rows = []
    for sdk, size in sizes:
        row: dict[str, Any] = {"sdk": sdk, "size": size}
        for who in ("ours", "hand"):
            if who == "hand" and size > HAND_LIMIT[sdk]:
                continue
            options = [
                "memory",
                "--shape",
                "chain",
                "--size",
                str(size),
                *(["--hand"] if who == "hand" else []),
            ]
            used = run_json(pythons[sdk], "benchmarks.measure", *options)
            row[who] = used["peak"] - used["before"]
        rows.append(row)
    return rows
