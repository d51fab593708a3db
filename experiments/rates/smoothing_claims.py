"""Smoothing bias: distance between the gradient and the mean estimate from exact differences, as the radius shrinks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from estimators import Blocks, ZerothOrder
from estimators.feedback import ExactFeedback
from experiments.catalogue.lookup import find
from experiments.rates.exact_claim import CERTIFICATE, ExactClaim
from theory import policy_gradient

RADII = tuple(2.0**-k for k in range(4, 10))
# Of the circular instance.
DIM = 5


def smoothing_bias(block_size: int, radius: float, *, scale: float = 1.0) -> float:
    """|E g_hat - grad V| for exact differences on the circular instance. `scale` can plant an error in the factor d."""
    instance = find("instance", "circular")
    # At this theta nothing vanishes by symmetry.
    theta = np.linspace(0.3, 2.3, instance.policy.dim)
    estimator = ZerothOrder(Blocks(block_size), ExactFeedback(), radius)
    moments = estimator.moments(instance.mdp, instance.policy, theta)
    return float(np.linalg.norm(scale * moments.mean - policy_gradient(instance.mdp, instance.policy, theta)))


def smoothing_claims(*, scale: float = 1.0) -> list[ExactClaim]:
    """The stated order is mu. Directions come with their negatives, so even terms cancel and the order is mu^2.

    `scale` can plant an error in the factor d.
    """
    reason = "stated order mu; directions come with their negatives, so even terms cancel and it is mu^2"
    return [_claim(f"smoothing bias, K = {k}", partial(smoothing_bias, k, scale=scale), reason) for k in (1, 3, DIM)]


def smoothing_controls() -> list[ExactClaim]:
    """A claim with a fault: without the factor d the bias does not vanish."""
    dropped = partial(smoothing_bias, 1, scale=1 / DIM)
    return [_claim("control: factor d dropped", dropped, "smoothing bias of D v / mu in place of d D v / mu")]


def _claim(name: str, measure: Callable[[float], float], reason: str) -> ExactClaim:
    return ExactClaim(name, "radius", RADII, 1.0, "zero", False, CERTIFICATE, reason, measure)
