"""Floors under raters of one link, read with another, over the floors that the link as read predicts."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from experiments.catalogue.shipped_claims import REPLICATES
from experiments.studies.mismatched_floors import REPLICATES as FIRST_REPLICATES
from experiments.studies.mismatched_floors import SIMULATED, mismatched_floors, simulated_mismatches
from paper_figures.comparisons import small_markers
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, new_figure, print_style, series_of
from theory.errors import InputError

# The axis of ratios is broken here: small changes below, large ones above.
_BREAK, _LEAST, _MOST = 3.3, 0.5, 1500.0
_THIN, _THICK = 0.4, 1.2
_SMALL, _LARGE = (0.5, 0.7, 1.0, 1.5, 2.0, 3.0), (10.0, 100.0, 1000.0)


def draw_read_as(laws: pd.DataFrame, points: pd.DataFrame, read: str, ax: Axes) -> Axes:
    """Ratios against the scale of the raters, one line per link of the raters, and simulated ratios on top.

    Parameters
    ----------
    laws : DataFrame
        Of `mismatched_floors`. Lines are thin where the law is outside its linear regime.
    points : DataFrame
        Of `simulated_mismatches`.
    read : str
        The link that is inverted.
    ax : Axes

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    InputError
        If no row is read with this link, or a pair of links and a scale occur twice.
    """
    chosen = laws[laws["read"] == read]
    if chosen.empty or chosen.duplicated(["raters", "scale"]).any():
        raise InputError(f"laws must hold every pair read as {read!r} once, got {len(chosen)} rows; compute them anew")
    ax.axhline(1, color=GREY, linewidth=1.6, zorder=1)
    for name, look in series_of(laws["raters"]).items():
        if name == read:
            continue
        rows = chosen[chosen["raters"] == name].sort_values("scale")
        sound = rows["ratio"].where(rows["linear"])
        ax.plot(rows["scale"], rows["ratio"], color=look.color, linewidth=_THIN, zorder=2)
        ax.plot(rows["scale"], sound, color=look.color, linewidth=_THICK, zorder=2.5)
        here = points[(points["raters"] == name) & (points["read"] == read)]
        beyond = (here["ratio"] - here["ratio_low"], here["ratio_high"] - here["ratio"])
        ax.errorbar(here["scale"], here["ratio"], beyond, **small_markers(look), elinewidth=0.6, zorder=3)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.xaxis.set_major_locator(FixedLocator([1, 3, 9]))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    return ax


def draw_mismatched_floors(laws: pd.DataFrame, points: pd.DataFrame) -> Figure:
    """One column of panels per link that is inverted, two columns of a page wide, with a broken axis of ratios.

    Parameters
    ----------
    laws, points : DataFrame
        Of `mismatched_floors` and of `simulated_mismatches`.
    """
    if laws.empty:
        raise InputError("laws must hold at least one row, got none; take the frame of mismatched_floors")
    names = list(dict.fromkeys(laws["read"]))
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, 4.1)
        axes: Any = figure.subplots(2, len(names), sharex=True, sharey="row", height_ratios=(2, 3), squeeze=False)
        for column, name in zip(axes.T, names, strict=True):
            for ax in column:
                draw_read_as(laws, points, name, ax)
            column[0].set_title(f"read as {name}", loc="left")
            _limits(column[0], _BREAK, _MOST, _LARGE)
            _limits(column[1], _LEAST, _BREAK, _SMALL)
            column[0].spines["bottom"].set_visible(False)
            column[0].tick_params(axis="x", length=0)
        figure.supylabel("floor, as a multiple of the predicted one", fontsize=8)
        figure.supxlabel(
            "scale of the logistic link that all are as steep as at 0 (certain raters on the left)", fontsize=8
        )
        figure.legend(handles=_key(laws, axes[0, 0]), loc="outside upper center", ncols=3)
    return figure


def _limits(ax: Axes, low: float, high: float, ticks: tuple[float, ...]) -> None:
    ax.set_ylim(low, high)
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_locator(NullLocator())


def _key(laws: pd.DataFrame, ax: Axes) -> list[Any]:
    """Line and marker of the link of the raters, and what a thin line means."""
    raters = [
        ax.plot([], [], **(small_markers(look) | {"linestyle": "-"}), linewidth=_THICK, label=f"raters: {name}")[0]
        for name, look in series_of(laws["raters"]).items()
    ]
    return [*raters, *ax.plot([], [], color="black", linewidth=_THIN, label="outside the linear regime")]


def _compute(context: FigureContext) -> Frames:
    replicates = REPLICATES[context.preset] * FIRST_REPLICATES
    return {
        "laws": mismatched_floors(execution=context.execution),
        "points": simulated_mismatches(SIMULATED, replicates, context.execution),
    }


def _caption(frames: Frames) -> str:
    laws, points = frames["laws"], frames["points"]
    sound = laws[laws["linear"] & laws["ratio"].notna()]
    worst, best = (sound.loc[place] for place in (sound["ratio"].idxmax(), sound["ratio"].idxmin()))
    return (
        "Floors of E|grad V|^2 under raters of one link that are read with another, over what the assumed link would "
        f"give, against the certainty of raters. Thick lines: where the linear law is good. There the ratio goes "
        f"from {best['ratio']:.3g} ({best['raters']} read as {best['read']}) to {worst['ratio']:.3g} "
        f"({worst['raters']} read as {worst['read']}). Markers are {len(points)} simulated floors with 95% intervals."
    )


FIGURE = PaperFigure(
    name="mismatched-floors",
    title="What a wrong link does to constants: floors under raters of every link, read with every link",
    compute=_compute,
    draw=lambda frames: draw_mismatched_floors(frames["laws"], frames["points"]),
    caption=_caption,
)
