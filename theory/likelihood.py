"""Likelihood of vote shares under a link, which reward models and direct preference optimisation maximise."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from theory.arrays import FloatArray
from theory.links import Link, upper_tail

# Smaller probabilities are raised to it, so that the loss of a saturated link is finite.
SMALLEST_PROBABILITY = 1e-300


def log_probabilities(probabilities: FloatArray) -> FloatArray:
    """Logarithms of probabilities, of which small ones may have rounded to 0; never below that of the smallest."""
    return np.asarray(np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)))


def cross_entropy(link: Link, differences: ArrayLike, shares: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Mean negative log-likelihood of a vote, and its slope in the difference of returns.

    Parameters
    ----------
    link : Link
        Link sigma that the model assumes.
    differences : array (...,)
        The model's differences of returns of the pairs, in units of return.
    shares : array, broadcast against the differences
        Share of the votes for the first trajectory, in [0, 1]; with infinitely many votes, sigma itself.

    Returns
    -------
    loss : array (...,)
        -share log sigma(x) - (1 - share) log(1 - sigma(x)).
    slope : array (...,)
        Its derivative in x.
    """
    x, share, preferred, other = _probabilities(link, differences, shares)
    loss = -share * np.log(preferred) - (1 - share) * np.log(other)
    steep = np.asarray(link.derivative(x))
    return loss, (1 - share) * _per_probability(steep, other) - share * _per_probability(steep, preferred)


def cross_entropy_curvature(link: Link, differences: ArrayLike, shares: ArrayLike) -> FloatArray:
    """Second derivative of `cross_entropy` in the difference of returns; at least 0 for a log-concave link."""
    x, share, preferred, other = _probabilities(link, differences, shares)
    bend, steep = np.asarray(link.second_derivative(x)), np.asarray(link.derivative(x))
    # Ratios first: the square of a small probability underflows.
    upper = _per_probability(bend, other) + _per_probability(steep, other) ** 2
    lower = _per_probability(bend, preferred) - _per_probability(steep, preferred) ** 2
    return np.asarray((1 - share) * upper - share * lower)


def _per_probability(derivative: FloatArray, probability: FloatArray) -> FloatArray:
    # A probability raised to the smallest one is constant, though the link may still have a slope there.
    return np.where(probability > SMALLEST_PROBABILITY, derivative / probability, 0.0)


def _probabilities(
    link: Link, differences: ArrayLike, shares: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    x = np.asarray(differences, dtype=np.float64)
    preferred = np.asarray(link.probability(x))
    preferred, other = (np.maximum(p, SMALLEST_PROBABILITY) for p in (preferred, upper_tail(link, x)))
    return x, np.asarray(shares, dtype=np.float64), preferred, other
