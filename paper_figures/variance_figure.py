"""Parts of the error of each estimator, and how the error depends on the radius."""

from __future__ import annotations

from string import ascii_lowercase
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.catalogue.lookup import find
from experiments.catalogue.methods import DIRECTIONS, VARIANTS
from experiments.studies.variance import compare_variance, sweep_radius
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, SMALL, new_figure, print_style, series_of
from theory import policy_gradient
from theory.errors import InputError

MAIN_INSTANCE = "circular"
N_PAIRS, N_QUERIES = 100, 20
NORMAL_95 = 1.96

_BEYOND = "points that are not joined: beyond the radius at which nothing is left of the gradient"

# At the smallest radius every estimate is mostly noise. At the largest the raw error is near that of the estimate 0.
# For larger radii the circular policy turns more than once, and the curves repeat.
RADII = np.geomspace(0.2, 12.0, 25)

Measure = Literal["rescaled_mse", "mse"]
MEASURES: dict[Measure, str] = {
    "rescaled_mse": r"error at best scale / $|\nabla V|^2$",
    "mse": r"raw error / $|\nabla V|^2$",
}

_NOTHING = 0.005  # of |grad V|^2: an estimate that gains less is as good as none

# One row per group, since more curves could not be told apart. ZPG is in each.
GROUPS = (DIRECTIONS, VARIANTS)

# The parts differ in luminance and hatch as well as in colour.
_PARTS: dict[str, tuple[str, str, str]] = {
    "bias_squared": ("bias²", "#000000", ""),
    "variance_direction": ("variance: direction", "#56B4E9", ""),
    "variance_trajectory": ("trajectories", "#E69F00", "////"),
    "variance_query": ("votes", "#F0E442", "...."),
}


def draw_budget(budget: pd.DataFrame, ax: Axes) -> Axes:
    """Error of each estimator as a stack of its parts, first row on top. The scale is linear, so that parts add up.

    Parameters
    ----------
    budget : DataFrame
        Rows of `compare_variance`. If directions were sampled, a whisker shows the 95% interval of the error. The error
        at the best scale is written on the right, since it decides the radius.
    ax : Axes

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    InputError
        If there are no rows.
    """
    if budget.empty:
        raise InputError("budget must have at least one estimator, got none; select the rows first")
    unit = (budget["mse"] / budget["relative_mse"]).to_numpy()
    place = np.arange(len(budget))
    left = np.zeros(len(budget))
    for column, (label, color, hatch) in _PARTS.items():
        width = budget[column].to_numpy() / unit
        # A white rim keeps thin parts apart and draws the hatch.
        ax.barh(place, width, 0.72, left, color=color, hatch=hatch, edgecolor="0.3", linewidth=0.3, label=label)
        left = left + width
    half_width = NORMAL_95 * budget["standard_error"].to_numpy() / unit
    sampled = half_width > 0
    if sampled.any():
        bars: dict[str, Any] = {
            "color": "black",
            "linestyle": "none",
            "elinewidth": 0.8,
            "label": "95% interval (sampled directions)",
        }
        ax.errorbar(left[sampled], place[sampled], xerr=half_width[sampled], **bars)
    for row, value in enumerate(budget["rescaled_mse"]):
        ax.text(1.01, row, f"{value:.3f}", transform=ax.get_yaxis_transform(), va="center", fontsize=SMALL)
    ax.set_yticks(place, list(budget["title"]))
    ax.tick_params(axis="y", length=0)
    ax.set(ylim=(len(budget) - 0.4, -0.6), xlim=(0, 1.02 * float((left + half_width).max())))
    return ax


def draw_error_budget(budget: pd.DataFrame) -> Figure:
    """All estimators, two columns wide: those with a radius above, and those that see rewards below, on another scale.

    Parameters
    ----------
    budget : DataFrame
        Of `compare_variance`.
    """
    perturbing = budget["radius"].notna()
    panels = [rows for rows in (budget[perturbing], budget[~perturbing]) if len(rows)]
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, 0.75 + 0.19 * len(budget) + 0.3 * len(panels))
        axes = figure.subplots(len(panels), squeeze=False, height_ratios=[len(rows) for rows in panels])[:, 0]
        for rows, ax in zip(panels, axes, strict=True):
            draw_budget(rows, ax)
        axes[0].text(1.01, -1.0, "at best scale", transform=axes[0].get_yaxis_transform(), ha="left", fontsize=SMALL)
        axes[-1].set_xlabel(
            r"mean squared error / $|\nabla V|^2$" + (" (the scales differ)" if len(panels) > 1 else "")
        )
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(_PARTS) + 1)
    return figure


