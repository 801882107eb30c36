"""A sample of the fuzzer's mutants: whatever a config says, validating it ends in diagnostics."""

from __future__ import annotations

from benchmarks.fuzz_configs import run


def test_no_mutant_ends_in_a_traceback() -> None:
    outcome = run(seed=20, count=150)
    assert outcome.failures == {}
    # The mutants reach every stage, and some are left valid.
    assert outcome.valid > 0
    assert {code.partition(".")[0] for code in outcome.codes} >= {
        "document",
        "config",
        "request",
        "reference",
        "wiring",
    }
