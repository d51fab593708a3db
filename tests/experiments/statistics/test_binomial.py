"""Rates that are shown to be off, and those that only look so among many."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import bdtr, bdtrc

from experiments.statistics.binomial import clopper_pearson, rate_of, shown_outside

N = 2000


def test_the_edge_is_where_the_binomial_tail_says() -> None:
    """40 rates, 5% together: one is named if its tail beyond the limit has at most 0.05 / 80, by another formula.

    Planted: a count one short of the edge is not named, and with single intervals it would be.
    """
    allowed, k = 0.03, 40
    counts = np.arange(N + 1)
    edge = int(counts[bdtrc(counts - 1, N, allowed) <= 0.05 / (2 * k)][0])
    rest = np.full(k - 1, 55)
    assert shown_outside([edge, *rest], N, 0.0, allowed).tolist() == [True] + [False] * (k - 1)
    assert not shown_outside([edge - 1, *rest], N, 0.0, allowed).any()
    assert clopper_pearson(edge - 1, N)[0] > allowed
    lower = int(counts[bdtr(counts, N, 0.93) <= 0.05 / (2 * k)][-1])
    assert shown_outside([lower, *np.full(k - 1, 1900)], N, 0.93, 0.97)[0]
    assert not shown_outside([lower + 1, *np.full(k - 1, 1900)], N, 0.93, 0.97).any()


@pytest.mark.parametrize("k", [1, 20, 200])
def test_rates_within_their_limits_are_rarely_named(k: int) -> None:
    """2,000 tables of k rates at their limit: any is named in at most 2.5% (one side); fails with probability 1e-6."""
    counts = np.random.default_rng(k).binomial(N, 0.03, (2000, k))
    edge = int(np.arange(N + 1)[shown_edge(k)][0])
    named = (counts >= edge).any(axis=1).sum()
    assert bdtrc(named - 1, 2000, 0.025) > 1e-6
    assert shown_outside(counts[0], N, 0.0, 0.03).tolist() == (counts[0] >= edge).tolist()


def shown_edge(k: int) -> np.ndarray:
    return bdtrc(np.arange(N + 1) - 1, N, 0.03) <= 0.05 / (2 * k)


def test_nothing_is_outside_of_an_empty_table() -> None:
    assert shown_outside([], [], 0.0, 0.03).size == 0


@pytest.mark.parametrize("n", [1, 7, 40])
def test_limits_are_where_the_tails_are_and_mirror(n: int) -> None:
    """Another formula: the binomial tail at the limit is half of what is left outside. Ends are exact."""
    for outside in (0.05, 0.2):
        for count in range(n + 1):
            low, high = clopper_pearson(count, n, outside)
            assert (low == 0) == (count == 0)
            assert (high == 1) == (count == n)
            if count:
                assert bdtrc(count - 1, n, low) == pytest.approx(outside / 2, rel=1e-9)
            if count < n:
                assert bdtr(count, n, high) == pytest.approx(outside / 2, rel=1e-9)
            np.testing.assert_allclose(clopper_pearson(n - count, n, outside), (1 - high, 1 - low), atol=1e-12)
    assert clopper_pearson(0, n) == clopper_pearson(0, n, 0.05)


def test_rate_of_what_happened() -> None:
    happened = np.array([[True, False, False], [False, True, False]])
    low, high = clopper_pearson(2, 6, 0.05)
    assert rate_of(happened) == {"count": 2, "n": 6, "rate": 2 / 6, "low": low, "high": high}


def test_each_of_many_rates_has_limits_of_its_own_on_both_sides() -> None:
    """Scalars and arrays mixed; rates just inside are not named, and each side alone is."""
    assert shown_outside(50, 100, [0.0, 0.7, 0.0, 0.2], [1.0, 1.0, 0.3, 0.8]).tolist() == [False, True, True, False]
    assert shown_outside([5, 95], [100, 100], 0.2, 0.8).tolist() == [True, True]
    assert shown_outside(50, 100, *clopper_pearson(50, 100)).tolist() == [False]
    low, high = clopper_pearson(50, 100)
    for limits in ((high + 1e-9, 1.0), (0.0, low - 1e-9)):
        assert shown_outside(50, 100, *limits).tolist() == [True]
    for limits in ((high, 1.0), (0.0, low)):
        assert shown_outside(50, 100, *limits).tolist() == [False]
