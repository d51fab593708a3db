"""Gap to the optimum of every method, with few pairs per iteration and few votes per pair."""

from __future__ import annotations

from string import ascii_lowercase
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from experiments.comparison.budget import PRESETS
from experiments.studies.small_panels import compare_panels
from paper_figures.comparisons import ROUNDING, in_order, line_and_markers
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, new_figure, print_style, series_of
from theory.errors import InputError

# The axis of gaps is linear up to this share of the largest gap, so that it shows 0, and logarithmic above.
_LINEAR_UP_TO = 0.02
_LINEAR_DECADES = 0.5  # length of the linear part
_BELOW = 0.25  # of the linear part, shown below 0
_DODGE = 0.08  # between methods, as a share of the way from one number of votes to the next


def draw_panel(panels: pd.DataFrame, n_pairs: int, ax: Axes) -> Axes:
    """Gap to the optimum against votes per pair, with 95% intervals. Methods are moved a little along the axis.

    Parameters
    ----------
    panels : DataFrame
        Of `compare_panels`. Rows with other numbers of pairs take part in the scale of gaps.
    n_pairs : int
        Pairs per iteration of this panel.
    ax : Axes

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    InputError
        If there are no rows with this number of pairs, if a method and number of votes occur twice, or if a gap is
        negative.
    """
    chosen = panels[panels["n_pairs"] == n_pairs]
    if chosen.empty:
        raise InputError(f"panels must hold rows with {n_pairs} pairs, got none; take the frame of compare_panels")
    if chosen.duplicated(["method", "n_queries"]).any():
        raise InputError("panels must hold every method once with N and M, got repetitions; select the rows first")
    if not panels["gap"].max() > 0 or not (chosen["gap"] >= -ROUNDING * chosen["final"].abs()).all():
        raise InputError(f"gap must be at least 0 and not always 0, got {chosen['gap'].min():g}; compute it anew")
    votes = sorted(panels["n_queries"].unique())
    series = series_of(panels["method"])
    shifts = _DODGE * (np.arange(len(series)) - (len(series) - 1) / 2)
    for (name, look), shift in zip(series.items(), shifts, strict=True):
        rows = chosen[chosen["method"] == name].sort_values("n_queries")
        if rows.empty:
            continue
        x = np.searchsorted(votes, rows["n_queries"]) + shift
        beyond = (rows["gap"] - rows["gap_low"], rows["gap_high"] - rows["gap"])
        style = line_and_markers(look)
        ax.errorbar(x, rows["gap"], beyond, **style, elinewidth=0.6)
        ax.plot([], [], **style, label=str(rows["title"].iloc[0]))  # the key shows marker and line together
    ax.axhline(0, color=GREY, linewidth=1.6, zorder=1)
    _scale_of_gaps(float(panels["gap"].max()), float(panels["gap_high"].max()), ax)
    ax.set_xticks(range(len(votes)), [f"{number:g}" for number in votes])
    ax.set_xlim(-0.5, len(votes) - 0.5)
    ax.set_xlabel("votes a pair $M$")
    return ax


def _scale_of_gaps(largest: float, high: float, ax: Axes) -> None:
    """Make the axis logarithmic up to the largest gap, with 0 and round numbers on it."""
    threshold = _LINEAR_UP_TO * largest
    ax.set_yscale("symlog", linthresh=threshold, linscale=_LINEAR_DECADES)
    decades = 10.0 ** np.arange(np.ceil(np.log10(threshold / 3)), np.log10(high) + 1)
    ax.yaxis.set_major_locator(FixedLocator([0, *(unit for d in decades for unit in (d, 3 * d) if unit >= threshold)]))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylim(-_BELOW * threshold, 1.15 * high)


def draw_small_panels(panels: pd.DataFrame) -> Figure:
    """One panel per number of pairs, fewest first, with one scale of gaps, two columns wide.

    Parameters
    ----------
    panels : DataFrame
        Of `compare_panels`.

    Raises
    ------
    InputError
        If there are no rows; see also `draw_panel`.
    """
    if panels.empty:
        raise InputError("panels must hold at least one row, got none; take the frame of compare_panels")
    panels = in_order(panels)
    numbers = sorted(panels["n_pairs"].unique())
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, 3.0)
        axes: Any = figure.subplots(1, len(numbers), sharey=True, squeeze=False)[0]
        for letter, ax, number in zip(ascii_lowercase, axes, numbers, strict=False):
            draw_panel(panels, number, ax).set_title(f"({letter}) {number:g} pairs an iteration", loc="left")
        axes[0].set_ylabel("gap to the optimum (return)\nlogarithmic but near 0")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def _compute(context: FigureContext) -> Frames:
    return {"panels": compare_panels(n_seeds=PRESETS[context.preset][1], execution=context.execution)}


def _caption(frames: Frames) -> str:
    panels = frames["panels"]
    best = panels.loc[panels["gap"].idxmin()]
    return (
        f"Gap to the optimum of {panels['method'].nunique()} methods with few pairs N an iteration and few votes M a "
        f"pair. The least is {max(0.0, best['gap']):.2g}, of {best['title']} at N = {best['n_pairs']:g}, "
        f"M = {best['n_queries']:g}. The 95% limits are made on the scale of logarithms, since a gap cannot be "
        "negative. The axis is linear near 0. Methods stand side by side at one M."
    )


FIGURE = PaperFigure(
    name="small-panels",
    title="Gap to the optimum with few pairs an iteration and few votes a pair",
    compute=_compute,
    draw=lambda frames: draw_small_panels(frames["panels"]),
    caption=_caption,
)
