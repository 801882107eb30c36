"""Write the golden definitions again: ``python -m tests.integration.equivalence.regenerate``.

Read the diff before you commit it: it is what users will see change.
"""

from __future__ import annotations

from .pipelines import CONFIGS, GOLDEN, compile_config, golden_text


def regenerate() -> None:
    """Write the definition of each config, and remove those that have none any more."""
    GOLDEN.mkdir(exist_ok=True)
    for path in GOLDEN.glob("*.json"):
        if path.stem not in CONFIGS:
            path.unlink()
    for name in CONFIGS:
        text = golden_text(compile_config(name).definition)
        (GOLDEN / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    regenerate()