def draw_radius(sweep: pd.DataFrame, measure: Measure, ax: Axes) -> Axes:
    """One measure of error against the radius, one curve per estimator. Its best radius is marked.

    Parameters
    ----------
    sweep : DataFrame
        Columns ``name``, ``title``, ``group``, ``radius``, ``rescaled_mse`` and ``mse``, both over |grad V|^2.
    measure : {"rescaled_mse", "mse"}
    ax : Axes

    Returns
    -------
    Axes
        The same. The grey line is the error of the estimate 0. A curve is joined until its error at the best scale is
        back at that line. What comes beyond are points, not joined: a circular policy turns more than once there, and
        sampled directions jump.
    """
    ax.set_xscale("log")
    ax.set_yscale("linear" if measure == "rescaled_mse" else "log")
    ax.axhline(1, color=GREY, linewidth=1.6, zorder=1)
    series = series_of(sweep["name"])
    for name, rows in sweep.groupby("name", sort=False):
        look = series[str(name)]
        title = str(rows["title"].iloc[0])
        best = rows.loc[[rows["rescaled_mse"].idxmin()]]
        joined = _until_nothing_is_left(rows)
        ax.plot(rows["radius"][:joined], rows[measure][:joined], **look.line, zorder=2)
        ax.plot(rows["radius"][joined:], rows[measure][joined:], ".", color=look.color, markersize=2.2, zorder=2)
        ax.plot(best["radius"], best[measure], **look.markers, zorder=3)
        ax.plot([], [], **(look.markers | look.line), label=title)  # the key shows marker and line together
    ax.set(xlabel=r"radius $\mu$ (distance of parameters)", ylabel=MEASURES[measure])
    return ax


def _until_nothing_is_left(rows: pd.DataFrame) -> int:
    """How many radii come before the error at the best scale, after its least, is that of the estimate 0 again."""
    errors = rows["rescaled_mse"].to_numpy()
    least = int(errors.argmin())
    back = np.flatnonzero(errors[least:] >= 1 - _NOTHING)
    return least + int(back[0]) + 1 if len(back) else len(errors)


def draw_error_radius(sweep: pd.DataFrame) -> Figure:
    """Both measures side by side, with one row for the laws of directions and one for the variants of ZPG.

    Parameters
    ----------
    sweep : DataFrame
        See `draw_radius`.

    Raises
    ------
    InputError
        If there is no estimator of any group.
    """
    groups = [*GROUPS, *(group for group in sweep["group"].unique() if group not in GROUPS)]
    panels = [(group, sweep[(sweep["group"] == group) | (sweep["name"] == "zpg")]) for group in groups]
    panels = [(group, rows) for group, rows in panels if (rows["group"] == group).any()]
    if not panels:
        raise InputError("sweep must hold an estimator with a radius, got none; take the frame of sweep_radius")
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, 2.35 * len(panels))
        figure.supxlabel(_BEYOND, fontsize=SMALL, color="0.35")
        axes: Any = figure.subplots(len(panels), len(MEASURES), squeeze=False, sharex=True)
        for number, (line, (title, rows)) in enumerate(zip(axes, panels, strict=True)):
            for ax, measure in zip(line, MEASURES, strict=True):
                draw_radius(rows, measure, ax)
            line[0].set_title(f"({ascii_lowercase[number]}) {title}: what the best scale leaves", loc="left")
            line[1].set_title("the same, not rescaled", loc="left")
            line[1].legend(loc="upper right", handlelength=1.8)
            line[1].text(0.02, 1.12, "estimate 0", transform=line[1].get_yaxis_transform(), fontsize=SMALL)
    return figure


_COST: dict[str, Any] = {"n_pairs": N_PAIRS, "n_queries": N_QUERIES}


def _compute_budget(context: FigureContext) -> Frames:
    start = find("instance", MAIN_INSTANCE).start
    return {"budget": compare_variance(MAIN_INSTANCE, start, **_COST, execution=context.execution)}


def _compute_radius(context: FigureContext) -> Frames:
    """Errors divided by |grad V|^2."""
    instance = find("instance", MAIN_INSTANCE)
    sweep = sweep_radius(MAIN_INSTANCE, instance.start, RADII, **_COST, execution=context.execution)
    unit = float((policy_gradient(instance.mdp, instance.policy, instance.start) ** 2).sum())
    return {"sweep": sweep.assign(**{measure: sweep[measure] / unit for measure in MEASURES})}


def _budget_caption(frames: Frames) -> str:
    budget = frames["budget"]
    best = budget.loc[budget[budget["radius"].notna()]["rescaled_mse"].idxmin()]
    return (
        f"Mean squared error of {len(budget)} estimators over |grad V|^2 on {MAIN_INSTANCE}, N = {N_PAIRS} pairs and "
        f"M = {N_QUERIES} votes a pair, each at its best radius, as a stack of its parts. On the right the error that "
        f"the best scale leaves; with a radius the least is {best['rescaled_mse']:.3f}, of {best['title']}. Whiskers "
        "are 95% intervals where directions were sampled. Estimators that see rewards have a scale of their own."
    )


def _radius_caption(frames: Frames) -> str:
    sweep = frames["sweep"]
    best = sweep.loc[sweep["rescaled_mse"].idxmin()]
    return (
        f"Error of {sweep['name'].nunique()} estimators over |grad V|^2 against the radius, N = {N_PAIRS}, "
        f"M = {N_QUERIES}, on {MAIN_INSTANCE}: left what the best scale leaves, right as it is. Markers are at the "
        f"best radius; the least is {best['rescaled_mse']:.3f} of {best['title']} at {best['radius']:.2g}. Curves end "
        "where nothing is left of the gradient. Points beyond, which are not joined, are of radii at which the "
        "circular policy turns more than once and sampled directions jump."
    )


BUDGET = PaperFigure(
    name="error-budget",
    title="Bias and variances of every estimator at equal cost and its best radius",
    compute=_compute_budget,
    draw=lambda frames: draw_error_budget(frames["budget"]),
    caption=_budget_caption,
)
RADIUS = PaperFigure(
    name="error-radius",
    title="Error against the radius, at the best scale and raw",
    compute=_compute_radius,
    draw=lambda frames: draw_error_radius(frames["sweep"]),
    caption=_radius_caption,
)
