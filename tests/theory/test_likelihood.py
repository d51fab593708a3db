"""Cross-entropy of votes: slope and curvature against finite differences, closed forms, and extremes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import erfc

from theory import LINKS, ComplementaryLogLog, Linear, Logistic, Probit
from theory.arrays import FloatArray
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


def written_apart(name: str, z: NDArray[Any], share: float) -> NDArray[Any]:
    """Loss from formulas of its own, real or complex: the second term of the asymmetric link is its hazard."""
    if name == "cloglog":
        hazard = math.log(2) * np.exp(z)
        return -share * np.log(1 - np.exp(-hazard)) + (1 - share) * hazard
    chance: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
        "logistic": lambda t: 1 / (1 + np.exp(-t)),
        "probit": lambda t: erfc(-t / math.sqrt(2)) / 2,
        "cauchit": lambda t: 0.5 + np.arctan(t) / np.pi,
        "linear": lambda t: (1 + t) / 2,
    }
    return -share * np.log(chance[name](z)) - (1 - share) * np.log(chance[name](-z))


@BY_LINK
@pytest.mark.parametrize("share", SHARES)
def test_loss_and_derivatives_are_complex_steps_of_a_loss_written_apart(name: str, share: float) -> None:
    """Exact to rounding: a missing scale, or its wrong power in the curvature, would be off by a factor of 3."""
    link, step = LINKS[name](scale=3.0), 1e-30
    loss, slope = cross_entropy(link, X, share)
    np.testing.assert_allclose(loss, written_apart(name, X / 3, share), rtol=1e-12, atol=1e-15)

    def steep(x: FloatArray) -> FloatArray:
        return np.asarray(written_apart(name, (x + 1j * step) / 3, share).imag / step)

    np.testing.assert_allclose(slope, steep(X), rtol=1e-11, atol=1e-14)
    # The fourth-order difference of an exact slope.
    h = 1e-3
    bent = (8 * (steep(X + h) - steep(X - h)) - steep(X + 2 * h) + steep(X - 2 * h)) / (12 * h)
    np.testing.assert_allclose(cross_entropy_curvature(link, X, share), bent, rtol=0, atol=1e-9)


@BY_LINK
def test_curvature_at_the_truth_is_the_information_of_a_vote(name: str) -> None:
    link = LINKS[name](scale=3.0)
    p = link.probability(X)
    found = cross_entropy_curvature(link, X, p)
    np.testing.assert_allclose(found, link.derivative(X) ** 2 / (p * (1 - p)), rtol=1e-10)


def test_only_the_cauchit_link_bends_the_loss_the_wrong_way() -> None:
    x = np.linspace(-6, 6, 101)[:, None]
    for name, link in LINKS.items():
        least = cross_entropy_curvature(link(scale=7.0 if name == "linear" else 1.0), x, SHARES).min()
        assert (least < -0.01) if name == "cauchit" else (least > -1e-12)


def test_cloglog_punishes_a_surprise_for_the_better_far_more() -> None:
    """Swapped tails are the fault: at 5 scales a vote against the better costs 103, one against the worse 5.4."""
    link = ComplementaryLogLog()
    against_better, against_worse = cross_entropy(link, [5.0, -5.0], [0.0, 1.0])[0]
    assert against_better == pytest.approx(102.87, abs=0.01)
    assert against_worse == pytest.approx(5.37, abs=0.01)


def test_slopes_far_out_keep_their_digits() -> None:
    """Logistic: share less sigma, both tails; probit: the inverse Mills ratio, z + 1/z - 2/z^3 + ..."""
    slope = cross_entropy(Logistic(), [-600.0, 600.0], [1.0, 0.0])[1]
    np.testing.assert_allclose(slope, [-1, 1], rtol=1e-12)
    slope = cross_entropy(Probit(), 30.0, 0.0)[1]
    assert float(slope) == pytest.approx(30 + 1 / 30 - 2 / 30**3 + 10 / 30**5, rel=1e-8)
    assert float(cross_entropy_curvature(Probit(), 30.0, 0.0)) == pytest.approx(1 - 1 / 900 + 6 / 810000, rel=1e-6)


@pytest.mark.parametrize("share", SHARES)
def test_at_the_corners_of_the_linear_link_nothing_overflows(share: float) -> None:
    """A slope of 1/2 over a probability of 0: squared, and times a share of 0, it would be nan."""
    x = np.array([-3.0, 3.0])
    loss, slope = cross_entropy(Linear(3.0), x, share)
    assert np.isfinite(loss).all()
    np.testing.assert_allclose(slope, [(1 - share) / 6, -share / 6], rtol=1e-14)
    bent = cross_entropy_curvature(Linear(3.0), x, share)
    np.testing.assert_allclose(bent, [(1 - share) / 36, share / 36], rtol=1e-14)
