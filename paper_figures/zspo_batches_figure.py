"""Values along ascents by majority signs, by the size of the batches that raters compare."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.catalogue.shipped_claims import REPLICATES
from experiments.studies.zspo_batches import MEAN_STEP, RUNS, zspo_batches
from experiments.studies.zspo_batches import REPLICATES as FIRST_REPLICATES
from paper_figures.comparisons import small_markers
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, Series, levels_of, new_figure, print_style
from theory.errors import InputError

# Every so many points of a curve of runs has a marker with its interval.
_EVERY = 5


def draw_batches(curves: pd.DataFrame, instance: str, ax: Axes) -> Axes:
    """Values over iterations on one instance: lines by the mean step, markers with 95% intervals by runs.

    Parameters
    ----------
    curves : DataFrame
        Of `zspo_batches`.
    instance : str
    ax : Axes

    Returns
    -------
    Axes
        The same. Grey lines are the optimum and, dashed, the start.

    Raises
    ------
    InputError
        If the instance has no rows, or a size, a way and an iteration occur twice.
    """
    chosen = curves[curves["instance"] == instance]
    if chosen.empty or chosen.duplicated(["batch_size", "way", "iteration"]).any():
        raise InputError(
            f"curves must hold every size and iteration on {instance!r} once, got {len(chosen)} rows; compute them anew"
        )
    grey: Any = {"color": GREY, "linewidth": 1.6, "zorder": 1}
    ax.axhline(float(chosen["optimum"].iloc[0]), **grey)
    ax.axhline(float(chosen["start"].iloc[0]), linestyle=(0, (2.5, 1.2)), **grey)
    for size, look in _looks(chosen).items():
        rows = chosen[chosen["batch_size"] == size]
        mean, runs = (rows[rows["way"] == way].sort_values("iteration") for way in (MEAN_STEP, RUNS))
        ax.plot(mean["iteration"], mean["value"], **look.line, linewidth=1.1, zorder=2)
        # Sizes at different iterations, so that intervals do not hide each other.
        first = 1 + list(_looks(chosen)).index(size)
        marked = runs.iloc[first::_EVERY]
        beyond = (marked["value"] - marked["low"], marked["high"] - marked["value"])
        ax.errorbar(marked["iteration"], marked["value"], beyond, **small_markers(look), elinewidth=0.6, zorder=3)
    ax.set_xlabel("iterations")
    return ax


def draw_zspo_batches(curves: pd.DataFrame) -> Figure:
    """One panel an instance, two columns of a page wide.

    Parameters
    ----------
    curves : DataFrame
        Of `zspo_batches`.
    """
    if curves.empty:
        raise InputError("curves must hold at least one row, got none; take the frame of zspo_batches")
    names = list(dict.fromkeys(curves["instance"]))
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, 2.6)
        axes: Any = figure.subplots(1, len(names), squeeze=False)[0]
        for letter, name, ax in zip("abcdef", names, axes, strict=False):
            draw_batches(curves, name, ax).set_title(f"({letter}) {name}", loc="left")
        axes[0].set_ylabel("value")
        figure.legend(handles=_key(curves, axes[0]), loc="outside upper center", ncols=3)
    return figure


def _looks(curves: pd.DataFrame) -> dict[int, Series]:
    sizes = sorted(int(size) for size in curves["batch_size"].unique())
    return dict(zip(sizes, levels_of([f"D = {size}" for size in sizes]).values(), strict=True))


def _key(curves: pd.DataFrame, ax: Axes) -> list[Any]:
    looks = _looks(curves)
    said = {size: f"D = {size}" for size in looks}
    said[min(looks)] += " (pair by pair)" if min(looks) == 1 else ""
    said[max(looks)] += " (ZSPO)"
    sizes = [ax.plot([], [], **(small_markers(look) | look.line), label=said[size])[0] for size, look in looks.items()]
    black: Any = {"color": "black", "linewidth": 1.1}
    ways = [
        *ax.plot([], [], **black, label="by the mean step"),
        ax.errorbar([np.nan], [np.nan], [0.0], color="black", marker="o", markersize=3, linestyle="none", label="runs"),
        *ax.plot([], [], color=GREY, linewidth=1.6, label="optimum; dashed: start"),
    ]
    # Legends fill columns first.
    return [handle for pair in zip(sizes, ways, strict=False) for handle in pair] if len(sizes) == 3 else sizes + ways


def _compute(context: FigureContext) -> Frames:
    replicates = REPLICATES[context.preset] * FIRST_REPLICATES
    return {"curves": zspo_batches(replicates=replicates, execution=context.execution)}


def _caption(frames: Frames) -> str:
    curves = frames["curves"]
    last = curves[(curves["way"] == RUNS) & curves["value"].notna()]
    last = last[last["iteration"] == last.groupby(["instance", "batch_size"])["iteration"].transform("max")]
    words = "; ".join(
        f"{instance}: " + ", ".join(f"{row.value:.4g} with D = {row.batch_size}" for row in rows.itertuples())
        for instance, rows in last.groupby("instance", sort=False)
    )
    return (
        "Values along ascents by majority signs, by the size D of the batches that raters compare: lines follow the "
        f"mean step, markers are means over runs with 95% intervals. Runs end at {words}. The grey lines are the "
        "optimum and, dashed, the start."
    )


FIGURE = PaperFigure(
    name="zspo-batches",
    title="Majority signs of batches of D trajectories: single ones are misled on the risky bandit, batches are not",
    compute=_compute,
    draw=lambda frames: draw_zspo_batches(frames["curves"]),
    caption=_caption,
)
