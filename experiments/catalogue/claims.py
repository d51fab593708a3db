"""A claim is data: what is measured, on what, along which axis, and what exponent is stated for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import NoneType
from typing import Literal, NamedTuple

from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from theory.errors import (
    InputError,
    require_integer,
    require_kind,
    require_number,
    require_positive,
    require_text,
)
from theory.rates import Axis, Rate
from theory.validation import finite_array

AXIS_TITLES: dict[Axis, str] = {
    "T": "iterations T",
    "N": "trajectory pairs N",
    "M": "votes per pair M",
    "eps": "balanced path eps",
    "d": "parameters d",
}


class RunSettings(NamedTuple):
    """The numbers that the law of a run depends on, apart from its method and instance."""

    n_pairs: float
    n_queries: float
    radius: float
    step_size: float
    repeated: bool
    start: tuple[float, ...] | None


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
    burn_in : float
        The gradient norm is averaged over iterations ``burn_in * T < t <= T``: 0 for the theorems' average over the
        whole run, 1/2 for the stationary tail.
    repeated : bool
        Whether all votes on a pair are one rater's vote, repeated. This is a fault, for controls.
    start : tuple of float, optional
        Where runs start, by default where the instance says.
    """

    n_queries: float
    n_pairs: float
    radius: float
    step_size: float
    n_iterations: int
    burn_in: float = 0.0
    repeated: bool = False
    start: tuple[float, ...] | None = None

    @property
    def settings(self) -> RunSettings:
        """What the law of a run depends on. Points with equal settings are prefixes of the same runs."""
        return RunSettings(self.n_pairs, self.n_queries, self.radius, self.step_size, self.repeated, self.start)

    @property
    def first(self) -> int:
        """Index of the first iterate that is averaged."""
        return math.floor(self.burn_in * self.n_iterations)


class PointOf(NamedTuple):
    """A grid point and the instance it is run on."""

    instance: str | Instance
    point: Point


