"""Measured against predicted floors of E|grad V|^2, and their ratios."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.catalogue.methods import METHODS
from experiments.rates.floor_claim import MARGIN
from experiments.rates.floor_claims import floor_claims
from experiments.rates.run_floors import run_floors
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, Series, new_figure, print_style, series_of
from theory.errors import InputError

_HEIGHT = 4.6  # inches
_SIZE = 0.7  # of markers, which are many
_REFERENCE: dict[str, Any] = {"color": GREY, "linewidth": 0.9, "zorder": 1}


def draw_floors(floors: pd.DataFrame, ax: Axes) -> Axes:
    """Measured against predicted floors, log-log, one marker per claim; on the grey line they are equal.

    Parameters
    ----------
    floors : DataFrame
        Of `FloorResults`. Controls and claims that cannot be judged are left out.
    ax : Axes

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    InputError
        If no claim is judged.
    """
    judged = _judged(floors)
    ends = np.array([judged["predicted"].min() / 1.5, 1.5 * judged["predicted"].max()])
    ax.plot(ends, ends, **_REFERENCE)
    for method, look, rows in _by_method(judged):
        markers = look.markers | {"markersize": _SIZE * look.size}
        ax.plot(rows["predicted"], rows["measured"], **markers, label=METHODS[method].title)
    ax.set(xscale="log", yscale="log", xlim=ends, ylabel=r"measured floor of $E|\nabla V|^2$")
    return ax


def draw_floor_ratios(floors: pd.DataFrame, ax: Axes) -> Axes:
    """Measured over predicted floors with 95% intervals, against the prediction; dashed lines are the margin.

    Parameters
    ----------
    floors, ax
        See `draw_floors`.
    """
    judged = _judged(floors)
    ax.axhline(1, **_REFERENCE)
    for edge in (1 - MARGIN, 1 + MARGIN):
        ax.axhline(edge, **_REFERENCE, linestyle=(0, (2.5, 1.2)))
    for _, look, rows in _by_method(judged):
        beyond = (rows["ratio"] - rows["ratio_low"], rows["ratio_high"] - rows["ratio"])
        markers = look.markers | {"markersize": _SIZE * look.size, "elinewidth": 0.4, "capsize": 0}
        ax.errorbar(rows["predicted"], rows["ratio"], beyond, **markers, zorder=3)
    ax.set(xscale="log", xlabel=r"predicted floor of $E|\nabla V|^2$", ylabel="measured / predicted")
    return ax


def draw_floor_figure(floors: pd.DataFrame) -> Figure:
    """Both, one above the other, two columns wide.

    Parameters
    ----------
    floors : DataFrame
        Of `FloorResults`.
    """
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, _HEIGHT)
        axes: Any = figure.subplots(2, 1, sharex=True, height_ratios=(1.2, 1))
        draw_floors(floors, axes[0])
        draw_floor_ratios(floors, axes[1])
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def _judged(floors: pd.DataFrame) -> pd.DataFrame:
    judged = floors[(floors["kind"] == "claim") & (floors["replicates"] > 0)]
    if judged.empty:
        raise InputError("floors must hold at least one claim that was run, got none; take the frame of run_floors")
    return judged


def _by_method(judged: pd.DataFrame) -> Iterator[tuple[str, Series, pd.DataFrame]]:
    """Name, look and rows of every method, in the order of the catalogue."""
    looks = series_of(judged["method"])
    for method in METHODS:
        if method in looks:
            yield method, looks[method], judged[judged["method"] == method]


def _compute(context: FigureContext) -> Frames:
    return {"floors": run_floors(floor_claims(context.preset), (), context.execution).rows}


def _caption(frames: Frames) -> str:
    floors = frames["floors"]
    judged = _judged(floors)
    off = (judged["ratio"] - 1).abs()
    inside = ((judged["ratio_low"] >= 1 - MARGIN) & (judged["ratio_high"] <= 1 + MARGIN)).sum()
    return (
        f"Stationary floors of E|grad V|^2 of {len(judged)} claims that are judged, of {len(floors)}, against a "
        f"prediction without a free constant. Below, their ratios with 95% intervals; dashed lines are the margin of "
        f"{MARGIN:.0%}, and {inside} intervals lie inside. The ratio farthest from 1 is "
        f"{judged.loc[off.idxmax(), 'ratio']:.4f}, and half of all are within {off.median():.2%}."
    )


FIGURE = PaperFigure(
    name="floors",
    title="Stationary floors, measured against predicted without a free constant",
    compute=_compute,
    draw=lambda frames: draw_floor_figure(frames["floors"]),
    caption=_caption,
)
