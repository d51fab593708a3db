"""A claim is data: what is measured, on what, along which axis, and what exponent is stated for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from experiments.catalogue.instances import Instance, get_instance
from theory.rates import Axis, Rate

AXIS_TITLES: dict[Axis, str] = {
    "T": "iterations T",
    "N": "trajectory pairs N",
    "M": "votes per pair M",
    "eps": "balanced path eps",
    "d": "parameters d",
}


@dataclass(frozen=True, order=True)
class Point:
    """Settings of one grid point.

    Attributes
    ----------
    n_queries, n_pairs : float
        M and N; infinity is exact.
    radius, step_size : float
        mu and alpha.
    n_iterations : int
        T.
    window : float
        The gradient norm is averaged over iterations ``window * T < t <= T``: 0 for the theorems' average over the
        whole run, 1/2 for the stationary tail.
    repeated : bool
        Whether the votes on a pair are one rater's, repeated: a fault to be studied.
    """

    n_queries: float
    n_pairs: float
    radius: float
    step_size: float
    n_iterations: int
    window: float = 0.0
    repeated: bool = False

    @property
    def settings(self) -> tuple[float, float, float, float, bool]:
        """N, M, mu, alpha and whether one rater is repeated: all that the law of a run depends on."""
        return self.n_pairs, self.n_queries, self.radius, self.step_size, self.repeated

    @property
    def first(self) -> int:
        """Index of the first iterate of the window."""
        return math.floor(self.window * self.n_iterations)


@dataclass(frozen=True)
class Design:
    """How everything but the axis is set.

    Attributes
    ----------
    n_iterations, n_pairs, n_queries : float
        T, N and M; along the balanced path their constants c1, c2, c3. Infinity isolates the other axes exactly.
    window : float
        Share of the run that is left out before averaging: 0 for the theorems' average, 1/2 for the stationary tail.
    radius : float, optional
        Fixes mu where the schedule would make it 0 (no noise at all) or on purpose.
    radius_scale, step_scale : float
        The constants that the schedule leaves open.
    queries_power : float, optional
        Power of 1 / eps at which votes grow along the balanced path, in place of the rate's: a fault.
    repeated : bool
        Whether one rater's vote is repeated: a fault.
    """

    n_iterations: float
    n_pairs: float = math.inf
    n_queries: float = math.inf
    window: float = 0.0
    radius: float | None = None
    radius_scale: float = 1.0
    step_scale: float = 1.0
    queries_power: float | None = None
    repeated: bool = False


@dataclass(frozen=True)
class Claim:
    """One statement about one algorithm on one instance along one axis.

    Attributes
    ----------
    name : str
        Unique; it seeds the runs.
    algorithm, instance : str
    axis : {"T", "N", "M", "eps", "d"}
        Along d, grid point x is run on the instance ``<instance>-x``.
    grid : tuple of float
        The asymptotic window, fixed before the run.
    design : Design
    rate : Rate
        Where the exponent comes from.
    replicates : int
        At the first look.
    two_sided : bool
        Whether the exponent is claimed to be attained (TIGHT) and not only a bound.
    margin : float
        Slack granted to the exponent.
    reason : str
        Why this design isolates the axis.
    """

    name: str
    algorithm: str
    instance: str
    axis: Axis
    grid: tuple[float, ...]
    design: Design
    rate: Rate
    replicates: int
    two_sided: bool
    reason: str
    margin: float = 0.05

    @property
    def exponent(self) -> float:
        """Stated exponent, a signed slope in the log-log plane."""
        return self.rate.exponents[self.axis]

    @property
    def limit(self) -> Literal["infinity", "zero"]:
        """Where the axis tends to."""
        return "zero" if self.axis == "eps" else "infinity"

    def places(self) -> list[tuple[str, Point]]:
        """Instance and settings of every grid point, in the order of the grid."""
        names = [f"{self.instance}-{x:g}" if self.axis == "d" else self.instance for x in self.grid]
        return [(name, self._point(x, get_instance(name))) for x, name in zip(self.grid, names, strict=True)]

    def _point(self, x: float, instance: Instance) -> Point:
        design = self.design
        iterations, pairs, queries = design.n_iterations, design.n_pairs, design.n_queries
        if self.axis == "T":
            iterations = x
        elif self.axis == "N":
            pairs = x
        elif self.axis == "M":
            queries = x
        elif self.axis == "eps":
            iterations, pairs = round(iterations / x), round(pairs / x**2)
            power = self.rate.queries_power if design.queries_power is None else design.queries_power
            queries = round(queries / x**power)
        schedule = self.rate.schedule(
            dim=instance.policy.dim,
            horizon=instance.mdp.horizon,
            n_pairs=pairs,
            n_queries=queries,
            radius_scale=design.radius_scale,
            step_scale=design.step_scale,
        )
        radius = float(schedule.radius) if design.radius is None else design.radius
        return Point(
            n_queries=queries,
            n_pairs=pairs,
            radius=radius,
            step_size=float(schedule.step_size),
            n_iterations=int(iterations),
            window=design.window,
            repeated=design.repeated,
        )
