"""Searching hyperparameters, without any training."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagcast.runner.tuning.hyperparameter_search import (
    SearchRangeError,
    count_combinations,
    make_search,
    read_ranges,
)

NUMBERS: dict[str, Any] = {
    "IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": "9", "ScalingType": "Linear"}],
    "ContinuousParameterRanges": [{"Name": "x", "MinValue": "-1", "MaxValue": "1"}],
}
CHOICES: dict[str, Any] = {
    "CategoricalParameterRanges": [
        {"Name": "kernel", "Values": ["rbf", "poly"]},
        {"Name": "norm", "Values": ["1", "2", "3"]},
    ]
}


def _trials(strategy: str, given: dict[str, Any], count: int, seed: int = 1) -> list[dict[str, str]]:
    """The trials of a search for the smallest ``x``, or of one whose objective is always the same."""
    search = make_search(strategy, read_ranges(given), seed=seed, maximize=False, trials=count)
    trials = []
    for _ in range(count):
        chosen = search.ask()
        if chosen is None:
            break
        trials.append(chosen)
        search.tell(float(chosen.get("x", 0)) ** 2)
    return trials


@pytest.mark.parametrize("strategy", ["Random", "Bayesian", "Hyperband"])
def test_values_stay_in_their_ranges_and_are_strings(strategy: str) -> None:
    for chosen in _trials(strategy, {**NUMBERS, **CHOICES}, 20):
        assert 1 <= int(chosen["depth"]) <= 9
        assert -1 <= float(chosen["x"]) <= 1
        assert chosen["kernel"] in ("rbf", "poly")


@pytest.mark.parametrize("strategy", ["Random", "Bayesian", "Hyperband", "Grid"])
def test_the_same_seed_gives_the_same_trials(strategy: str) -> None:
    given = CHOICES if strategy == "Grid" else {**NUMBERS, **CHOICES}
    first, again = _trials(strategy, given, 15), _trials(strategy, given, 15)
    assert first == again
    assert (first != _trials(strategy, given, 15, seed=2)) is (strategy != "Grid")


def test_a_bayesian_search_learns_from_results() -> None:
    far = {
        strategy: sum(abs(float(trial["x"])) for trial in _trials(strategy, _continuous("-1", "1"), 60)[30:])
        for strategy in ("Bayesian", "Random")
    }
    assert far["Bayesian"] < far["Random"] / 2


def test_a_grid_is_every_combination_once() -> None:
    trials = _trials("Grid", CHOICES, 100)
    assert len({tuple(trial.items()) for trial in trials}) == len(trials) == 6
    assert count_combinations(read_ranges(CHOICES)) == 6


def test_a_grid_takes_no_numbers() -> None:
    with pytest.raises(SearchRangeError, match="categorical ranges, but 'depth'"):
        make_search("Grid", read_ranges(NUMBERS), seed=1, maximize=True, trials=1)


def test_a_failed_trial_is_not_what_a_search_ends_with() -> None:
    search = make_search("Bayesian", read_ranges(NUMBERS), seed=1, maximize=True, trials=5)
    for objective in (None, 1.0, None, 2.0, None):
        assert search.ask() is not None
        search.tell(objective)


def _continuous(low: str, high: str, scaling: str | None = None) -> dict[str, Any]:
    written = {"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scaling}
    return {"ContinuousParameterRanges": [{key: value for key, value in written.items() if value}]}


@pytest.mark.parametrize(
    ("low", "high", "scaling", "logarithmic"),
    [
        ("0.00001", "0.1", "Auto", True),
        ("0.00001", "0.1", None, True),
        ("0.00001", "0.1", "Linear", False),
        ("1", "2", "Auto", False),
        ("1", "2", "Logarithmic", True),
        ("0", "100", "Auto", False),
        ("-5", "100", "Auto", False),
        # docs/local-run.md: Auto is logarithmic from a hundredfold range on.
        ("0.5", "50", "Auto", True),
        ("0.5", "49.99", "Auto", False),
        ("3", "300", None, True),
        ("3", "299", None, False),
    ],
)
def test_auto_is_logarithmic_where_a_range_is_wide(
    low: str, high: str, scaling: str | None, logarithmic: bool
) -> None:
    assert read_ranges(_continuous(low, high, scaling))[0].is_logarithmic is logarithmic


def test_a_logarithmic_range_searches_small_values_as_much_as_large_ones() -> None:
    def small(scaling: str) -> int:
        trials = _trials("Random", _continuous("0.0001", "1", scaling), 200)
        return sum(float(trial["x"]) < 0.01 for trial in trials)

    assert small("Logarithmic") > 60 > 10 > small("Linear")


@given(low=st.floats(0, 0.99), width=st.floats(0, 0.99))
def test_a_reverse_logarithmic_range_stays_inside(low: float, width: float) -> None:
    high = min(low + width, 0.999)
    ranges = read_ranges(_continuous(repr(low), repr(high), "ReverseLogarithmic"))
    search = make_search("Random", ranges, seed=3, maximize=True, trials=1)
    chosen = search.ask()
    assert chosen is not None
    assert low <= float(chosen["x"]) <= high


def test_a_reverse_logarithmic_range_searches_what_is_close_to_one() -> None:
    trials = _trials("Random", _continuous("0", "0.9999", "ReverseLogarithmic"), 200)
    assert sum(float(trial["x"]) > 0.99 for trial in trials) > 60


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "has no hyperparameter"),
        (_continuous("0", "1", "Logarithmic"), "needs values over 0"),
        (_continuous("0", "1", "ReverseLogarithmic"), "to less than 1"),
        (_continuous("2", "1"), "MinValue 2 is over MaxValue 1"),
        (_continuous("a", "1"), "'x': could not convert string"),
        (_continuous("nan", "1"), "'nan' is not a number"),
        (_continuous("0", "1", "Logarithmc"), "did you mean 'Logarithmic'"),
        (
            {"IntegerParameterRanges": [{"Name": "n", "MinValue": "1.5", "MaxValue": "2"}]},
            "not a whole number",
        ),
        ({"IntegerParameterRanges": [{"Name": "n", "MinValue": "1"}]}, "lacks 'MaxValue'"),
        ({"CategoricalParameterRanges": [{"Name": "c", "Values": []}]}, "Values is empty"),
        ({"CategoricalParameterRanges": [{"Name": "c", "Values": ["a"]}] * 2}, "has two ranges"),
    ],
)
def test_a_range_that_cannot_be_searched_says_why(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SearchRangeError, match=message):
        read_ranges(given)


def test_all_ranges_that_are_wrong_are_named() -> None:
    given = {**_continuous("2", "1"), "CategoricalParameterRanges": [{"Name": "c", "Values": []}]}
    with pytest.raises(SearchRangeError) as caught:
        read_ranges(given)
    assert len(caught.value.problems) == 2


def test_a_number_is_written_so_that_it_reads_back() -> None:
    for trial in _trials("Random", _continuous("0.1", "0.3"), 20):
        assert math.isclose(float(trial["x"]), float(repr(float(trial["x"]))), rel_tol=0)
