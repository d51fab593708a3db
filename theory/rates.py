"""The stated and the sharpened rates, and the schedules of radius and step size under which they hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from theory.arrays import FloatArray
from theory.errors import require_integer
from theory.validation import positive_array

Axis = Literal["T", "N", "M", "eps", "d"]


@dataclass(frozen=True, eq=False)
class Schedule:
    """Radius mu and step size alpha for given N and M; both broadcast."""

    radius: FloatArray
    step_size: FloatArray


def stated_schedule(
    *,
    dim: int,
    horizon: int,
    n_pairs: ArrayLike,
    n_queries: ArrayLike,
    radius_scale: ArrayLike = 1.0,
    step_scale: ArrayLike = 1.0,
) -> Schedule:
    """Schedule of the stated rate: mu^2 = c max(1 / sqrt(M), H / sqrt(d N)) and alpha = c' / d.

    Parameters
    ----------
    dim, horizon : int
        d and H.
    n_pairs, n_queries : arrays
        N and M. One of them may be infinite, not both, because the radius would be 0.
    radius_scale, step_scale : arrays
        The square root of c, and c'; the theorems leave these constants open.

    Raises
    ------
    InputError
        If a number is out of its range.

    References
    ----------
    Zhang and Ying, arXiv:2409.17401, the convergence theorems of ZPG and ZBCPG.
    """
    require_integer("dim", dim, 1)
    require_integer("horizon", horizon, 1)
    pairs, queries = (
        positive_array("n_pairs", n_pairs, infinite=True),
        positive_array("n_queries", n_queries, infinite=True),
    )
    return _schedule(np.maximum(1 / np.sqrt(queries), horizon / np.sqrt(dim * pairs)), dim, radius_scale, step_scale)


def sharpened_schedule(
    *,
    dim: int,
    horizon: int,  # noqa: ARG001  (schedules are interchangeable)
    n_pairs: ArrayLike,
    n_queries: ArrayLike,
    radius_scale: ArrayLike = 1.0,
    step_scale: ArrayLike = 1.0,
) -> Schedule:
    """Schedule of the sharpened rate: mu^2 = c max(1 / M, 1 / sqrt(N)) and alpha = c' / d.

    These orders balance smoothing, d mu^2, against inversion, d / (M mu)^2, and noise, d / (mu^2 N). The parameters are
    those of `stated_schedule`; the horizon is not used.
    """
    require_integer("dim", dim, 1)
    pairs, queries = (
        positive_array("n_pairs", n_pairs, infinite=True),
        positive_array("n_queries", n_queries, infinite=True),
    )
    return _schedule(np.maximum(1 / queries, 1 / np.sqrt(pairs)), dim, radius_scale, step_scale)


def _schedule(squared: FloatArray, dim: int, radius_scale: ArrayLike, step_scale: ArrayLike) -> Schedule:
    """Schedule of a squared radius, up to its scale."""
    radius = positive_array("radius_scale", radius_scale) * np.sqrt(squared)
    return Schedule(np.asarray(radius), np.asarray(positive_array("step_scale", step_scale) / dim))


def unbiased_schedule(
    *,
    dim: int,
    horizon: int,  # noqa: ARG001  (schedules are interchangeable)
    n_pairs: ArrayLike,
    n_queries: ArrayLike,
    radius_scale: ArrayLike = 1.0,
    step_scale: ArrayLike = 1.0,
) -> Schedule:
    """Schedule for readings without bias: mu^2 = c / sqrt(N) and alpha = c' / d.

    These orders balance smoothing, d mu^2, against noise, d / (mu^2 N). The parameters are those of `stated_schedule`;
    the horizon and the votes are not used, since no bias of the votes is to be balanced.
    """
    require_integer("dim", dim, 1)
    pairs = positive_array("n_pairs", n_pairs, infinite=True)
    positive_array("n_queries", n_queries, infinite=True)
    return _schedule(1 / np.sqrt(pairs), dim, radius_scale, step_scale)


@dataclass(frozen=True)
class Rate:
    """An O(.) without constants: the exponent of the mean squared gradient norm along each axis.

    Attributes
    ----------
    statement : str
        The bound of E|grad V(theta_R)|^2.
    source : str
        Where it is stated or proved.
    exponents : mapping from axis to exponent
        T, N and M go to infinity. d is that of the N term. eps goes to 0 along the balanced path T = c1 / eps,
        N = c2 / eps^2, M = c3 / eps^queries_power.
    schedule : function
        The schedule of radius and step size of the rate, with the arguments of `stated_schedule`.
    queries_power : float
        The power of 1 / eps in M along the balanced path.
    """

    statement: str
    source: str
    exponents: Mapping[Axis, float]
    schedule: Callable[..., Schedule]
    queries_power: float


STATED_RATE = Rate(
    statement="H d / T + d^2 sqrt(log M) / sqrt(M) + H d^(3/2) / sqrt(N)",
    source="Zhang and Ying, arXiv:2409.17401, the convergence theorems of ZPG and ZBCPG",
    exponents=MappingProxyType({"T": -1.0, "N": -0.5, "M": -0.5, "eps": 1.0, "d": 1.5}),
    schedule=stated_schedule,
    queries_power=2.0,
)

SHARPENED_RATE = Rate(
    statement="L d (V* - V_1) / T + d / M + d / sqrt(N)",
    source="the certificate of theory.bounds with the delta method for the inverted link (trim below sigma(-H))",
    exponents=MappingProxyType({"T": -1.0, "N": -0.5, "M": -1.0, "eps": 1.0, "d": 1.0}),
    schedule=sharpened_schedule,
    queries_power=1.0,
)

UNBIASED_RATE = Rate(
    statement="L d (V* - V_1) / T + d / sqrt(N)",
    source="the certificate of theory.bounds with beta_M = 0: votes until the first disagreement are read without bias",
    exponents=MappingProxyType({"T": -1.0, "N": -0.5, "eps": 1.0, "d": 1.0}),
    schedule=unbiased_schedule,
    queries_power=0.0,
)
