"""Cross-entropy of votes: slope and curvature against finite differences, closed forms, and extremes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theory import LINKS, ComplementaryLogLog, Logistic
from theory.likelihood import cross_entropy, cross_entropy_curvature
from theory.links import upper_tail

X = np.linspace(-2.4, 2.4, 25) + 0.013
SHARES = np.array([0.0, 0.2, 0.5, 1.0])
BY_LINK = pytest.mark.parametrize("name", LINKS)


@BY_LINK
def test_slope_and_curvature_are_derivatives(name: str) -> None:
    """Central differences, error of order h^2; a slope of the wrong sign or a share swapped is off by order 1."""
    link, h = LINKS[name](scale=3.0), 1e-5
    x, share = X[:, None], SHARES
    ends = [cross_entropy(link, x + side * h, share) for side in (1, -1)]
    slope = cross_entropy(link, x, share)[1]
    np.testing.assert_allclose(slope, (ends[0][0] - ends[1][0]) / (2 * h), atol=1e-8)
    bent = cross_entropy_curvature(link, x, share)
    np.testing.assert_allclose(bent, (ends[0][1] - ends[1][1]) / (2 * h), atol=1e-8)


@BY_LINK
def test_the_true_share_minimises(name: str) -> None:
    link = LINKS[name](scale=3.0)
    loss, slope = cross_entropy(link, X, link.probability(X))
    np.testing.assert_allclose(slope, 0, atol=1e-12)
    for shifted in (X - 0.05, X + 0.05):
        assert (cross_entropy(link, shifted, link.probability(X))[0] > loss).all()


def test_the_logistic_loss_is_that_of_the_log_odds() -> None:
    for share in SHARES:
        expected = np.logaddexp(0, X / 0.5) - share * X / 0.5
        np.testing.assert_allclose(cross_entropy(Logistic(0.5), X, share)[0], expected, rtol=1e-12)


@BY_LINK
def test_far_out_everything_is_finite(name: str) -> None:
    far = np.array([-1e6, -500.0, -30.0, 30.0, 500.0, 1e6])[:, None]
    loss, slope = cross_entropy(LINKS[name](), far, SHARES)
    assert np.isfinite(loss).all()
    assert np.isfinite(slope).all()
    assert np.isfinite(cross_entropy_curvature(LINKS[name](), far, SHARES)).all()


def test_the_light_tail_of_cloglog_is_not_lost_next_to_one() -> None:
    """1 - sigma(x) = 2^(-exp x): at x = 5 it is 4.6e-45, which a subtraction from 1 would call 0."""
    link = ComplementaryLogLog()
    assert float(upper_tail(link, 5.0)) == pytest.approx(2 ** -math.exp(5), rel=1e-12)
    loss, slope = cross_entropy(link, 5.0, 0.0)
    assert float(loss) == pytest.approx(math.log(2) * math.exp(5), rel=1e-12)
    assert float(slope) == pytest.approx(math.log(2) * math.exp(5), rel=1e-12)
