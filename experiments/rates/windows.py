"""Windows of claims on an instance that nobody has looked at before: step, grid and length by one rule.

The rule reads exact quantities alone, before any run: exact ascent along T, and the law of the algorithm along N, M
and eps. Where there is no such law it says why.
"""

from __future__ import annotations

import math
import textwrap
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from estimators import ExactGradient, ascend
from experiments.catalogue.claims import Claim, Point, Setup, name_of
from experiments.catalogue.instance import Instance, at_optimum
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from experiments.rates.floor_prediction import LONGEST_MIXING, FloorPrediction, predict_floor
from experiments.rates.mixing import mixing_near, promised_by
from experiments.statistics.power_law import fit_power_law
from theory.arrays import FloatArray
from theory.bounds import LARGEST_C
from theory.rates import STATED_RATE, Axis

# L alpha d of the step, where L is the largest Hessian norm found; certificates need it below 3/4.
STEP_SHARE = 0.5
# Points of a window along N and M, and what it is looked for in.
N_POINTS = 5
PAIRS = tuple(10.0**k for k in range(3, 13))
VOTES = tuple(4.0**k for k in range(3, 10))
# Largest table of votes, in numbers.
LARGEST_TABLE = 4e6
# Length in mixing times, of which the second half is averaged; and the least length.
MIXING_TIMES, LEAST_ITERATIONS = 12, 600
# First T of a window, and local slope of exact ascent from there to 2 T.
FIRST_T, T_SLOPE, T_RATIOS = (256, 512, 1024, 2048), -0.98, (1, 2, 4, 8)
NO_NOISE_RADIUS = 0.01
# Balanced path: its grid, N and M at eps = 1, the factors that they may be enlarged by, and the longest T there.
EPS, EPS_COUNTS, EPS_FACTORS, LONGEST_EPS_T = tuple(2.0**-k for k in range(5)), (128, 4), (1, 4, 16, 64), 1024
# Votes a pair of the claim on a constant.
FLOOR_VOTES = 25
INTERIOR = "use a policy with an interior optimum, such as CircularPolicy, on an MDP that visits every state"


@dataclass(frozen=True)
class Fixed:
    """What a user fixes: the rule finds the rest.

    Attributes
    ----------
    grid : tuple of float, optional
    iterations : int, optional
        T; along eps its value at eps = 1.
    step_scale, radius_scale : float, optional
        As in `Setup`.
    """

    grid: tuple[float, ...] | None = None
    iterations: int | None = None
    step_scale: float | None = None
    radius_scale: float | None = None


@dataclass(frozen=True)
class WindowTask:
    """The task of finding the window of one claim.

    Attributes
    ----------
    instance : str or Instance
    method : str or Method
    axis : {"T", "N", "M", "eps", "floor"}
    smoothness : float
        The largest Hessian norm found.
    fixed : Fixed
    seed : int
    """

    instance: str | Instance
    method: str | Method
    axis: Axis | str
    smoothness: float
    fixed: Fixed = field(default_factory=Fixed)
    seed: int = 0

    @property
    def step_scale(self) -> float:
        """The c' of alpha = c' / d."""
        return self.fixed.step_scale or STEP_SHARE / (self.smoothness or 1.0)

    @property
    def radius_scale(self) -> float:
        """The constant of the radius."""
        return self.fixed.radius_scale or 1.0

    def points(self, axis: Axis, grid: Sequence[float], setup: Setup) -> list[Point]:
        """Settings along an axis, under the schedule."""
        claim = Claim("window", self.method, self.instance, axis, tuple(grid), setup, STATED_RATE, 2, False, "")
        return [at.point for at in claim.points()]


@dataclass(frozen=True)
class Window:
    """A window, or the reason why there is none.

    Attributes
    ----------
    grid : tuple of float
    setup : Setup
    predicted : float, optional
        Slope over the window that exact ascent or the law of the algorithm predicts.
    mixing : float, optional
        Longest mixing time over the window, by that law.
    reason : str
        Why the claim cannot be judged, and what to do; empty if it can.
    """

    grid: tuple[float, ...] = ()
    setup: Setup = field(default_factory=lambda: Setup(1))
    predicted: float | None = None
    mixing: float | None = None
    reason: str = ""


def find_window(task: WindowTask) -> Window:
    """The window of a claim, by the rule of its axis."""
    if task.axis == "T":
        return _transient(task)
    if task.axis == "eps":
        return _balanced(task)
    return _tail(task)


def _transient(task: WindowTask) -> Window:
    """T: from where exact ascent has left its transient."""
    first = _past_transient(task)
    grid = task.fixed.grid or tuple(float(first * k) for k in T_RATIOS)
    setup = Setup(1, radius=NO_NOISE_RADIUS, step_scale=task.step_scale)
    means = _exact_means(find("instance", task.instance), _step(task), math.ceil(max(grid)))
    whole = [x for x in grid if x == round(x) and x >= 1]
    known = len(whole) == len(grid) > 1 and bool((means[[int(x) - 1 for x in whole]] > 0).all())
    predicted = fit_power_law(whole, means[[int(x) - 1 for x in whole]]).slope if known else None
    return Window(grid, setup, predicted)


def _past_transient(task: WindowTask) -> int:
    """The first T from which the mean of exact ascent falls as 1 / T, or the last that is tried."""
    if _too_large(task):
        return FIRST_T[0]
    means = _exact_means(find("instance", task.instance), _step(task), 2 * FIRST_T[-1])
    for first in FIRST_T:
        before, after = means[first - 1], means[2 * first - 1]
        if not before > 0 or math.log2(after / before) <= T_SLOPE:
            return first
    return FIRST_T[-1]