@dataclass(frozen=True)
class Setup:
    """Settings of everything except the axis.

    Attributes
    ----------
    n_iterations, n_pairs, n_queries : float
        T, N and M; along the balanced path their constants c1, c2, c3. Infinity removes a term exactly.
    burn_in : float
        Share of the run that is left out before averaging: 0 for the theorems' average, 1/2 for the stationary tail.
    radius : float, optional
        A fixed mu. It is needed where the schedule gives 0, as it does without any noise.
    step_size : float, optional
        A fixed alpha for every d. This is a fault, for controls.
    radius_scale, step_scale : float
        Constants that the schedule leaves open.
    queries_power : float, optional
        Power of 1 / eps at which votes grow along the balanced path, in place of the rate's. This is a fault.
    repeated : bool
        Whether one rater's vote is repeated. This is a fault.
    start : tuple of float, optional
        Where runs start, by default where the instance says.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    n_iterations: float
    n_pairs: float = math.inf
    n_queries: float = math.inf
    burn_in: float = 0.0
    radius: float | None = None
    step_size: float | None = None
    radius_scale: float = 1.0
    step_scale: float = 1.0
    queries_power: float | None = None
    repeated: bool = False
    start: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("n_iterations", "radius_scale", "step_scale", "radius", "step_size"):
            if name not in ("radius", "step_size") or getattr(self, name) is not None:
                require_positive(name, getattr(self, name))
        for name in ("n_pairs", "n_queries"):
            require_number(name, getattr(self, name), "be positive, or inf", lambda number: number > 0)
        require_number("burn_in", self.burn_in, "be at least 0 and below 1", lambda number: 0 <= number < 1)
        if self.queries_power is not None:
            allowed = "be finite and not negative"
            require_number("queries_power", self.queries_power, allowed, lambda number: 0 <= number < math.inf)
        require_kind("repeated", self.repeated, bool, "True")
        if self.start is not None:
            start = finite_array("start", self.start)
            if start.ndim != 1 or not start.size:
                raise InputError(f"start must be one number for each parameter, got shape {start.shape}")
            object.__setattr__(self, "start", tuple(start.tolist()))


@dataclass(frozen=True, repr=False)
class Claim:
    """One statement about one algorithm on one instance along one axis.

    Attributes
    ----------
    name : str
        Unique; it seeds the runs.
    method : str or Method
    instance : str or Instance
    axis : {"T", "N", "M", "eps", "d"}
        Along d, grid point x runs on the instance ``<instance>-x``.
    grid : tuple of float
        The asymptotic window, fixed before the run.
    setup : Setup
    rate : Rate
        Where the exponent comes from.
    replicates : int
        At the first look.
    two_sided : bool
        Whether the claim is that the exponent is attained (TIGHT), and not only that it is a bound.
    reason : str
        Why this setup isolates the axis.
    margin : float
        How far the slope may lie from the exponent.
    in_family : bool, default True
        Whether it belongs to the family whose error rate is promised. False where its replicates are so skewed that a
        t test does not keep its level. The calibration on measured replicates shows which claims these are.
    promise : Setup, optional
        What the runs should have been, if `setup` has a planted fault. Guards against short runs read the law of this.
    conditional : bool, default False
        Whether the theorem's condition on the step counts: a run with a larger step then cannot violate the claim.
    predicted : float, optional
        Slope over the grid that the law of the algorithm predicts.
    mixing : float, optional
        Longest mixing time on the grid, in iterations, by that law; without it the leading order is used.

    Raises
    ------
    InputError
        If the grid does not have at least two distinct positive numbers, or another number is out of its range.
    """

    name: str
    method: str | Method
    instance: str | Instance
    axis: Axis
    grid: tuple[float, ...]
    setup: Setup
    rate: Rate
    replicates: int
    two_sided: bool
    reason: str
    margin: float = 0.05
    in_family: bool = True
    promise: Setup | None = None
    conditional: bool = False
    predicted: float | None = None
    mixing: float | None = None

    def __repr__(self) -> str:
        window = f"{self.axis} = {self.grid[0]:g} .. {self.grid[-1]:g}"
        return f"Claim({self.name!r}, {window}, exponent {self.exponent:+g})"

    def __post_init__(self) -> None:
        require_text("name", self.name, 0)
        require_text(f"reason of claim {self.name!r}", self.reason, 0)
        require_kind(f"method of claim {self.name!r}", self.method, (str, Method), "'zpg'")
        require_kind(f"instance of claim {self.name!r}", self.instance, (str, Instance), "'bandit'")
        require_kind(f"setup of claim {self.name!r}", self.setup, Setup, "Setup(1000)")
        require_kind(f"promise of claim {self.name!r}", self.promise, (Setup, NoneType), "Setup(1000)")
        require_kind(f"rate of claim {self.name!r}", self.rate, Rate, "STATED_RATE")
        require_text(f"axis of claim {self.name!r}", self.axis)
        for name in ("two_sided", "in_family", "conditional"):
            require_kind(f"{name} of claim {self.name!r}", getattr(self, name), bool, "True")
        require_integer(f"replicates of claim {self.name!r}", self.replicates, 2)
        require_positive(f"margin of claim {self.name!r}", self.margin)
        if self.predicted is not None:
            require_number(f"predicted of claim {self.name!r}", self.predicted, "be finite", math.isfinite)
        if self.mixing is not None:
            require_positive(f"mixing of claim {self.name!r}", self.mixing)
        require_kind(f"grid of claim {self.name!r}", self.grid, (tuple, list), "(256, 512, 1024)")
        for x in self.grid:
            require_number(f"grid of claim {self.name!r}", x, "hold numbers", lambda number: not math.isnan(number))
        object.__setattr__(self, "grid", tuple(self.grid))
        grid = self.grid
        if len(grid) < 2 or len(set(grid)) < len(grid) or not all(0 < x < math.inf for x in grid):
            raise InputError(f"grid of claim {self.name!r} must be at least 2 distinct positive numbers, got {grid}")
        if self.axis not in self.rate.exponents:
            raise InputError(
                f"axis of claim {self.name!r} must be one that its rate has an exponent for, "
                f"{', '.join(self.rate.exponents)}, got {self.axis!r}"
            )
        if self.axis == "d" and not isinstance(self.instance, str):
            raise InputError(f"instance of claim {self.name!r} must be a name along d: instances <name>-d are run")

    @property
    def exponent(self) -> float:
        """Stated exponent, a signed slope in the log-log plane."""
        return self.rate.exponents[self.axis]

    @property
    def limit(self) -> Literal["infinity", "zero"]:
        """The end of the axis: eps tends to zero, the others to infinity."""
        return "zero" if self.axis == "eps" else "infinity"

    def points(self) -> list[PointOf]:
        """Instance and settings of every grid point, in the order of the grid."""
        names = [f"{self.instance}-{x:g}" if self.axis == "d" else self.instance for x in self.grid]
        return [PointOf(name, self._point(x, find("instance", name))) for x, name in zip(self.grid, names, strict=True)]

    def _point(self, x: float, instance: Instance) -> Point:
        setup = self.setup
        iterations, pairs, queries = setup.n_iterations, setup.n_pairs, setup.n_queries
        if self.axis == "T":
            iterations = x
        elif self.axis == "N":
            pairs = x
        elif self.axis == "M":
            queries = x
        elif self.axis == "eps":
            iterations, pairs = round(iterations / x), round(pairs / x**2)
            power = self.rate.queries_power if setup.queries_power is None else setup.queries_power
            queries = round(queries / x**power)
        for name, count in (("T", iterations), ("N", pairs), ("M", queries)):
            if not count >= 1 or (math.isfinite(count) and count != round(count)):
                raise InputError(f"{name} of claim {self.name!r} must be a whole number of at least 1, got {count}")
        schedule = self.rate.schedule(
            dim=instance.policy.dim,
            horizon=instance.mdp.horizon,
            n_pairs=pairs,
            n_queries=queries,
            radius_scale=setup.radius_scale,
            step_scale=setup.step_scale,
        )
        radius = float(schedule.radius) if setup.radius is None else setup.radius
        if not 0 < radius < math.inf:
            raise InputError(
                f"radius of claim {self.name!r} must be positive and finite, got {radius} for N = {pairs:g} and "
                f"M = {queries:g}; write Setup(..., radius=0.01) where the schedule has none"
            )
        return Point(
            n_queries=queries,
            n_pairs=pairs,
            radius=radius,
            step_size=float(schedule.step_size) if setup.step_size is None else setup.step_size,
            n_iterations=int(iterations),
            burn_in=setup.burn_in,
            repeated=setup.repeated,
            start=setup.start,
        )


def name_of(thing: str | Instance | Method) -> str:
    """Name of an instance or a method, which may be given by its name or as an object."""
    return thing if isinstance(thing, str) else thing.name
