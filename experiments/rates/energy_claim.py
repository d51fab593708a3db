"""A claim on the whole way up: a run gains in value what its gradients pay for.

A step of alpha g gains alpha grad V' m + O(alpha^2) on average, m = E g. So the ratio of the gain V(theta_T) -
V(theta_1) to alpha times the sum of grad V' m is 1 + O(alpha) over a fixed time alpha T. Two step sizes, alpha and
alpha / 4, remove the first order: (4 ratio(alpha / 4) - ratio(alpha)) / 3 = 1 + O(alpha^2).

A slope of -1 along T only says that a run converges, and a run downhill may do so too. A factor, a sign or a direction
lost in the estimate moves this ratio at once.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np

from estimators.feedback import preferences
from estimators.second_moments import step_moments
from experiments.catalogue.claims import Point
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from experiments.statistics.equivalence import ratio_of
from experiments.statistics.skewness import SkewedEstimate
from theory import policy_gradient
from theory.arrays import FloatArray
from theory.errors import InputError

# Shares of the claim's step, and iterations at each: the same time, alpha T. Fixed before the runs.
SHARES, ITERATIONS = (1 / 8, 1 / 32), (64, 256)
# Of the ratios at the two steps: the first order in alpha cancels.
WEIGHTS = (-1 / 3, 4 / 3)
MARGIN = 0.05


@dataclass(frozen=True)
class EnergyClaim:
    """The gain over what the gradients pay for is 1 as alpha tends to 0, up to a margin.

    Attributes
    ----------
    name : str
        Unique; it seeds the runs.
    method : str or Method
    instance : str or Instance
        Runs start where it says.
    step_size : float
        That of the claim along T. Runs have an eighth of it, and a quarter of that.
    n_pairs, n_queries, radius : float
        N, M and mu. Infinity is legal.
    replicates : int
        At the first look.
    margin : float
        How far the ratio may lie from 1.
    run_as : Method, optional
        Run in place of the method. This is a fault.
    repeated : bool
        Whether all votes on a pair are one rater's vote, repeated. This is a fault.
    """

    name: str
    method: str | Method
    instance: str | Instance
    step_size: float
    n_pairs: float = math.inf
    n_queries: float = math.inf
    radius: float = 0.01
    replicates: int = 192
    margin: float = MARGIN
    run_as: Method | None = None
    repeated: bool = False

    def __post_init__(self) -> None:
        if self.replicates < 2 or not 0 < self.margin < 1:
            raise InputError(
                f"claim {self.name!r} must have at least 2 replicates and a margin between 0 and 1, "
                f"got {self.replicates} and {self.margin}"
            )

    @property
    def runs(self) -> Method:
        """The method that is run."""
        return self.run_as or find("method", self.method)

    @property
    def points(self) -> tuple[Point, ...]:
        """For each step a run of T iterations, and the same with one more, which shows V after T steps."""
        return tuple(
            Point(self.n_queries, self.n_pairs, self.radius, share * self.step_size, length, repeated=self.repeated)
            for share, shortest in zip(SHARES, ITERATIONS, strict=True)
            for length in (shortest, shortest + 1)
        )

    def pull(self, seed: int) -> float:
        """What E g pulls, grad V' m / |grad V|^2 at the start: 1 without noise, where m is the gradient up to O(mu^2).

        With noise it is worked out exactly from the law of the votes, with all biases of smoothing and inversion. It
        hardly changes on the way.
        """
        if math.isinf(self.n_pairs) and math.isinf(self.n_queries):
            return 1.0
        on = find("instance", self.instance)
        oracle = preferences(self.n_pairs, self.n_queries, on.link)
        estimator = find("method", self.method).build(on.policy.dim, oracle, np.asarray(self.radius))
        rng = np.random.default_rng([seed, 6, zlib.crc32(self.name.encode())])
        gradient = policy_gradient(on.mdp, on.policy, on.start)
        drift = step_moments(on.mdp, on.policy, estimator, rng).drift(on.start)
        return float(gradient @ drift / (gradient @ gradient))


@dataclass(frozen=True)
class EnergyRatio:
    """Measured ratio of the gain to what the gradients pay for.

    Attributes
    ----------
    at_steps : tuple of float
        At alpha and at alpha / 4.
    limit : SkewedEstimate
        Extrapolated to alpha = 0.
    """

    at_steps: tuple[float, ...]
    limit: SkewedEstimate


def energy_ratio(gains: FloatArray, spent: FloatArray) -> EnergyRatio:
    """Ratio from gains and payments of independent replicates at the two steps, arrays (2, n).

    Of means, with the standard error of the first order in their noise.
    """
    paid = spent.mean(axis=1, keepdims=True)
    ratios = gains.mean(axis=1, keepdims=True) / paid
    influence = np.array(WEIGHTS) @ ((gains - ratios * spent) / paid)
    limit = float(np.array(WEIGHTS) @ ratios[:, 0])
    return EnergyRatio(tuple(ratios[:, 0].tolist()), ratio_of(limit + influence, 1.0))
