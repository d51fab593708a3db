"""Claims on one estimate, exactly: no run, no noise, so a slope is a number and every planted fault shows.

At the level of the algorithm some faults hide: a wrong link or a crude trim distorts the differences of returns
monotonically, which hardly moves the optimum. Here nothing hides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

import numpy as np

from estimators import Blocks, GradientMoments, ZerothOrder
from estimators.feedback import ExactFeedback, preferences
from experiments.catalogue.instance import Instance
from experiments.catalogue.instances import bandits
from experiments.catalogue.links import HORIZON, boundary_model, scaled_link
from experiments.catalogue.lookup import find
from theory import CircularPolicy, Logistic, Probit, Trimmed, VoteModel, policy_gradient
from theory.arrays import FloatArray
from theory.votes import bias_at

CERTIFICATE = "theory.bounds.certificate, parts (a) and (b)"
DELTA_METHOD = "delta method for the inverted link, trim below sigma(-H)"

# The rarest vote has probability 0.003 (complementary log-log): its expected count must be large.
VOTES = tuple(2.0**k for k in range(12, 19))
RADII = tuple(2.0**-k for k in range(4, 10))
PAIRS = tuple(10.0**k for k in range(2, 7))
DIMENSIONS = (4.0, 8.0, 16.0, 32.0)


@dataclass(frozen=True, eq=False)
class ExactClaim:
    """A power law of an exactly computed quantity.

    Attributes
    ----------
    name : str
    axis : str
        What varies.
    grid : tuple of float
    exponent : float
    limit : {"infinity", "zero"}
        Where the axis tends to.
    two_sided : bool
        Whether the exponent is claimed to be attained.
    source, reason : str
    measure : function of the grid value -> quantity
    margin : float
    """

    name: str
    axis: str
    grid: tuple[float, ...]
    exponent: float
    limit: Literal["infinity", "zero"]
    two_sided: bool
    source: str
    reason: str
    measure: Callable[[float], float]
    margin: float = 0.05

    def values(self) -> FloatArray:
        """The quantity at every grid point."""
        return np.array([self.measure(x) for x in self.grid])


def smoothing_bias(block_size: int, radius: float, *, scale: float = 1.0) -> float:
    """|E g_hat - grad V| for exact differences on the circular instance; `scale` misplaces the factor d on purpose."""
    instance, theta = _where()
    estimator = ZerothOrder(Blocks(block_size), ExactFeedback(), radius)
    moments = estimator.moments(instance.mdp, instance.policy, theta)
    gradient = policy_gradient(instance.mdp, instance.policy, theta)
    return float(np.linalg.norm(scale * moments.mean - gradient))


def noise(n_pairs: float, radius: float) -> float:
    """Trajectory and query variance of a ZBCPG estimate (K = 1, M = 100) on the circular instance."""
    instance, theta = _where()
    estimator = ZerothOrder(Blocks(1), preferences(n_pairs, 100, instance.link), radius)
    return _noise(estimator.moments(instance.mdp, instance.policy, theta))


def noise_in_dimension(dim: float) -> float:
    """The same on d copies of one three-armed bandit, a uniform one of which is played: only d varies."""
    n = int(dim)
    estimator = ZerothOrder(Blocks(1), preferences(100, 100, Logistic(0.5)), 0.1)
    return _noise(estimator.moments(bandits(n), CircularPolicy(n, 3, 1.0), np.zeros(n)))


def largest_bias(model: Callable[[int], VoteModel], n_queries: float) -> float:
    """Largest |b_M| over differences -H, -H/2, H/2 and H, under a model of M votes."""
    differences = HORIZON * np.array([-1.0, -0.5, 0.5, 1.0])
    return float(np.abs(bias_at(model(int(n_queries)), differences, HORIZON)).max())


def boundary_bias(link: str, n_queries: float) -> float:
    """|b_M| with trim and difference on the boundary of the range."""
    model, difference = boundary_model(link, int(n_queries))
    return float(np.abs(bias_at(model, difference, HORIZON)))


def exact_claims() -> list[ExactClaim]:
    """Claims that hold: smoothing bias, inversion bias for every link, variance in N, radius and d."""
    return [
        *(
            _smoothing_claim(
                f"smoothing bias, K = {k}",
                partial(smoothing_bias, k),
                "stated order mu; directions come with their negatives, so even terms cancel and it is mu^2",
            )
            for k in (1, 3, 5)
        ),
        *(
            _inversion_claim(
                f"inversion bias, {link}",
                partial(VoteModel, scaled_link(link)),
                "the trim lies below every probability that occurs",
                two_sided=True,
            )
            for link in ("logistic", "probit", "cauchit", "cloglog")
        ),
        *(
            ExactClaim(
                name=f"inversion bias at the trim, {link}",
                axis="M",
                grid=VOTES,
                exponent=-0.5,
                limit="infinity",
                two_sided=True,
                source="stated inversion bias sqrt(log M / M), attained when the trim acts at the mean",
                reason="difference and trim both on the boundary of the range",
                measure=partial(boundary_bias, link),
            )
            for link in ("logistic", "probit", "cauchit", "cloglog", "linear")
        ),
        ExactClaim(
            "variance in N",
            "N",
            PAIRS,
            -1.0,
            "infinity",
            True,
            CERTIFICATE,
            "mean of N independent pairs",
            lambda n: noise(n, 0.1),
        ),
        ExactClaim(
            "variance in the radius",
            "radius",
            RADII,
            -2.0,
            "zero",
            True,
            CERTIFICATE,
            "a difference of fixed noise over mu",
            lambda radius: noise(100, radius),
        ),
        ExactClaim(
            "variance in d",
            "d",
            DIMENSIONS,
            2.0,
            "infinity",
            True,
            CERTIFICATE,
            "d copies of one bandit: only d varies",
            noise_in_dimension,
        ),
    ]


def exact_controls() -> list[ExactClaim]:
    """The same claims with a fault planted: each must come out VIOLATED."""
    link = scaled_link("logistic")
    faults: dict[str, Callable[[int], VoteModel]] = {
        "control: raters use probit": lambda n: VoteModel(link, n, rater_link=Probit(link.scale)),
        "control: trim at 0.2": lambda n: VoteModel(link, n, Trimmed(0.2, enforce=False)),
        "control: one rater repeated": lambda n: VoteModel(link, n, repeated=True),
    }
    dropped = partial(smoothing_bias, 1, scale=1 / 5)
    return [
        _smoothing_claim("control: factor d dropped", dropped, "smoothing bias of D v / mu in place of d D v / mu"),
        *(
            _inversion_claim(name, model, "inversion bias over the range of differences", two_sided=False)
            for name, model in faults.items()
        ),
    ]


def _smoothing_claim(name: str, measure: Callable[[float], float], reason: str) -> ExactClaim:
    return ExactClaim(name, "radius", RADII, 1.0, "zero", False, CERTIFICATE, reason, measure)


def _inversion_claim(name: str, model: Callable[[int], VoteModel], reason: str, *, two_sided: bool) -> ExactClaim:
    measure = partial(largest_bias, model)
    return ExactClaim(name, "M", VOTES, -1.0, "infinity", two_sided, DELTA_METHOD, reason, measure)


def _noise(moments: GradientMoments) -> float:
    return float(moments.variance_trajectory + moments.variance_query)


@lru_cache(maxsize=1)
def _where() -> tuple[Instance, FloatArray]:
    """The circular instance, and parameters where nothing vanishes by symmetry."""
    instance = find("instance", "circular")
    return instance, np.linspace(0.3, 2.3, instance.policy.dim)
