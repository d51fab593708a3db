"""The record of a method: how it is built, which settings it is tuned over, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from estimators import Learner, PreferenceFeedback, StackedFeedback
from estimators.zeroth_order import GradientEstimator
from experiments.catalogue.instance import Instance
from experiments.catalogue.setting_grid import SettingGrid
from theory.errors import InputError, require_function, require_integer, require_kind, require_positive, require_text

# The preference oracle: N pairs an iteration, M votes a pair. A stacked oracle answers for several settings at once.
Oracle: TypeAlias = PreferenceFeedback | StackedFeedback


@dataclass(frozen=True)
class Look:
    """How a method is drawn. Two methods never differ in colour alone.

    Attributes
    ----------
    color : str
    marker : str
    size : float
        Size of the marker, in points.
    filled : bool
    dashes : tuple of float
        Lengths of dashes and gaps, in line widths; empty for a solid line.
    """

    color: str
    marker: str
    size: float = 5.0
    filled: bool = True
    dashes: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        require_text("color", self.color)
        require_text("marker", self.marker, 0)
        require_positive("size", self.size)
        require_kind("filled", self.filled, bool, "True")
        require_kind("dashes", self.dashes, tuple, "(4, 2)")
        if len(self.dashes) % 2:
            raise InputError(f"dashes must be pairs of a dash and a gap, got {self.dashes}; write for example (4, 2)")
        for length in self.dashes:
            require_positive("dashes", length)


@dataclass(frozen=True, repr=False)
class Method:
    """One method. Rate checks, comparisons and figures all read this record.

    Attributes
    ----------
    name : str
        Short, as used in tables and on the command line.
    title : str
        Name in tables and figures.
    build : function of (dim, oracle, knob) -> GradientEstimator or Learner
        dim is the number of parameters d. The knob is a float, or an array that broadcasts against the batch.
    grid : function of Instance -> SettingGrid, optional
        Settings that it may be tuned over. A method without a grid cannot take part in comparisons of learning.
    knob : str, default "radius"
        Name of the knob; empty if there is no knob. A radius follows the schedule in rate checks, and is optimised in
        comparisons of variance. Another knob has the first value of the grid in rate checks.
    steps : bool, default True
        Whether the step size has an effect.
    stacks : bool, default False
        Whether `build` takes a stacked oracle, so that runs with different N and M make one batch.
    least_dim : int
        Least number of parameters that it needs, for instance K.
    one_split : bool, default False
        Whether the split of a budget into iterations and pairs makes hardly any difference, as for a method that only
        uses the pairs of all iterations together. It is then compared at one split: most pairs, fewest iterations.
    deterministic : bool, default False
        Whether equal replicates are meant, because nothing is drawn, as in exact gradient ascent. The slope is then
        exact. Of any other method, replicates that repeat each other leave a claim UNDECIDED.
    group : str
        Group of methods that figures show together.
    family : str
        Name of several methods together on the command line, for instance ``zbcpg``.
    work : float
        Time an iteration takes, relative to ZPG.
    look : Look, optional
        By default figures choose one that is free.
    """

    name: str
    title: str
    build: Callable[[int, Oracle, Any], Learner | GradientEstimator]
    grid: Callable[[Instance], SettingGrid] | None = None
    knob: str = "radius"
    steps: bool = True
    stacks: bool = False
    least_dim: int = 1
    one_split: bool = False
    deterministic: bool = False
    group: str = "your own"
    family: str = ""
    work: float = 1.0
    look: Look | None = None

    def __post_init__(self) -> None:
        # Its name, and what it builds, are checked where it is used.
        for name in ("group", "family"):
            require_text(name, getattr(self, name), 0)
        for name in ("steps", "stacks", "one_split", "deterministic"):
            require_kind(name, getattr(self, name), bool, "True")
        if self.grid is not None:
            require_function("grid", self.grid, "lambda instance: SettingGrid(...)")
        require_integer("least_dim", self.least_dim, 1)
        require_positive("work", self.work)
        if self.look is not None:
            require_kind("look", self.look, Look, "Look('#000000', 'o')")

    def __repr__(self) -> str:
        return f"Method({self.name!r}, {self.title!r}, knob={self.knob!r})"

    def fits(self, dim: int) -> bool:
        """Whether this number of parameters is enough for the method."""
        return self.least_dim <= dim

    def settings(self, instance: Instance) -> SettingGrid:
        """Settings that the method may be tuned over on an instance.

        Raises
        ------
        InputError
            If the method has no grid.
        """
        if self.grid is None:
            raise InputError(
                f"method {self.name} must have a grid of settings to be tuned, got None; "
                "write Method(..., grid=lambda instance: SettingGrid(step=0.1, step_ratio=4, shape=(12, 1)))"
            )
        return self.grid(instance)
