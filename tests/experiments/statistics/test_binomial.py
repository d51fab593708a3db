"""Rates that are shown to be off, and those that only look so among many."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import bdtr, bdtrc

from experiments.statistics.binomial import clopper_pearson, shown_outside

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