def _balanced(task: WindowTask) -> Window:
    """Balanced path: T past the transient, N and M so large that the law is linear, where there is one."""
    iterations = task.fixed.iterations or min(_past_transient(task), LONGEST_EPS_T)
    grid = task.fixed.grid or EPS

    def setup(factor: int) -> Setup:
        pairs, queries = (factor * count for count in EPS_COUNTS)
        return Setup(iterations, pairs, queries, step_scale=task.step_scale, radius_scale=task.radius_scale)

    # Without a law, or above the theorem's step, the smallest counts will do: a guard reads the run.
    if _too_large(task) or not _mixes(task):
        return Window(grid, setup(1))
    reason = ""
    for factor in EPS_FACTORS:
        found = _found(task, task.points("eps", grid, setup(factor)))
        reason = next((f"at eps = {x:g}: {law.reason}" for x, law in zip(grid, found, strict=False) if law.reason), "")
        if not reason:
            return Window(grid, setup(factor))
    return Window(reason=_one_line(f"{reason}; lower --step-scale"))


def _tail(task: WindowTask) -> Window:
    """N and M: the first points in a row at which the law is stable and linear, and runs mix.

    The claim on a constant takes the first N alone, with a few votes a pair.
    """
    axis: Axis = "M" if task.axis == "M" else "N"
    # Where the step is too large, its law says so; the optimum is looked at with a step that is not.
    usual = replace(task, fixed=replace(task.fixed, step_scale=None)) if _too_large(task) else task
    if not _mixes(usual):
        mixing = mixing_near(task.instance, task.method, _step(usual))
        far = "forever" if math.isinf(mixing) else f"about {mixing:.2g} iterations"
        return Window(
            reason=f"no stationary law: near the optimum that ascent finds, runs need {far} to mix, more than "
            f"{LONGEST_MIXING:,}; it is too flat, or at infinity: {INTERIOR}"
        )
    setup = Setup(
        LEAST_ITERATIONS,
        n_queries=FLOOR_VOTES if task.axis == "floor" else math.inf,
        burn_in=0.5,
        step_scale=task.step_scale,
        radius_scale=task.radius_scale,
        start=_optimum(find("instance", task.instance)),
    )
    grid, laws = _row(task, axis, setup)
    reason = next((f"at {axis} = {x:g}: {law.reason}" for x, law in zip(grid, laws, strict=True) if law.reason), "")
    if reason:
        return Window(reason=_one_line(reason))
    mixing = max(law.mixing for law in laws)
    length = task.fixed.iterations or max(LEAST_ITERATIONS, math.ceil(MIXING_TIMES * mixing))
    predicted = fit_power_law(grid, [law.floor for law in laws]).slope if len(grid) > 1 else None
    return Window(grid, replace(setup, n_iterations=length), predicted, mixing)


def _row(task: WindowTask, axis: Axis, setup: Setup) -> tuple[tuple[float, ...], list[FloorPrediction]]:
    """The first row of points whose laws are sound, with these laws; the user's grid, or the last row, if none is."""
    if task.fixed.grid is not None:
        return task.fixed.grid, list(_found(task, task.points(axis, task.fixed.grid, setup), stop=False))
    candidates = PAIRS if axis == "N" else _votes(find("instance", task.instance))
    length = 1 if task.axis == "floor" else N_POINTS
    laws: list[FloorPrediction] = []
    for law in _found(task, task.points(axis, candidates, setup), stop=False):
        laws.append(law)
        row = laws[-length:]
        if len(row) == length and not any(each.reason for each in row):
            break
    return candidates[len(laws) - len(row) : len(laws)], row


def _found(task: WindowTask, points: Sequence[Point], *, stop: bool = True) -> Iterator[FloorPrediction]:
    """Laws of the points, one after the other; the first without a law is the last if `stop`."""
    where = find("instance", task.instance)
    rng = np.random.default_rng([task.seed, 7, zlib.crc32(name_of(task.instance).encode())])
    method = promised_by(task.method, where)
    for point in points:
        law = predict_floor(where, method, _optimum(where), point, rng)
        yield law
        if stop and law.reason:
            return


def _votes(instance: Instance) -> tuple[float, ...]:
    """M to look among: tables of votes must not be too large."""
    differences = 2 * instance.mdp.largest_return_steps[-1] + 1
    return tuple(m for m in VOTES if m * differences <= LARGEST_TABLE or m <= VOTES[N_POINTS - 1])


def _mixes(task: WindowTask) -> bool:
    return mixing_near(task.instance, task.method, _step(task)) <= LONGEST_MIXING


def _step(task: WindowTask) -> float:
    return task.step_scale / find("instance", task.instance).policy.dim


def _too_large(task: WindowTask) -> bool:
    """Whether the step is above the theorem's."""
    return task.step_scale * task.smoothness >= LARGEST_C


@lru_cache(maxsize=64)
def _optimum(instance: Instance) -> tuple[float, ...]:
    return tuple(at_optimum(instance).start.tolist())


@lru_cache(maxsize=64)
def _exact_means(instance: Instance, step_size: float, n_iterations: int) -> FloatArray:
    """Means of |grad V|^2 over the first 1, 2, ... iterates of exact ascent."""
    rng = np.random.default_rng(0)  # not used
    run = ascend(instance.mdp, instance.policy, ExactGradient(), instance.start, n_iterations, step_size, rng)
    return np.asarray(np.cumsum(run.gradient_norm_sq) / np.arange(1, n_iterations + 1))


def _one_line(reason: str) -> str:
    return textwrap.shorten(reason, 300, placeholder=" ...")
