"""The text of ``docs/benchmarks.md``."""

from __future__ import annotations

from typing import Any

from benchmarks.promises import BESIDE_YAML, GROWTH, RULES, START_UP


def render(
    rows: list[dict[str, Any]],
    memory: list[dict[str, Any]],
    whole: dict[str, float],
    plugins: dict[str, Any],
    ratios: dict[str, Any],
    sizes: tuple[int, int],
    minutes: float,
) -> str:
    """Return the text of the page."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`, which measures everything side by side in one run and fails if a promise is not kept.",
        f"It took {minutes:.0f} minutes. Ratios hold across machines; milliseconds are those of the run that wrote this page.",
        "",
        "## Beside the same pipeline by hand",
        "",
        "Chains and fan-outs of Processing steps. *Compile* is from a config already read to the SDK's `Pipeline`; *read* is",
        "reading and checking the YAML; *by hand* is building the same pipeline with the SDK's own classes. Faster: compile and",
        "definition against building and definition by hand; in brackets with reading included.",
        "",
        "| SDK | pipeline | read | compile | definition | by hand: build | definition | faster |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        hand = [ms(row[key]) if key in row else "-" for key in ("hand_build", "hand_definition")]
        faster = f"**{row['ratio']:.0f} times** ({row['ratio_read']:.1f} times)" if "ratio" in row else "-"
        ours = [ms(row[key]) for key in ("read", "compile", "definition")]
        cells = [str(row["sdk"]), f"{row['shape']} of {row['size']:,}", *ours, *hand, faster]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "By hand is measured up to 1,000 steps on SDK 2 and 100 on SDK 3, where it takes seconds to minutes. The definition of",
        "10,000 such steps is longer than the service takes; the limit is lifted to measure how cost grows.",
        "",
        f"A step of {sizes[0]:,} by one of 100, compile and definition, CPU time in turn within a process; promised {GROWTH}:",
        "",
        "| SDK | shape | a step, by one of 100 |",
        "|---|---|---|",
        *(f"| {row['sdk']} | {row['shape']} | {row['ratio']:.2f} times |" for row in ratios["growth"]),
        "",
        f"Reading a chain of {sizes[1]:,} steps and compiling it to its definition, by libyaml's C parser (`yaml.load` with",
        f"`CSafeLoader`) and `json.dumps` of the same file: **{ratios['yaml']['on']:.2f} times** with Python's cyclic garbage collector on,",
        f"as it is by default, and {ratios['yaml']['off']:.2f} times with it off for both. Promised is {BESIDE_YAML:.0f} times with it on.",
        f"The rules of the service take {ratios['rules']:.0%} of it; promised {RULES:.0%}.",
        "",
    ]
    if memory:
        lines += [
            "## Memory",
            "",
            "Peak above what importing took, MiB, for a chain.",
            "",
            "| SDK | steps | dagcast | by hand |",
            "|---|---|---|---|",
        ]
        for row in memory:
            hand_used = f"{row['hand']:.0f}" if "hand" in row else "-"
            lines.append(f"| {row['sdk']} | {row['size']:,} | {row['ours']:.0f} | {hand_used} |")
        lines.append("")
    lines += [
        "## Whole processes",
        "",
        "100 steps that name their images; neither `validate` nor `compile -o` imports an SDK.",
        "",
        "| command | ms | of importing SDK 3 |",
        "|---|---|---|",
    ]
    for name in ("python -c pass", "dagcast --help", "validate", "compile -o", "import SDK 3"):
        share = f"{whole[f'{name} share']:.2f}" if f"{name} share" in whole else "-"
        lines.append(f"| `{name}` | {ms(whole[name])} | {share} |")
    start = ratios["start"]
    lines += [
        "",
        "`dagcast compile -o` of the example (eight steps), by a program that imports click and yaml and defines one pydantic",
        f"model: **{start['ratio']:.2f} times** the CPU time ({ms(start['compile'])} and {ms(start['imports'])} ms), whole processes in turn;",
        f"promised {START_UP}.",
        "",
        "## Plugins",
        "",
        "Beside 400 other installed distributions. The scan reads their metadata and imports nothing; the first one of a",
        f"process takes {ms(plugins['first_scan'])} ms. Each plugin gives metadata, decorates the class and tags all of 100",
        "steps; a compile is from the config file to the definition.",
        "",
        "| plugins | scan, ms | compile, against none |",
        "|---|---|---|",
        *(
            f"| {count} | {ms(cost['scan'])} | {cost['ratio']:.2f} times |"
            for count, cost in plugins["counts"].items()
        ),
        "",
        "The plugins of this repository on the same pipeline, in one process: guardrails with nine rules, mods with metadata and",
        "standard parameters, and openlineage with a file, to which its client writes an event for every step. More than half of",
        "what guardrails and mods cost is that the pipeline grows: they add about ten settings to every step, which are attributed,",
        "checked and written. More than half of what openlineage costs is OpenLineage's own client. The promise, 1.5 times, is for",
        "three plugins like those above, and for each of these alone; it is not kept by all of these together. In a git checkout",
        "mods also asks git twice, which takes a few milliseconds however large the pipeline is.",
        "",
        "| plugins | compile, against none |",
        "|---|---|",
        *(f"| {names} | {ratio:.2f} times |" for names, ratio in plugins["real"].items()),
        "",
        "The plugin lock compares the code of these three with their files: digests of the files, and cached bytecode and functions of",
        f"the imported modules. The first comparison of a process takes {ms(plugins['lock'])} ms of CPU time; promised are 100.",
        "",
    ]
    return "\n".join(lines)


def ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f}" if seconds < 0.1 else f"{seconds * 1000:,.0f}"
