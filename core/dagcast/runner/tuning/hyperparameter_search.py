"""Hyperparameter search: the ranges of a tuning job, and optuna's samplers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from dagcast.errors import DagcastError, did_you_mean
from dagcast.frozen_dataclass import dataclass

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

STRATEGIES = ("Bayesian", "Random", "Hyperband", "Grid")
"""Source: SageMaker API reference, ``HyperParameterTuningJobStrategyType``."""
SCALING_TYPES = ("Auto", "Linear", "Logarithmic", "ReverseLogarithmic")
"""Source: SageMaker API reference, ``HyperParameterScalingType``."""
LOGARITHMIC_RATIO = 100
"""``Auto`` is logarithmic if the largest value is at least so many times the smallest. SageMaker does not document
its rule."""


class SearchRangeError(DagcastError):
    """A range is invalid, or the strategy does not support it.

    Attributes:
        problems: All problems.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


@dataclass(frozen=True, kw_only=True)
class Range:
    """The range of one hyperparameter.

    Attributes:
        name: The hyperparameter.
        kind: ``Integer``, ``Continuous`` or ``Categorical``.
        low: The smallest value of a numeric range.
        high: The largest value of a numeric range.
        values: The values of a categorical range.
        scaling: One of :data:`SCALING_TYPES`.
    """

    name: str
    kind: str
    low: float = 0.0
    high: float = 0.0
    values: tuple[str, ...] = ()
    scaling: str = "Auto"

    @property
    def is_reversed(self) -> bool:
        """Whether the distance from 1 is searched."""
        return self.scaling == "ReverseLogarithmic"

    @property
    def is_logarithmic(self) -> bool:
        """Whether orders of magnitude are searched evenly."""
        wide = self.low > 0 and self.high / self.low >= LOGARITHMIC_RATIO
        return self.scaling in ("Logarithmic", "ReverseLogarithmic") or (self.scaling == "Auto" and wide)

    def make_distribution(self) -> BaseDistribution:
        """Return the range as a distribution of optuna."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.kind == "Categorical":
            return CategoricalDistribution(self.values)
        if self.kind == "Integer":
            return IntDistribution(int(self.low), int(self.high), log=self.is_logarithmic)
        low, high = (1 - self.high, 1 - self.low) if self.is_reversed else (self.low, self.high)
        return FloatDistribution(low, high, log=self.is_logarithmic)

    def format_value(self, chosen: Any) -> str:
        """Format a value that optuna chose as a hyperparameter, which is a string."""
        if self.kind == "Continuous" and self.is_reversed:
            chosen = min(max(1 - chosen, self.low), self.high)
        return str(chosen)


def read_ranges(given: Mapping[str, Any]) -> tuple[Range, ...]:
    """Read ``ParameterRanges``.

    Raises:
        SearchRangeError: If ranges are invalid; it has all problems.
    """
    ranges: list[Range] = []
    problems: list[str] = []
    for kind in ("Integer", "Continuous", "Categorical"):
        for written in given.get(f"{kind}ParameterRanges") or ():
            try:
                ranges.append(_read(kind, written))
            except (KeyError, ValueError, OverflowError) as error:
                name = written.get("Name")
                reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
                problems.append(f"hyperparameter {name!r}: {reason}")
    names = [found.name for found in ranges]
    problems += [f"hyperparameter {name!r} has two ranges" for name in names if names.count(name) > 1]
    if not ranges and not problems:
        problems.append("ParameterRanges has no hyperparameter")
    if problems:
        raise SearchRangeError(list(dict.fromkeys(problems)))
    return tuple(ranges)


def _read(kind: str, written: Mapping[str, Any]) -> Range:
    if kind == "Categorical":
        values = tuple(dict.fromkeys(map(str, written["Values"])))
        if not values:
            raise ValueError("Values is empty")
        return Range(name=written["Name"], kind=kind, values=values)
    scaling = written.get("ScalingType") or "Auto"
    if scaling not in SCALING_TYPES:
        raise ValueError(
            f"unknown ScalingType {scaling!r}; {did_you_mean(scaling, SCALING_TYPES) or 'expected one such as Auto'}"
        )
    low, high = (_number(kind, written[key]) for key in ("MinValue", "MaxValue"))
    if low > high:
        raise ValueError(f"MinValue {low:g} is over MaxValue {high:g}")
    if scaling == "Logarithmic" and low <= 0:
        raise ValueError(f"a logarithmic range needs values over 0, but MinValue is {low:g}")
    if scaling == "ReverseLogarithmic" and (kind == "Integer" or low < 0 or high >= 1):
        raise ValueError("a reverse logarithmic range must be Continuous, from 0 to less than 1")
    return Range(name=written["Name"], kind=kind, low=low, high=high, scaling=scaling)


def _number(kind: str, text: Any) -> float:
    number = float(text)
    if not math.isfinite(number) or (kind == "Integer" and number != int(number)):
        raise ValueError(f"{text!r} is not a {'whole ' if kind == 'Integer' else ''}number")
    return number


class Search(Protocol):
    """Chooses hyperparameters. Call ``ask`` once for each trial, and ``tell`` with the results in the same order."""

    def ask(self) -> dict[str, str] | None:
        """Return the next trial's hyperparameters; ``None`` if nothing is left to try."""

    def tell(self, objective: float | None) -> None:
        """Report the objective of the earliest trial without a result; ``None`` if it failed."""


