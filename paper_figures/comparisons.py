"""Shared by the figures that compare methods: order, looks, and an axis on which good methods can be told apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from experiments.catalogue.methods import METHODS
from paper_figures.style import Series
from theory.errors import InputError

STRETCHED = "value (return)\nstretched below the optimum"

ROUNDING = 1e-9  # relative, by which a value may lie above the optimum
# The scale is logarithmic in the gap plus this share of the way from the start. So the optimum is on the scale.
_SOFT = 0.05
_ABOVE = 0.3  # where the axis ends, as a share of that
_BELOW = 0.15  # where it begins, as a share of the largest gap
# Least distance of two numbers, as a share of the axis. Numbers are wider than they are high.
_TICK_DISTANCE = {"x": 0.14, "y": 0.1}


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows in the order of `METHODS`, as in all keys. A user's methods come last, in the order that they have."""
    rank = {name: number for number, name in enumerate(METHODS)}
    return frame.sort_values(
        "method", key=lambda names: names.map(lambda name: rank.get(name, len(rank))), kind="stable"
    )


def small_markers(look: Series) -> dict[str, Any]:
    """Markers without a line, smaller than the series has them: many stand close together."""
    return look.markers | {"markersize": 0.75 * look.size, "markeredgewidth": 0.7}


def line_and_markers(look: Series) -> dict[str, Any]:
    """A line with small markers."""
    return small_markers(look) | look.line


def stretch_values(lowest: float, start: float, optimum: float, ax: Axes, which: Literal["x", "y"]) -> None:
    """Stretch an axis just below the optimum, and put round values on it.

    Parameters
    ----------
    lowest : float
        The lowest value that is drawn.
    start, optimum : float
        They set the scale. The start must be below the optimum.
    ax : Axes
    which : {"x", "y"}
        The axis. It becomes logarithmic in the gap to a value a little above the optimum, where it ends.
    """
    soft = _SOFT * (optimum - start)
    ceiling = optimum + soft

    def forward(value: Any) -> Any:
        # Limits of intervals may lie above the end of the axis, where there is no logarithm. They are cut off there.
        return -np.log(np.maximum(ceiling - np.asarray(value), 0.5 * soft))

    set_scale = ax.set_xscale if which == "x" else ax.set_yscale
    set_scale("function", functions=(forward, lambda height: ceiling - np.exp(-height)))
    axis = ax.xaxis if which == "x" else ax.yaxis
    ends = lowest - _BELOW * (optimum - lowest), optimum + _ABOVE * soft
    axis.set_major_locator(FixedLocator(_round_values(ends, optimum, forward, _TICK_DISTANCE[which])))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())
    set_limits = ax.set_xlim if which == "x" else ax.set_ylim
    set_limits(*ends)


def check_below(value: float, optimum: float, *, strictly: bool = False) -> None:
    """Refuse a value that is impossible on an instance with this optimum.

    Parameters
    ----------
    value, optimum : float
    strictly : bool
        Whether the value must be below the optimum, as that of a start must.

    Raises
    ------
    InputError
        If the value is above the optimum, or nan.
    """
    room = ROUNDING * abs(optimum)
    if not (value < optimum - room if strictly else value <= optimum + room):
        word = "below" if strictly else "at most"
        raise InputError(
            f"values must be {word} the optimum {optimum:g}, got {value:g}; take both frames of one experiment"
        )


def _round_values(
    ends: tuple[float, float], top: float, forward: Callable[[float], float], distance: float
) -> list[float]:
    """Values for the numbers on an axis: the roundest ones first, then those with enough room between them."""
    low, high = ends
    chosen: list[float] = []
    room = distance * (forward(high) - forward(low))
    largest = 10.0 ** math.ceil(math.log10(high - low))
    for unit in (largest / step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500)):
        for number in range(math.ceil(low / unit), math.floor(top / unit) + 1):
            value = round(number * unit, 10)
            if all(abs(forward(value) - forward(other)) >= room for other in chosen):
                chosen.append(value)
    return sorted(chosen)
