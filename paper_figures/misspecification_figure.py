"""Share of the possible gain under wrong links and wrong classes of rewards, each alone and both together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.catalogue.methods import METHODS
from experiments.catalogue.shipped_claims import Preset
from experiments.studies.misspecification import RATERS, compare_misspecification, misspecification_table
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, new_figure, print_style, series_of
from theory.errors import InputError

N_INSTANCES: dict[Preset, int] = {"quick": 24, "paper": 200}
_DODGE = 0.09
_LABEL_ROOM = 0.075  # least distance of two labels, as a share of the axis


def draw_misspecification(table: pd.DataFrame, n_pairs: float, ax: Axes) -> Axes:
    """Share of the possible gain against the raters' link, a line for each method and class of rewards.

    Parameters
    ----------
    table : DataFrame
        Of `misspecification_table`.
    n_pairs : float
        Pairs an iteration of this panel.
    ax : Axes

    Returns
    -------
    Axes
        The same. Lines are labelled at their right ends.

    Raises
    ------
    InputError
        If there are no rows with this number of pairs.
    """
    chosen = table[(table["n_pairs"] == n_pairs) & (table["measure"] == "share")]
    if chosen.empty:
        raise InputError(f"table must hold shares with {n_pairs:g} pairs, got none; take the frame of the study")
    # A method without rewards has its look of every figure.
    names = chosen["rewards"].where(chosen["rewards"] != "", chosen["method"])
    series = series_of(names)
    ends: dict[str, float] = {}
    for place, (name, look) in enumerate(series.items()):
        rows = chosen[names == name].set_index("raters").reindex([r for r in RATERS if r in set(chosen["raters"])])
        x = np.arange(len(rows)) + _DODGE * (place - (len(series) - 1) / 2)
        beyond = (rows["mean"] - rows["low"], rows["high"] - rows["mean"])
        style = look.markers | look.line | {"markersize": 0.7 * look.size, "linewidth": 0.6}
        ax.errorbar(x, rows["mean"], beyond, **style, elinewidth=0.6)
        ends[name] = float(rows["mean"].iloc[-1])
    ax.axhline(1, color=GREY, linewidth=1.6, zorder=1)
    ax.set_xticks(range(len(rows)), [str(name).replace(" ", "\n") for name in rows.index])
    ax.set_xlim(-0.5, len(rows) - 0.4)
    _label_ends(ends, {name: look.color for name, look in series.items()}, len(rows) - 0.35, ax)
    return ax


def _label_ends(ends: dict[str, float], colors: dict[str, str], x: float, ax: Axes) -> None:
    """Names beside the ends of lines, moved apart where they are too near."""
    low, high = ax.get_ylim()
    room, below = _LABEL_ROOM * (high - low), np.inf
    for name, end in sorted(ends.items(), key=lambda item: -item[1]):
        y = min(end, below - room)
        title = METHODS[name].title if name in METHODS else f"PPO: {name}"
        ax.text(x, y, title, color=colors[name], va="center", fontsize="x-small", clip_on=False)
        below = y


def draw_both(table: pd.DataFrame) -> Figure:
    """One panel per budget, two columns wide.

    Parameters
    ----------
    table : DataFrame
        Of `misspecification_table`.
    """
    with print_style():
        budgets = sorted(table["n_pairs"].unique(), reverse=True)
        figure = new_figure(DOUBLE_COLUMN, 2.2 * len(budgets))
        axes: Any = figure.subplots(len(budgets), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for letter, ax, pairs in zip("abcd", axes, budgets, strict=False):
            data = "infinite data" if np.isinf(pairs) else f"{pairs:g} pairs an iteration"
            draw_misspecification(table, pairs, ax).set_title(f"({letter}) {data}", loc="left")
            ax.set_ylabel("share of the possible gain")
        axes[-1].set_xlabel("raters (a logistic link is assumed)")
    return figure


def _compute(context: FigureContext) -> Frames:
    shares = compare_misspecification(n_instances=N_INSTANCES[context.preset], execution=context.execution)
    return {"table": misspecification_table(shares), "shares": shares}


def _caption(frames: Frames) -> str:
    table = frames["table"]
    shares = table[table["measure"] == "share"]
    worst = shares.loc[shares["mean"].idxmin()]
    pairs = "infinitely many" if math.isinf(worst["n_pairs"]) else f"{worst['n_pairs']:,.0f}"
    return (
        "Share of the possible gain with wrong links, with wrong classes of rewards, and with both, as means over "
        f"{frames['shares']['instance'].nunique()} random instances with 95% limits. The least is {worst['mean']:.2f}: "
        f"{worst['rewards'] or worst['method']}, {worst['raters']} raters, {pairs} pairs."
    )


FIGURE = PaperFigure(
    name="double-misspecification",
    title="Wrong links and wrong classes of rewards, each alone and both together",
    compute=_compute,
    draw=lambda frames: draw_both(frames["table"]),
    caption=_caption,
)
