"""Raters who use another link than the methods assume: final values, and the loss of value."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.comparison.budget import PRESETS, Budget
from experiments.studies.wrong_link import compare_links
from paper_figures.comparisons import STRETCHED, check_below, in_order, small_markers, stretch_values
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, SMALL, new_figure, print_style, series_of
from theory.errors import InputError

INSTANCE = "stochastic-gridworld"
# The certainty of the raters is that of the instance. There are enough votes to invert each pair.
RISKY: dict[str, Any] = {"instance": "risky-bandit", "scale": 0.15, "n_queries": 25}
LEVEL = 0.05

_SPREAD = 0.74  # of the points of one method, where 1 leads to the next method
_ROW_HEIGHT = 0.45  # inches
_SIGNIFICANT = f"p \N{LESS-THAN OR EQUAL TO} {LEVEL:g} (Holm)"


def draw_final(links: pd.DataFrame, ax: Axes) -> Axes:
    """Mean final values with 95% intervals: one row per method, and one point per link of the raters.

    Parameters
    ----------
    links : DataFrame
        Of `compare_links`. The assumed link is black and filled, and a line at its mean goes through the other points.
    ax : Axes

    Returns
    -------
    Axes
        The same. Grey lines are the optimum and the start.

    Raises
    ------
    InputError
        If there are no rows, if they come from several experiments, if a method lacks a link, or if a value is above
        the optimum.
    """
    _check(links)
    optimum, start = (float(links[name].iloc[0]) for name in ("optimum", "start"))
    check_below(float(links["final"].max(skipna=False)), optimum)
    check_below(start, optimum, strictly=True)
    ax.axvline(optimum, color=GREY, linewidth=1.6, zorder=1, label="optimum")
    ax.axvline(start, color=GREY, linewidth=1.6, linestyle=(0, (2.5, 1.2)), zorder=1, label="start")
    _points(links, "final", ax)
    right = links["raters"] == links["assumed"]
    row = pd.factorize(links["method"])[0][right]
    thin: dict[str, Any] = {"color": "black", "linewidth": 0.5, "zorder": 1.5}
    ax.vlines(links.loc[right, "final"], row - 0.5 * _SPREAD, row + 0.5 * _SPREAD, **thin)
    stretch_values(min(start, float(links["final_low"].min())), start, optimum, ax, "x")
    ax.set_xlabel(STRETCHED)
    return ax


def draw_loss(links: pd.DataFrame, ax: Axes) -> Axes:
    """Mean losses compared with raters of the assumed link, run by run, with 95% intervals. Right of 0 is a loss.

    Parameters
    ----------
    links : DataFrame
        Of `compare_links`.
    ax : Axes

    Returns
    -------
    Axes
        The same. A star on the right marks losses and gains that are significant after Holm.

    Raises
    ------
    InputError
        If there are no rows, if they come from several experiments, or if a method lacks a link.
    """
    _check(links)
    ax.axvline(0, color="black", linewidth=0.5, zorder=1)
    _points(links, "loss", ax, wrong_only=True)
    significant = (links["p_loss"] <= LEVEL).to_numpy()
    for height in _heights(links)[significant]:
        ax.text(1.01, height, "*", transform=ax.get_yaxis_transform(), va="center_baseline", fontsize=SMALL)
    ax.set_xlabel("loss of value (return)\nagainst raters of the link assumed")
    return ax


def draw_wrong_link(links: pd.DataFrame) -> Figure:
    """Final values and losses side by side, two columns wide.

    Parameters
    ----------
    links : DataFrame
        Of `compare_links`.
    """
    _check(links)
    links = in_order(links)
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, 1.1 + _ROW_HEIGHT * links["method"].nunique())
        axes: Any = figure.subplots(1, 2, sharey=True)
        draw_final(links, axes[0]).set_title("(a) where runs end", loc="left")
        draw_loss(links, axes[1]).set_title("(b) what the wrong link costs", loc="left")
        figure.legend(handles=_key(links, axes[0]), loc="outside upper center", ncols=4)
    return figure


def _key(links: pd.DataFrame, ax: Axes) -> list[Any]:
    """Key: links first, then lines, then the star if there is one."""
    handles = [*ax.containers, *ax.lines[:2]]
    if (links["p_loss"] <= LEVEL).any():
        handles += ax.plot([], [], color="black", marker="$*$", markersize=4, linestyle="none", label=_SIGNIFICANT)
    return handles


def _points(links: pd.DataFrame, measure: str, ax: Axes, *, wrong_only: bool = False) -> None:
    heights = pd.Series(_heights(links), links.index)
    series = series_of(links["raters"])
    for name, rows in links.groupby("raters", sort=False):
        style = small_markers(series[str(name)])
        label = f"raters: {name}"
        if name == links["assumed"].iloc[0]:
            if wrong_only:
                continue
            style |= {"color": "black", "markerfacecolor": "black"}
            label += " (assumed)"
        beyond = (rows[measure] - rows[f"{measure}_low"], rows[f"{measure}_high"] - rows[measure])
        ax.errorbar(rows[measure], heights[rows.index], xerr=beyond, **style, elinewidth=0.8, label=label, zorder=3)
    titles = list(links["title"].unique())
    for edge in np.arange(1, len(titles)) - 0.5:
        ax.axhline(edge, color=GREY, linewidth=0.3, zorder=0)
    ax.set_yticks(range(len(titles)), titles)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(titles) - 0.5, -0.5)


def _heights(links: pd.DataFrame) -> NDArray[np.float64]:
    """Heights of methods from 0 downwards, and of the links within the row of a method."""
    row, place = (pd.factorize(links[name])[0] for name in ("method", "raters"))
    return np.asarray(row + _SPREAD * ((place + 0.5) / (place.max() + 1) - 0.5))


def _check(links: pd.DataFrame) -> None:
    experiments = len(links[["optimum", "start", "assumed"]].drop_duplicates())
    if experiments != 1:
        raise InputError(f"links must be of one experiment, got {experiments}; select the rows first")
    different = links[["method", "raters"]].drop_duplicates()
    size = links["method"].nunique() * links["raters"].nunique()
    if not len(links) == len(different) == size or links["assumed"].iloc[0] not in set(links["raters"]):
        raise InputError(
            f"links must hold every method once with every link, that assumed among them, got {len(links)} rows "
            f"instead of {size}; take the frame of compare_links"
        )


def _compute(
    context: FigureContext,
    *,
    instance: str = INSTANCE,
    scale: float | None = None,
    n_queries: float = Budget.n_queries,
) -> Frames:
    budget, seeds = PRESETS[context.preset]
    links = compare_links(
        instance, budget=replace(budget, n_queries=n_queries), n_seeds=seeds, scale=scale, execution=context.execution
    )
    return {"links": links}


def _caption(frames: Frames) -> str:
    links = frames["links"]
    lost = links[links["p_loss"] <= LEVEL]
    worst = links.loc[links["loss"].idxmax()]
    return (
        f"(a) Mean final values of {links['method'].nunique()} methods that assume the {links['assumed'].iloc[0]} "
        f"link, by the link of the raters, with 95% limits; the axis is stretched below the optimum "
        f"{links['optimum'].iloc[0]:.4g}. (b) What is lost against raters of the assumed link, run by run: the most is "
        f"{worst['loss']:.2g}, of {worst['title']} with {worst['raters']} raters. Stars mark the {len(lost)} "
        "differences that are significant at 5% after Holm."
    )


WRONG_LINK = PaperFigure(
    name="wrong-link",
    title="Final values, and what is lost, when raters use another link than the methods assume",
    compute=_compute,
    draw=lambda frames: draw_wrong_link(frames["links"]),
    caption=_caption,
)
RISKY_BANDIT = PaperFigure(
    name="risky-bandit",
    title="The same where most votes go to the worse arm: methods that pool votes over outcomes follow them",
    compute=partial(_compute, **RISKY),
    draw=lambda frames: draw_wrong_link(frames["links"]),
    caption=_caption,
)
