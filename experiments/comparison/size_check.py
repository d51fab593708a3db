"""How often tests call a difference where there is none, on final values as measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from experiments.comparison.compare_learning import Comparison, reference_method
from experiments.statistics.binomial import clopper_pearson
from experiments.statistics.bounded import improvement, improvement_scores, mean_limits
from theory.arrays import FloatArray

# Most that a test may err, and pairs of samples drawn in each scenario: with up to 10 alarms among them the 95% limits
# stay below 5%.
NOMINAL, N_DRAWS = 0.05, 400

# A test calls differences of two samples, (n, draws) each, given the values of the worst and of the best policy.
Test = Callable[[FloatArray, FloatArray, tuple[float, float]], NDArray[np.bool_]]

ONE_LAW, EVEN_ODDS, EQUAL_MEANS = "one law", "even odds, other shapes", "equal means, other shapes"
# Laws that are hard for every test of their kind, whatever was measured: each run of the one is the best or the worst.
COIN, SELDOM_STUCK = "tosses of a coin", "seldom at the worst value"
# Runs at the worst value that a sample of the second kind has on average. With few, many samples have none.
STUCK_RUNS = (1.0, 2.0, 2.5)


def calls_improvement(first: FloatArray, second: FloatArray, bounds: tuple[float, float]) -> NDArray[np.bool_]:
    """Whether the probability of improvement is called other than 1/2."""
    called = [improvement(a, b, bounds[1]).p_value <= NOMINAL for a, b in zip(first.T, second.T, strict=True)]
    return np.array(called)


def calls_means(first: FloatArray, second: FloatArray, bounds: tuple[float, float]) -> NDArray[np.bool_]:
    """Whether the limits of the difference of means exclude 0."""
    (low, high), (other_low, other_high) = (mean_limits(x, *bounds, outside=NOMINAL / 2) for x in (first, second))
    return np.asarray((low > other_high) | (high < other_low))


# Tests, and the scenarios in which what they test is true.
TESTS: Mapping[str, tuple[Test, tuple[str, ...]]] = {
    "improvement": (calls_improvement, (ONE_LAW, EVEN_ODDS, COIN)),
    "means": (calls_means, (ONE_LAW, EQUAL_MEANS, SELDOM_STUCK)),
}


@dataclass(frozen=True, eq=False)
class _Law:
    """Values and their probabilities."""

    values: FloatArray
    weights: FloatArray

    def draw(self, size: tuple[int, int], rng: Generator) -> FloatArray:
        return np.asarray(rng.choice(self.values, size, p=self.weights))


def check_tests(
    found: Comparison,
    rng: Generator,
    *,
    n_draws: int = N_DRAWS,
    tests: Mapping[str, tuple[Test, tuple[str, ...]]] = TESTS,
) -> pd.DataFrame:
    """Draw samples with no difference from the final values of a comparison, and count the differences called.

    In the scenario "one law" both samples come from the runs of one method, with its own share of stuck runs. In the
    others one sample comes from a method and the other from the reference method, one of which is changed: moved until
    a run of the one is as likely above as below one of the other, or mixed with the worst of all runs until the means
    are equal. So shapes and shares of stuck runs differ. Two more scenarios are the hardest cases and need no method:
    every run of one sample has the best or the worst value, and those of the other are all equal.

    Parameters
    ----------
    found : Comparison
    rng : Generator
    n_draws : int
        Pairs of samples, each as large as in the comparison.
    tests : mapping of names to tests and scenarios

    Returns
    -------
    DataFrame
        One row per test, scenario and method: ``alarms`` among ``draws``, their ``rate`` with exact 95% limits ``low``
        and ``high``; ``within`` tells that the upper limit is at most 5%.
    """
    values, n = found.values, len(found.values)
    rows = []
    measured = _scenarios(values, reference_method(found.finals), found.bounds)
    for scenario, name, first, second in (*measured, *_hardest(found.bounds, n)):
        size = (n, n_draws)
        one, two = first.draw(size, rng), second.draw(size, rng)
        for test, (calls, where) in tests.items():
            if scenario in where:
                alarms = int(calls(one, two, found.bounds).sum())
                low, high = clopper_pearson(alarms, n_draws)
                rows.append((test, scenario, name, n, alarms, n_draws, alarms / n_draws, low, high, high <= NOMINAL))
    columns = ["test", "scenario", "method", "seeds", "alarms", "draws", "rate", "low", "high", "within"]
    return pd.DataFrame(rows, columns=columns)


def _scenarios(
    values: pd.DataFrame, reference: str, bounds: tuple[float, float]
) -> Iterator[tuple[str, str, _Law, _Law]]:
    worst, base = float(values.to_numpy().min()), _law(values[reference].to_numpy())
    for name in values.columns:
        own = _law(values[name].to_numpy())
        yield ONE_LAW, name, own, own
        if name != reference:
            yield EVEN_ODDS, name, *_with_even_odds(own, base, bounds[1])
            yield EQUAL_MEANS, name, *_with_equal_means(own, base, worst)


def _hardest(bounds: tuple[float, float], n: int) -> Iterator[tuple[str, str, _Law, _Law]]:
    """One law on the two bounds, and another on one point: the median of the first, or its mean."""
    ends = np.array(bounds)
    yield COIN, "1/2", _law(ends), _law(ends.mean(keepdims=True))
    for runs in STUCK_RUNS:
        if runs >= n:
            continue
        weights = np.array([runs / n, 1 - runs / n])
        yield SELDOM_STUCK, f"{runs:g} of {n}", _Law(ends, weights), _law(np.array([ends @ weights]))


def _law(values: FloatArray) -> _Law:
    return _Law(values, np.full(len(values), 1 / len(values)))


def _mixed(one: _Law, two: _Law, share: float) -> _Law:
    """The first law with probability 1 - share, and the second otherwise."""
    weights = np.concatenate([(1 - share) * one.weights, share * two.weights])
    return _Law(np.concatenate([one.values, two.values]), weights)


def _with_equal_means(own: _Law, base: _Law, worst: float) -> tuple[_Law, _Law]:
    """The better law falls to the worst value so often that both means are equal."""
    mean, target = (float(law.values @ law.weights) for law in (own, base))
    bottom = _law(np.array([worst]))
    if mean >= target:
        return _mixed(own, bottom, (mean - target) / (mean - worst) if mean > target else 0.0), base
    return own, _mixed(base, bottom, (target - mean) / (target - worst))


def _with_even_odds(own: _Law, base: _Law, optimum: float) -> tuple[_Law, _Law]:
    """The first law is moved, by one of two neighbouring shifts, to be above the second exactly half of the time."""
    reach = float(np.ptp(np.concatenate([own.values, base.values]))) + 2 * abs(optimum)
    low, high = -reach, reach
    while high - low > 1e-10 * reach:
        middle = (low + high) / 2
        if _odds(_moved(own, middle), base, optimum) < 0.5:
            low = middle
        else:
            high = middle
    below, above = (_odds(_moved(own, shift), base, optimum) for shift in (low, high))
    return _mixed(_moved(own, low), _moved(own, high), (0.5 - below) / (above - below)), base


def _moved(law: _Law, shift: float) -> _Law:
    return _Law(law.values + shift, law.weights)


def _odds(one: _Law, two: _Law, optimum: float) -> float:
    """Probability of improvement, with the ties of the test."""
    return float(one.weights @ improvement_scores(one.values, two.values, optimum) @ two.weights)
