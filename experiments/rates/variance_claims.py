"""Variance of one estimate in N, in the radius and in d."""

from __future__ import annotations

import numpy as np

from estimators import Blocks, GradientMoments, ZerothOrder
from estimators.feedback import preferences
from experiments.catalogue.instances import bandits
from experiments.catalogue.lookup import find
from experiments.rates.exact_claim import CERTIFICATE, ExactClaim
from experiments.rates.smoothing_claims import RADII
from theory import CircularPolicy, Logistic

PAIRS = tuple(10.0**k for k in range(2, 7))
DIMENSIONS = (4.0, 8.0, 16.0, 32.0)


def noise(n_pairs: float, radius: float) -> float:
    """Trajectory and query variance of a ZBCPG estimate (K = 1, M = 100) on the circular instance."""
    instance = find("instance", "circular")
    # Here nothing vanishes by symmetry.
    theta = np.linspace(0.3, 2.3, instance.policy.dim)
    estimator = ZerothOrder(Blocks(1), preferences(n_pairs, 100, instance.link), radius)
    return _noise(estimator.moments(instance.mdp, instance.policy, theta))


def noise_in_dimension(dim: float) -> float:
    """The same on d copies of one three-armed bandit, a uniform one of which is played: only d varies."""
    n = int(dim)
    estimator = ZerothOrder(Blocks(1), preferences(100, 100, Logistic(0.5)), 0.1)
    return _noise(estimator.moments(bandits(n), CircularPolicy(n, 3, 1.0), np.zeros(n)))


def variance_claims() -> list[ExactClaim]:
    """One over N, one over the radius squared, d squared."""
    return [
        ExactClaim(
            "variance in N", "N", PAIRS, -1.0, "infinity", True,
            CERTIFICATE, "mean of N independent pairs", lambda n: noise(n, 0.1),
        ),
        ExactClaim(
            "variance in the radius", "radius", RADII, -2.0, "zero", True,
            CERTIFICATE, "a difference of fixed noise over mu", lambda radius: noise(100, radius),
        ),
        ExactClaim(
            "variance in d", "d", DIMENSIONS, 2.0, "infinity", True,
            CERTIFICATE, "d copies of one bandit: only d varies", noise_in_dimension,
        ),
    ]  # fmt: skip


def _noise(moments: GradientMoments) -> float:
    return float(moments.variance_trajectory + moments.variance_query)
