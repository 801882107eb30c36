"""Searching hyperparameters: the ranges of a tuning job, and optuna's samplers that choose from them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from dagcast.errors import DagcastError, did_you_mean

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

STRATEGIES = ("Bayesian", "Random", "Hyperband", "Grid")
"""Source: SageMaker API reference, ``HyperParameterTuningJobStrategyType``."""
SCALINGS = ("Auto", "Linear", "Logarithmic", "ReverseLogarithmic")
"""Source: SageMaker API reference, ``HyperParameterScalingType``."""
WIDE = 100
"""``Auto`` is logarithmic from where the largest value is so many times the smallest. SageMaker does not say how it
chooses."""


class SpaceError(DagcastError):
    """A range cannot be searched.

    Attributes:
        problems: All that is wrong.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


@dataclass(frozen=True, kw_only=True)
class Range:
    """The values that one hyperparameter may take.

    Attributes:
        name: The hyperparameter.
        kind: ``Integer``, ``Continuous`` or ``Categorical``.
        low: The smallest value of a numeric range.
        high: The largest one.
        values: Those of a categorical range.
        scaling: One of :data:`SCALINGS`.
    """

    name: str
    kind: str
    low: float = 0.0
    high: float = 0.0
    values: tuple[str, ...] = ()
    scaling: str = "Auto"

    @property
    def reversed(self) -> bool:
        """Whether the distance from 1 is what is searched."""
        return self.scaling == "ReverseLogarithmic"

    @property
    def logarithmic(self) -> bool:
        """Whether orders of magnitude are searched evenly."""
        wide = self.low > 0 and self.high / self.low >= WIDE
        return self.scaling in ("Logarithmic", "ReverseLogarithmic") or (self.scaling == "Auto" and wide)

    def distribution(self) -> BaseDistribution:
        """The range as optuna knows it."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.kind == "Categorical":
            return CategoricalDistribution(self.values)
        if self.kind == "Integer":
            return IntDistribution(int(self.low), int(self.high), log=self.logarithmic)
        low, high = (1 - self.high, 1 - self.low) if self.reversed else (self.low, self.high)
        return FloatDistribution(low, high, log=self.logarithmic)

    def text(self, chosen: Any) -> str:
        """What optuna chose, as the training job gets it: hyperparameters are strings."""
        if self.kind == "Continuous" and self.reversed:
            chosen = min(max(1 - chosen, self.low), self.high)
        return str(chosen)


def read_ranges(given: Mapping[str, Any]) -> tuple[Range, ...]:
    """The ranges of ``ParameterRanges``.

    Raises:
        SpaceError: With every range that is written wrongly.
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
        problems.append("there is no hyperparameter to search")
    if problems:
        raise SpaceError(list(dict.fromkeys(problems)))
    return tuple(ranges)


def _read(kind: str, written: Mapping[str, Any]) -> Range:
    if kind == "Categorical":
        values = tuple(dict.fromkeys(map(str, written["Values"])))
        if not values:
            raise ValueError("there are no values")
        return Range(name=written["Name"], kind=kind, values=values)
    scaling = written.get("ScalingType") or "Auto"
    if scaling not in SCALINGS:
        raise ValueError(f"no ScalingType {scaling!r}; {did_you_mean(scaling, SCALINGS) or 'Auto is one'}")
    low, high = (_number(kind, written[key]) for key in ("MinValue", "MaxValue"))
    if low > high:
        raise ValueError(f"MinValue {low:g} is over MaxValue {high:g}")
    if scaling == "Logarithmic" and low <= 0:
        raise ValueError(f"a logarithmic range has only values over 0, and MinValue is {low:g}")
    if scaling == "ReverseLogarithmic" and (kind == "Integer" or low < 0 or high >= 1):
        raise ValueError("a reverse logarithmic range is Continuous, from 0 to less than 1")
    return Range(name=written["Name"], kind=kind, low=low, high=high, scaling=scaling)


def _number(kind: str, text: Any) -> float:
    number = float(text)
    if not math.isfinite(number) or (kind == "Integer" and number != int(number)):
        raise ValueError(f"{text!r} is no {'whole ' if kind == 'Integer' else ''}number")
    return number


class Search(Protocol):
    """What chooses hyperparameters: asked once for each trial, in order, and told the results in order."""

    def ask(self) -> dict[str, str] | None:
        """The next trial's hyperparameters; ``None`` if there is nothing left to try."""

    def tell(self, objective: float | None) -> None:
        """The objective of the first trial that was not told of; ``None`` for one that failed."""


def make_search(strategy: str, ranges: Sequence[Range], *, seed: int, maximize: bool, trials: int) -> Search:
    """What SageMaker's strategy is here.

    ``Random`` is optuna's random sampler, ``Bayesian`` its tree-structured Parzen estimator (SageMaker: a Gaussian
    process), ``Hyperband`` the same estimator with no early stopping, ``Grid`` every combination in order. The same
    seed and results give the same trials. Source of the strategies: SageMaker Developer Guide, "How Hyperparameter
    Tuning Works".

    Args:
        strategy: One of :data:`STRATEGIES`.
        ranges: What is searched.
        seed: What makes the search repeatable.
        maximize: Whether a larger objective is better.
        trials: How many there will be at most.

    Raises:
        SpaceError: If the strategy cannot search such ranges.
    """
    if strategy == "Grid":
        numeric = [found.name for found in ranges if found.kind != "Categorical"]
        if numeric:
            raise SpaceError(
                [f"strategy Grid takes categorical ranges alone, and {numeric[0]!r} has another"]
            )
        return _Grid(ranges)
    return _Study(strategy, ranges, seed=seed, maximize=maximize, trials=trials)


def combinations(ranges: Sequence[Range]) -> int:
    """How many combinations categorical ranges have."""
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
        seed %= 2**32  # as numpy has it
        # A third of the trials explore: with optuna's own ten, a small job would search at random.
        explore = max(1, min(10, trials // 3))
        sampler = (
            optuna.samplers.RandomSampler(seed=seed)
            if strategy == "Random"
            else optuna.samplers.TPESampler(seed=seed, n_startup_trials=explore)
        )
        self._study = optuna.create_study(direction="maximize" if maximize else "minimize", sampler=sampler)
        self._failed = optuna.trial.TrialState.FAIL
        self._ranges = {found.name: found for found in ranges}
        self._distributions = {found.name: found.distribution() for found in ranges}
        self._untold: list[Any] = []

    def ask(self) -> dict[str, str] | None:
        trial = self._study.ask(self._distributions)
        self._untold.append(trial)
        return {name: self._ranges[name].text(value) for name, value in trial.params.items()}

    def tell(self, objective: float | None) -> None:
        trial = self._untold.pop(0)
        if objective is None:
            self._study.tell(trial, state=self._failed)
        else:
            self._study.tell(trial, objective)
