"""Claims on an instance that has no shipped ones: a user's own, or one of a family. Windows come from one rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.catalogue.claims import AXIS_TITLES, Claim, name_of
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from experiments.catalogue.methods import methods_named
from experiments.catalogue.shipped_claims import PUBLISHED, REPLICATES, Preset
from experiments.rates.floor_claim import FloorClaim
from experiments.rates.mixing import promised_by
from experiments.rates.smoothness import estimate_all
from experiments.rates.windows import FLOOR_VOTES, Fixed, Window, WindowTask, find_window
from experiments.running.execution import Execution, chosen_execution
from experiments.running.run_tasks import run_tasks
from theory.errors import InputError
from theory.rates import STATED_RATE, Axis

# Axes of the claims, in their order.
OWN_AXES: tuple[Axis | str, ...] = ("T", "N", "M", "eps", "floor")
N_REPLICATES = 8
_REASONS: dict[Axis | str, str] = {
    "T": "N and M are infinite; the window begins where exact ascent has left its transient",
    "N": "M is infinite; the law of the algorithm is linear over the window, and the run is twelve mixing times long",
    "M": "N is infinite; the law of the algorithm is linear over the window, and the run is twelve mixing times long",
    "eps": "T ~ 1/eps, N ~ M ~ 1/eps^2 from where the law of the algorithm is linear",
}


@dataclass(frozen=True)
class Inapplicable:
    """A claim that cannot be judged.

    Attributes
    ----------
    name : str
    method : str or Method
    instance : str or Instance
    axis : str
    reason : str
        Why, and what to do.
    """

    name: str
    method: str | Method
    instance: str | Instance
    axis: str
    reason: str


@dataclass(frozen=True)
class OwnClaims:
    """Claims with windows by the rule, claims on constants, and what cannot be judged.

    Attributes
    ----------
    claims : list of Claim
    floors : list of FloorClaim
    inapplicable : list of Inapplicable
    """

    claims: list[Claim]
    floors: list[FloorClaim]
    inapplicable: list[Inapplicable]


def claims_on(
    instances: Sequence[str | Instance],
    methods: Sequence[str | Method],
    axes: Sequence[Axis | str] = OWN_AXES,
    *,
    fixed: Fixed | None = None,
    preset: Preset = "quick",
    two_sided: bool = False,
    execution: Execution | None = None,
) -> OwnClaims:
    """The stated claims on other instances than the shipped ones, with windows by the rule of `windows`.

    Parameters
    ----------
    instances, methods : sequences
        A method that needs more parameters than an instance has is left out there.
    axes : sequence of {"T", "N", "M", "eps", "floor"}
        The last is a claim on a constant.
    fixed : Fixed, optional
        What the rule does not choose.
    preset : {"quick", "paper"}
    two_sided : bool, default False
        Whether T, N and M claims are also that the exponent is attained.
    execution : Execution, optional

    Raises
    ------
    InputError
        If an instance has no exact law of its returns.
    """
    how = chosen_execution(execution)
    for instance in instances:
        # Without a lattice of returns there is no law, and this says so.
        _ = find("instance", instance).mdp.largest_return_steps
    smoothness = estimate_all(instances, how)
    tasks = [
        WindowTask(on, method, axis, constant, fixed or Fixed(), how.seed)
        for on, constant in zip(instances, smoothness, strict=True)
        for axis in axes
        for method in methods
        if find("method", method).fits(find("instance", on).policy.dim)
    ]
    found = OwnClaims([], [], [])
    for task, window in zip(tasks, run_tasks(find_window, tasks, _work, how), strict=True):
        name = f"{name_of(task.method)} {task.axis} {name_of(task.instance)}"
        if window.reason:
            found.inapplicable.append(Inapplicable(name, task.method, task.instance, task.axis, window.reason))
        elif task.axis == "floor":
            found.floors.append(_floor(name, task, window))
        else:
            found.claims.append(_claim(name, task, window, preset, two_sided and task.axis != "eps"))
    return found


def own_methods(method: str) -> list[str]:
    """Methods that are run on an own instance: the published ones, or what a user names of them or wrote."""
    names = methods_named(method)
    return names if ":" in method else [name for name in names if name in PUBLISHED or method != "all"]


def own_axes(axis: str) -> list[Axis | str]:
    """Axes on an own instance: one, or all of them."""
    return [each for each in OWN_AXES if axis in (each, "all")]


def checked(axis: str, fixed: Fixed) -> Fixed:
    """What a user fixes, if it fits the axis.

    Raises
    ------
    InputError
        If something is out of its range, or has no meaning on this axis or on several.
    """
    for name, scale in (("--step-scale", fixed.step_scale), ("--radius-scale", fixed.radius_scale)):
        if scale is not None and not 0 < scale < math.inf:
            raise InputError(f"{name} must be positive and finite, got {scale:g}")
    if fixed.iterations is not None and fixed.iterations < 2:
        raise InputError(f"--iterations must be at least 2, got {fixed.iterations}")
    given = {"--grid": fixed.grid, "--iterations": fixed.iterations, "--radius-scale": fixed.radius_scale}
    useless = {"T": ("--iterations", "--radius-scale"), "floor": ("--grid", "--iterations"), "d": tuple(given)}
    for name, value in given.items():
        if value is not None and axis == "all" and name != "--radius-scale":
            raise InputError(f"{name} must come with one axis, got {axis}; write --axis N, or T, M, eps")
        if value is not None and name in useless.get(axis, ()):
            raise InputError(f"{name} has no meaning on axis {axis}; leave it out")
    grid = fixed.grid
    if grid is None:
        return fixed
    if len(grid) < 2 or len(set(grid)) < len(grid) or not all(0 < x < math.inf for x in grid):
        raise InputError(f"--grid must be at least 2 distinct positive numbers, got {_listed(grid)}")
    if axis in AXIS_TITLES and axis != "eps" and any(x != round(x) for x in grid):
        raise InputError(f"--grid must be whole numbers along {axis}, got {_listed(grid)}")
    return fixed


def _listed(grid: Sequence[float]) -> str:
    return ",".join(f"{x:g}" for x in grid)


def _claim(name: str, task: WindowTask, window: Window, preset: Preset, two_sided: bool) -> Claim:
    axis: Axis = next(each for each in AXIS_TITLES if each == task.axis)
    return Claim(
        name,
        task.method,
        task.instance,
        axis,
        window.grid,
        window.setup,
        STATED_RATE,
        REPLICATES[preset] * N_REPLICATES,
        two_sided,
        _REASONS[axis],
        conditional=True,
        predicted=window.predicted,
        mixing=window.mixing,
    )


def _floor(name: str, task: WindowTask, window: Window) -> FloorClaim:
    """The claim on a constant at the first N with a linear law; a method without a law is held to that of ZPG."""
    (point,) = task.points("N", (*window.grid, 2 * window.grid[0]), window.setup)[:1]
    promised = promised_by(task.method, find("instance", task.instance))
    own = find("method", task.method) is promised
    return FloorClaim(
        name,
        task.method if own else promised,
        task.instance,
        point.n_pairs,
        FLOOR_VOTES,
        point.radius,
        point.step_size,
        run_as=None if own else task.method,
    )


def _work(task: WindowTask) -> float:
    return float(find("instance", task.instance).policy.dim) ** 3 * (1 if task.axis == "T" else 10)
