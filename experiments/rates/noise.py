"""Synthetic noise of the replicates of the shipped claims, for calibration."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from experiments.catalogue.claims import name_of
from experiments.rates.sampled_claim import SampledClaim
from experiments.rates.tasks import Measured
from theory.arrays import FloatArray


@dataclass(frozen=True)
class Noise:
    """Relative noise of a replicate: a factor common to all points times a factor of each point.

    Both factors are gamma, so their skewness is 2 sd. Points have the correlation common**2 / (common**2 + own**2).

    Attributes
    ----------
    own : float
        Relative standard deviation of a point's factor at the largest x.
    power : float
        This standard deviation grows as x**power along the grid.
    common : float
        Relative standard deviation of the common factor; 0 if every point has its own runs.
    late_share, late_log_sd : float
        Mean and log standard deviation of the part of the transient that slow runs still have at the smallest x. It is
        lognormal.
    """

    own: float
    power: float = 0.0
    common: float = 0.0
    late_share: float = 0.0
    late_log_sd: float = 0.0

    def draw(self, x: FloatArray, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Factors of mean 1, array (*shape[:-1], n_points, shape[-1]); the last axis holds the replicates."""
        order = (*shape[:-1], x.size, shape[-1])
        factors = _gamma(np.broadcast_to((self.own * (x / x.max()) ** self.power)[:, None], order), rng)
        if self.common:
            factors *= _gamma(np.full((*shape[:-1], 1, shape[-1]), self.common), rng)
        if self.late_share:
            owed = rng.lognormal(-(self.late_log_sd**2) / 2, self.late_log_sd, shape)
            factors[..., x.argmin(), :] *= 1 + self.late_share * (1 - owed)
        return factors


# Measured on the stated claims with other seeds, 64 to 4096 replicates per claim; the three algorithms are alike.
# Points along T share runs (correlation 0.99999). Their totals vary by 0.09 to 0.14, and their differences come from
# the floor, in proportion to T. Points along N, M and eps have their own runs. The skewness is between 0 and 2 sd.
NOISE = {
    "T": Noise(own=2.4e-4, power=1.0, common=0.14),
    "N": Noise(own=0.09),
    "M": Noise(own=0.095),
    "eps": Noise(own=0.25, power=0.42),
    "d": Noise(own=0.11),
    # A replicate is a mean over 384 pairs of estimates.
    "variance": Noise(own=0.075),
    # Runs of softmax policies are still in their transient. Slopes vary 4 (bandit) to 200 times (log-linear) as much as
    # on the circular instance; gridworld and FrozenLake are set between. On the garnet the skewness is about 2.
    "T bandit": Noise(own=1e-3, power=1.0, common=0.14),
    "T chain": Noise(own=2.9e-3, power=1.0, common=0.14),
    "T garnet": Noise(own=7.4e-3, power=1.0, common=0.14),
    "T gridworld": Noise(own=7.4e-3, power=1.0, common=0.3),
    "T frozenlake": Noise(own=1.5e-2, power=1.0, common=0.2),
    "T log-linear": Noise(own=4.8e-2, power=1.0, common=0.2),
    "N circular-frozenlake": Noise(own=0.105),
}
# At T = 128 some runs are still in their transient (mean share 7.4e-4, the largest of 4096 above 3e-2); at 256 none is.
# The coverage of Student's t from 32 replicates is then about 80%, and a few more replicates do not change that.
SLOW_RUNS = replace(NOISE["T"], late_share=7.4e-4, late_log_sd=1.3)
SETTLED = 256


def kind_of(claim: Measured) -> str:
    """Key of a claim in `NOISE`: its axis, with the instance if that has noise of its own."""
    if isinstance(claim, SampledClaim):
        return "variance"
    own = f"{claim.axis} {name_of(claim.instance)}"
    return own if own in NOISE else claim.axis


def noise_of(claim: Measured) -> Noise:
    """Noise of a claim's replicates."""
    return SLOW_RUNS if claim.axis == "T" and min(claim.grid) < SETTLED else NOISE[kind_of(claim)]


def _gamma(relative_sd: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Gamma factors of mean 1."""
    shape = relative_sd**-2
    return rng.standard_gamma(shape) / shape
