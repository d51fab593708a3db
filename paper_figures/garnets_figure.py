"""Shares of the verdicts on random garnets: one stacked bar an axis and method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.rates.garnets import CALLS, run_garnets, shares
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import SINGLE_COLUMN, SMALL, new_figure, print_style
from theory.errors import InputError

# Face and hatch of each call, in the order of `CALLS`: none differ in colour alone.
_FACES: dict[str, tuple[str, str]] = dict(
    zip(CALLS, (("#0072B2", ""), ("#56B4E9", "///"), ("#D55E00", "xxx"), ("#F0E442", "..."), ("1.0", "")), strict=True)
)
_HEIGHT = 0.8  # of a bar, where the distance of two is 1
_NARROW = 0.06  # a share below this has no number in its part


def draw_shares(shares: pd.DataFrame, ax: Axes) -> Axes:
    """Stacked horizontal bars of the shares of each call, numbers of claims in them.

    Parameters
    ----------
    shares : DataFrame
        Of `experiments.rates.garnets.shares`, in the order of the bars from above.
    ax : Axes

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    InputError
        If there are no rows, or the shares of a bar do not sum to 1.
    """
    if shares.empty:
        raise InputError("shares must hold at least one row, got none; take the frame of shares")
    table = shares.pivot_table(index=["axis", "title"], columns="call", values="share", sort=False)
    counts = shares.pivot_table(index=["axis", "title"], columns="call", values="count", sort=False)
    if not np.allclose(table.sum(axis=1), 1):
        raise InputError("shares of every axis and method must sum to 1; take the frame of shares")
    places, left = np.arange(len(table)), np.zeros(len(table))
    for call, (face, hatch) in _FACES.items():
        width = table[call].to_numpy() if call in table else np.zeros(len(table))
        if not width.any():
            continue
        style: dict[str, Any] = {"facecolor": face, "hatch": hatch, "edgecolor": "0.2", "linewidth": 0.4}
        ax.barh(places, width, _HEIGHT, left=left, label=call, **style)
        for place in np.flatnonzero(width >= _NARROW):
            middle = (left[place] + width[place] / 2, float(place))
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
            ax.annotate(f"{counts[call].iloc[place]:.0f}", middle, ha="center", va="center", fontsize=SMALL, bbox=box)
        left = left + width
    ax.set_yticks(places, [f"${axis}$, {title}" for axis, title in table.index])
    ax.invert_yaxis()
    ax.set(xlim=(0, 1), xlabel="share of the random garnets")
    return ax


def draw_garnets(frame: pd.DataFrame) -> Figure:
    """The bars with their key, one column wide.

    Parameters
    ----------
    frame : DataFrame
        Of `experiments.rates.garnets.shares`; see `draw_shares`.
    """
    with print_style():
        figure = new_figure(SINGLE_COLUMN, 0.8 + 0.2 * len(frame[["axis", "title"]].drop_duplicates()))
        ax = draw_shares(frame, figure.add_subplot())
        figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def _compute(context: FigureContext) -> Frames:
    return {"shares": shares(run_garnets(execution=context.execution).verdicts)}


def _caption(frames: Frames) -> str:
    found = frames["shares"]
    counts = found.groupby("call", sort=False)["count"].sum()
    words = ", ".join(f"{call} {counts[call]:.0f}" for call in CALLS if counts.get(call, 0) > 0)
    return (
        f"Verdicts on random garnets, none of them selected: {counts.sum():.0f} claims along "
        f"{found['axis'].nunique()} axes, {words}. Numbers in the bars count instances."
    )


FIGURE = PaperFigure(
    name="random-garnets",
    title="Verdicts on 24 random garnets, none selected",
    compute=_compute,
    draw=lambda frames: draw_garnets(frames["shares"]),
    caption=_caption,
)