def make_search(strategy: str, ranges: Sequence[Range], *, seed: int, maximize: bool, trials: int) -> Search:
    """Make the search for a strategy of SageMaker.

    ``Random`` is optuna's random sampler, ``Bayesian`` its tree-structured Parzen estimator (SageMaker: a Gaussian
    process), ``Hyperband`` the same estimator without early stopping, ``Grid`` every combination in order. The same
    seed and results give the same trials. Source of the strategies: SageMaker Developer Guide, "How Hyperparameter
    Tuning Works".

    Args:
        strategy: One of :data:`STRATEGIES`.
        ranges: The ranges to search.
        seed: The seed of the random generator.
        maximize: Whether a larger objective is better.
        trials: The maximum number of trials.

    Raises:
        SearchRangeError: If the strategy does not support such ranges.
    """
    if strategy == "Grid":
        numeric = [found.name for found in ranges if found.kind != "Categorical"]
        if numeric:
            raise SearchRangeError([f"strategy Grid needs categorical ranges, but {numeric[0]!r} is numeric"])
        return _Grid(ranges)
    return _Study(strategy, ranges, seed=seed, maximize=maximize, trials=trials)


def count_combinations(ranges: Sequence[Range]) -> int:
    """Count the combinations of categorical ranges."""
    return math.prod(len(found.values) for found in ranges)


class _Grid:
    def __init__(self, ranges: Sequence[Range]) -> None:
        names = [found.name for found in ranges]
        product = itertools.product(*(found.values for found in ranges))
        self._left: Iterator[dict[str, str]] = (dict(zip(names, values, strict=True)) for values in product)

    def ask(self) -> dict[str, str] | None:
        return next(self._left, None)

    def tell(self, objective: float | None) -> None:
        pass


class _Study:
    def __init__(
        self, strategy: str, ranges: Sequence[Range], *, seed: int, maximize: bool, trials: int
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        seed %= 2**32  # the range that numpy accepts
        # At most a third of the trials explore: optuna's default of ten would make a small job a random search.
        startup_trials = max(1, min(10, trials // 3))
        sampler = (
            optuna.samplers.RandomSampler(seed=seed)
            if strategy == "Random"
            else optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup_trials)
        )
        self._study = optuna.create_study(direction="maximize" if maximize else "minimize", sampler=sampler)
        self._failed = optuna.trial.TrialState.FAIL
        self._ranges = {found.name: found for found in ranges}
        self._distributions = {found.name: found.make_distribution() for found in ranges}
        self._pending: list[Any] = []

    def ask(self) -> dict[str, str] | None:
        trial = self._study.ask(self._distributions)
        self._pending.append(trial)
        return {name: self._ranges[name].format_value(value) for name, value in trial.params.items()}

    def tell(self, objective: float | None) -> None:
        trial = self._pending.pop(0)
        if objective is None:
            self._study.tell(trial, state=self._failed)
        else:
            self._study.tell(trial, objective)
