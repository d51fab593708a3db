"""Errors of a learned reward where its pairs came from and where the policy goes, and the values reached."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from experiments.catalogue.lookup import find
from experiments.catalogue.shipped_claims import Preset
from experiments.studies.distribution_shift import compare_shift, shift_table
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, new_figure, print_style, series_of
from theory.errors import InputError

REPLICATES: dict[Preset, int] = {"quick": 20, "paper": 160}
_DODGE = 0.16
_MEASURES = ("relative_start", "relative_current")


def draw_shift(table: pd.DataFrame, instance: str, ax: Axes) -> Axes:
    """Error on the start and on the trained policy, relative to a model in which all rewards are equal.

    Parameters
    ----------
    table : DataFrame
        Of `shift_table`.
    instance : str
    ax : Axes

    Returns
    -------
    Axes
        The same. Markers show the method; dashes show a start that prefers bad actions.

    Raises
    ------
    InputError
        If the instance has no rows with errors.
    """
    chosen = table[(table["instance"] == instance) & table["measure"].isin(_MEASURES)]
    if chosen.empty:
        raise InputError(f"table must hold errors on {instance}, got none; take the frame of shift_table")
    series = series_of(chosen["method"])
    starts = list(dict.fromkeys(table["start"]))
    for (start, method), rows in chosen.groupby(["start", "method"], sort=False):
        look, points = series[str(method)], rows.set_index("measure").loc[list(_MEASURES)]
        beyond = (points["mean"] - points["low"].clip(lower=1e-9), points["high"] - points["mean"])
        dashes = "-" if start == starts[0] else (0, (3, 1.5))
        x = np.arange(2) + 0.03 * starts.index(str(start))
        ax.errorbar(x, points["mean"], beyond, **look.markers | {"linestyle": dashes, "markersize": 4}, elinewidth=0.6)
    ax.axhline(1, color=GREY, linewidth=1.6, zorder=1)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_xticks([0, 1], ["on the start", "on the\ntrained policy"])
    ax.set_xlim(-0.3, 1.3)
    return ax


def draw_shares(table: pd.DataFrame, ax: Axes) -> Axes:
    """Share of the possible gain of every method, by instance and start.

    Parameters
    ----------
    table : DataFrame
        Of `shift_table`.
    ax : Axes

    Returns
    -------
    Axes
        The same.
    """
    chosen = table[table["measure"] == "share"]
    series = series_of(chosen["method"])
    groups = list(dict.fromkeys(zip(chosen["instance"], chosen["start"], strict=True)))
    for place, (method, look) in enumerate(series.items()):
        rows = chosen[chosen["method"] == method].set_index(["instance", "start"]).loc[groups]
        y = -np.arange(len(groups)) - _DODGE * (place - (len(series) - 1) / 2)
        beyond = (rows["mean"] - rows["low"], rows["high"] - rows["mean"])
        title = find("method", method).title
        ax.errorbar(rows["mean"], y, xerr=beyond, **look.markers | {"markersize": 4}, elinewidth=0.6, label=title)
    ax.axvline(1, color=GREY, linewidth=1.6, zorder=1)
    ax.set_yticks(-np.arange(len(groups)), [f"{_short(instance)},\n{start}" for instance, start in groups])
    ax.set(xlabel="share of the possible gain")
    return ax


def _short(instance: str) -> str:
    return instance.removeprefix("stochastic-")


def draw_distribution_shift(table: pd.DataFrame) -> Figure:
    """A panel of errors for each instance, and one of values, two columns wide.

    Parameters
    ----------
    table : DataFrame
        Of `shift_table`.
    """
    with print_style():
        instances = list(dict.fromkeys(table["instance"]))
        figure = new_figure(DOUBLE_COLUMN, 3.0)
        axes: Any = figure.subplots(1, len(instances) + 1, width_ratios=[*(1,) * len(instances), 1.4])
        for letter, ax, instance in zip("abc", axes, instances, strict=False):
            draw_shift(table, instance, ax).set_title(f"({letter}) {_short(instance)}", loc="left")
        axes[0].set_ylabel("error / error of equal rewards")
        draw_shares(table, axes[-1]).set_title(f"({'abcd'[len(instances)]}) values", loc="left")
        starts = list(dict.fromkeys(table["start"]))
        keys, labels = axes[-1].get_legend_handles_labels()
        for start, dashes in zip(starts, ("-", (0, (3, 1.5))), strict=False):
            keys += axes[-1].plot([], [], color="black", linestyle=dashes)
            labels.append(f"start: {start}")
        figure.legend(keys, labels, loc="outside upper center", ncols=3)
    return figure


def _compute(context: FigureContext) -> Frames:
    shifts = compare_shift(n_replicates=REPLICATES[context.preset], execution=context.execution)
    return {"table": shift_table(shifts), "shifts": shifts}


def _caption(frames: Frames) -> str:
    table = frames["table"]
    shift = table[table["measure"] == "shift"]
    worst = shift.loc[shift["mean"].idxmax()]
    return (
        "Errors of a learned reward on the trajectories of the start, of the current and of the optimal policy, over "
        "those of a reward that is equal everywhere, and the share of the possible gain that is reached: means with "
        f"95% limits. From the start to the current policy the error grows most by a factor of {worst['mean']:.2g} "
        f"({worst['method']}, {worst['instance']}, from {worst['start']})."
    )


FIGURE = PaperFigure(
    name="distribution-shift",
    title="Errors of a learned reward where its pairs came from and where the policy goes",
    compute=_compute,
    draw=lambda frames: draw_distribution_shift(frames["table"]),
    caption=_caption,
)
