"""Final value of every method against the split of one budget of votes and trajectories."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.comparison.budget import PRESETS, splits
from experiments.studies.splits import compare_splits
from paper_figures.comparisons import STRETCHED, check_below, in_order, line_and_markers, stretch_values
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, new_figure, print_style, series_of
from theory.errors import InputError

_DODGE = 0.09  # between methods, as a share of the way from one split to the next


def draw_splits(found: pd.DataFrame, ax: Axes) -> Axes:
    """Mean final value with 95% intervals at every split, fewest pairs first, then those with other votes a pair.

    Lines join splits with the same number of votes a pair. Methods are moved a little along the axis.

    Parameters
    ----------
    found : DataFrame
        Of `compare_splits`.
    ax : Axes

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    InputError
        If there are no rows, a method has a split twice, there is more than one start or optimum, or a value is above
        the optimum.
    """
    if found.empty or found.duplicated(["method", *_SPLIT]).any():
        raise InputError("found must hold every method once at each split; take the frame of compare_splits")
    if len(found[["start", "optimum"]].drop_duplicates()) != 1:
        raise InputError("found must be of one instance, got several starts or optima; select the rows first")
    start, optimum = (float(found[name].iloc[0]) for name in ("start", "optimum"))
    check_below(found["final"].max(skipna=False), optimum)
    check_below(start, optimum, strictly=True)
    places = _places(found)
    series = series_of(found["method"])
    shifts = _DODGE * (np.arange(len(series)) - (len(series) - 1) / 2)
    for (name, look), shift in zip(series.items(), shifts, strict=True):
        mine = found[found["method"] == name].sort_values("n_pairs")
        style = line_and_markers(look)
        for _, rows in mine.groupby("n_queries"):
            x = [places[place] + shift for place in rows[_SPLIT].itertuples(index=False, name=None)]
            beyond = (rows["final"] - rows["low"], rows["high"] - rows["final"])
            ax.errorbar(x, rows["final"], beyond, **style, elinewidth=0.6)
        ax.plot([], [], **style, label=str(mine["title"].iloc[0]))
    ax.axhline(optimum, color=GREY, linewidth=1.6, zorder=1, label="optimum")
    stretch_values(float(min(start, found["low"].min())), start, optimum, ax, "y")
    ax.set_xticks(range(len(places)), [f"{t:,} x {n} x {m:g}" for t, n, m in places])
    ax.set_xlim(-0.5, len(places) - 0.5)
    ax.set_xlabel("iterations $T$ x pairs $N$ x votes a pair $M$")
    ax.set_ylabel(STRETCHED)
    return ax


_SPLIT = ["n_iterations", "n_pairs", "n_queries"]


def _places(found: pd.DataFrame) -> dict[tuple[int, int, float], int]:
    """Where each split is drawn: those with the most common number of votes a pair first."""
    usual = found["n_queries"].mode().iloc[0]
    every = found[_SPLIT].drop_duplicates()
    order = every.assign(other=every["n_queries"] != usual).sort_values(["other", "n_queries", "n_pairs"])
    return {place: x for x, place in enumerate(order[_SPLIT].itertuples(index=False, name=None))}


def draw(found: pd.DataFrame) -> Figure:
    """One panel, two columns wide, with its key above."""
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, 3.0)
        ax = draw_splits(in_order(found), figure.subplots())
        figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def _compute(context: FigureContext) -> Frames:
    budget, n_seeds = PRESETS[context.preset]
    return {"splits": compare_splits(budgets=splits(budget.votes), n_seeds=n_seeds, execution=context.execution)}


def _caption(frames: Frames) -> str:
    found = frames["splits"]
    spread = found.groupby("title", sort=False)["final"].agg(lambda final: final.max() - final.min())
    best = found.loc[found["final"].idxmax()]
    return (
        f"Mean final value of {found['method'].nunique()} methods at {len(_places(found))} splits of "
        f"{found['votes'].max():,.0f} votes, with 95% t intervals, on an axis that is stretched below the optimum "
        f"{found['optimum'].iloc[0]:.4g} (grey). The best is {best['final']:.4g}, of {best['title']}. The split "
        f"matters most to {spread.idxmax()}: {spread.max():.2g} between its best and its worst."
    )


FIGURE = PaperFigure(
    name="splits",
    title="Final value against the split of one budget of votes and trajectories",
    compute=_compute,
    draw=lambda frames: draw(frames["splits"]),
    caption=_caption,
)
