"""Stationary floors at equal votes an iteration, by how the votes are asked and read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from experiments.catalogue.method import Look
from experiments.catalogue.shipped_claims import REPLICATES
from experiments.studies.vote_floors import REPLICATES as FIRST_REPLICATES
from experiments.studies.vote_floors import SAME_DRIFT, SAME_STEP, vote_floors
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, SMALL, Series, new_figure, print_style
from theory.errors import InputError

_LOOKS = {
    ("trimmed", SAME_DRIFT): Series(Look("#0072B2", "o", 4.5, True)),
    ("trimmed", SAME_STEP): Series(Look("#0072B2", "o", 4.5, False, (2, 1.5))),
    ("Haldane-Anscombe", SAME_DRIFT): Series(Look("#D55E00", "s", 4.0, True)),
    ("Haldane-Anscombe", SAME_STEP): Series(Look("#D55E00", "s", 4.0, False, (2, 1.5))),
}
# Sideways, as a factor of M, so that markers do not hide each other.
_ASIDE = dict(zip(_LOOKS, (0.94, 0.84, 1.06, 1.19), strict=True))
_UNIT = 1e-3


def draw_floors(floors: pd.DataFrame, link: str, order: str, ax: Axes) -> Axes:
    """Floors against the votes on a pair: lines as predicted, markers with 95% intervals as measured.

    Parameters
    ----------
    floors : DataFrame
        Of `vote_floors`.
    link, order : str
        Which rows.
    ax : Axes

    Returns
    -------
    Axes
        The same. The grey line is the floor of votes until the first disagreement, at their expected number on a pair.
        What is NOT APPLICABLE has no marker, and the panel says so.

    Raises
    ------
    InputError
        If the link has no row until the first disagreement, or no panels in this order.
    """
    of_link = floors[floors["link"] == link]
    until = of_link[of_link["reading"] == "until"]
    panels = of_link[(of_link["reading"] != "until") & (of_link["order"] == order)]
    if len(until) != 1 or panels.empty:
        raise InputError(
            f"floors must hold one row until the first disagreement and panels in {order} order for {link!r}, "
            f"got {len(until)} and {len(panels)}; take the frame of vote_floors"
        )
    row = until.iloc[0]
    ax.axhline(row["predicted"] / _UNIT, color=GREY, linewidth=1.6, zorder=1)
    _points(until, 1.0, Series(Look("black", "D", 4.0, True)), ax)
    for key, look in _LOOKS.items():
        rows = panels[(panels["reading"] == key[0]) & (panels["step"] == key[1])].sort_values("votes_per_pair")
        x = rows["votes_per_pair"] * _ASIDE[key]
        ax.plot(x, rows["predicted"] / _UNIT, **look.line, linewidth=0.8, zorder=2)
        _points(rows, _ASIDE[key], look, ax)
    missing = int(panels["predicted"].isna().sum())
    if missing:
        says = f"{missing} of {len(panels)} floors of panels\nNOT APPLICABLE:\noutside the linear regime"
        ax.text(0.5, 0.8, says, transform=ax.transAxes, ha="center", va="center", fontsize=SMALL)
    ax.set_xscale("log")
    ticks = sorted(panels["votes_per_pair"].unique())
    ax.set_xlim(0.7 * ticks[0], 1.5 * ticks[-1])
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    return ax


def draw_vote_floors(floors: pd.DataFrame) -> Figure:
    """One panel a link and order, two columns of a page wide.

    Parameters
    ----------
    floors : DataFrame
        Of `vote_floors`.
    """
    panels = floors[floors["reading"] != "until"][["link", "order"]].drop_duplicates()
    if panels.empty:
        raise InputError("floors must hold at least one panel of raters, got none; take the frame of vote_floors")
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, 2.7)
        axes: Any = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for letter, (link, order), ax in zip("abcdef", panels.itertuples(index=False), axes, strict=False):
            draw_floors(floors, str(link), str(order), ax)
            ax.set_title(f"({letter}) {link}, {order} order", loc="left")
        axes[0].set_ylim(0, 1.1 * np.nanmax(floors[["predicted", "measured"]].to_numpy(dtype=float)) / _UNIT)
        axes[0].set_ylabel(r"floor of E$|\nabla V|^2$, thousandths")
        figure.supxlabel("votes on a pair", fontsize=8)
        figure.legend(handles=_key(axes[0]), loc="outside upper center", ncols=3)
    return figure


def _points(rows: pd.DataFrame, aside: float, look: Series, ax: Axes) -> None:
    measured = rows["measured"] / _UNIT
    share = rows["measured"] / rows["ratio"] / _UNIT
    beyond = (measured - share * rows["ratio_low"], share * rows["ratio_high"] - measured)
    style = look.markers | {"markeredgewidth": 0.7}
    ax.errorbar(rows["votes_per_pair"] * aside, measured, beyond, **style, elinewidth=0.7, zorder=3)


def _key(ax: Axes) -> list[Any]:
    until: Any = {"color": GREY, "linewidth": 1.6, "marker": "D", "markersize": 4, "markeredgecolor": "black"}
    first = ax.plot([], [], **until, markerfacecolor="black", label="until the first disagreement")
    rest = [
        ax.plot([], [], **look.markers | look.line, linewidth=0.8, label=f"{reading}, {step}")[0]
        for (reading, step), look in _LOOKS.items()
    ]
    return [*first, *rest]


def _compute(context: FigureContext) -> Frames:
    replicates = REPLICATES[context.preset] * FIRST_REPLICATES
    return {"floors": vote_floors(replicates=replicates, execution=context.execution)}


def _caption(frames: Frames) -> str:
    floors = frames["floors"]
    until = floors.loc[floors["reading"] == "until", "predicted"]
    judged = floors["ratio"].notna()
    return (
        f"Floors of E|grad V|^2 under ways to ask for the same number of votes an iteration: panels of "
        f"{floors['votes_per_pair'].nunique()} sizes, in fixed and in random order, and votes until the first "
        f"disagreement (grey, {until.min():.2g} to {until.max():.2g}). Lines are predicted, markers are measured with "
        f"95% intervals: {judged.sum()} floors, measured over predicted from {floors['ratio'].min():.3f} to "
        f"{floors['ratio'].max():.3f}."
    )


FIGURE = PaperFigure(
    name="vote-floors",
    title="How to ask for a million votes an iteration: floors of panels, in fixed and random order, and until a "
    "disagreement",
    compute=_compute,
    draw=lambda frames: draw_vote_floors(frames["floors"]),
    caption=_caption,
)
