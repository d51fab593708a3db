"""Bounds of means: no more false alarms than stated, counted at a rate that can be seen, and the numbers by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from experiments.statistics.concentration import bernstein, dvoretzky_kiefer_wolfowitz, empirical_bernstein
from theory import InputError

N, SAMPLES, RATE = 200, 4_000, 0.05


@pytest.mark.parametrize("chance", [0.5, 0.02])
def test_bounds_are_exceeded_no_more_often_than_stated(chance: float) -> None:
    """Bernoulli variables, rate 5%, 4,000 samples: a rate above 6.8% would be seen with probability 0.999.

    False-alarm rate of the test below 1e-6, since the bounds are exceeded in far fewer than 5% of all samples.
    """
    sample = (np.random.default_rng(1).random((N, SAMPLES)) < chance).astype(float)
    error = np.abs(sample.mean(axis=0) - chance)
    assert (error > bernstein(chance * (1 - chance), max(chance, 1 - chance), N, RATE)).mean() <= RATE
    assert (error > empirical_bernstein(sample, 1.0, RATE)).mean() <= RATE


def test_distribution_functions_stay_within_their_bound() -> None:
    """Uniform variables: 4,000 samples at a rate of 5%; the bound is nearly attained, so 7% is what is refused."""
    sample = np.sort(np.random.default_rng(2).random((SAMPLES, N)), axis=1)
    steps = np.arange(N + 1) / N
    distance = np.maximum((steps[1:] - sample).max(axis=1), (sample - steps[:-1]).max(axis=1))
    assert (distance > dvoretzky_kiefer_wolfowitz(N, RATE)).mean() < 0.07


def test_numbers_by_hand() -> None:
    log = math.log(2 / 0.1)
    assert bernstein(0.0, 3.0, 10, 0.1) == pytest.approx(2 * 3 * log / 30)
    assert bernstein(4.0, 0.0, 10, 0.1) == pytest.approx(math.sqrt(8 * log / 10))
    sample = np.array([[0.0], [1.0], [0.0], [1.0]])
    expected = math.sqrt(2 / 3 * math.log(40) / 4) + 7 * math.log(40) / 9
    assert empirical_bernstein(sample, 1.0, 0.1) == pytest.approx(expected)
    assert dvoretzky_kiefer_wolfowitz(50, 0.1) == pytest.approx(math.sqrt(log / 100))


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, math.nan])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(InputError, match="false_alarm must lie strictly between 0 and 1"):
        dvoretzky_kiefer_wolfowitz(10, rate)
    with pytest.raises(InputError, match="false_alarm must lie strictly between 0 and 1"):
        bernstein(1.0, 1.0, 10, rate)


def test_one_row_is_no_sample() -> None:
    with pytest.raises(InputError, match="sample must have at least two rows, got 1"):
        empirical_bernstein(np.zeros((1, 3)), 1.0, 0.1)
