"""Gap between trajectory DPO with infinite data and the KL-regularised optimum, against noise."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.studies.dpo_gap import dpo_gaps, over_instances
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, levels_of, new_figure, print_style
from theory.errors import InputError

# The axis is linear up to this value, so that it shows 0, and logarithmic above.
LINEAR_UP_TO = 1e-6
_LINEAR_DECADES = 0.8  # length of the linear part
_BELOW = -0.5 * LINEAR_UP_TO  # the frame ends a little below 0, whose markers are then whole

PANELS: dict[str, tuple[str, str]] = {
    "chain": ("chain: none without noise", "share of random moves"),
    "random": ("random MDPs: mean and range", "share of random successors"),
    "bandit": ("bandit: grows with noise", "share of Bernoulli rewards"),
}


def draw_gap(summary: pd.DataFrame, family: str, ax: Axes) -> Axes:
    """Gap against noise, one line per beta: the mean over a family, with thin lines for its smallest and largest gap.

    Parameters
    ----------
    summary : DataFrame
        Of `over_instances`.
    family : str
    ax : Axes

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    InputError
        If no row is of this family.
    """
    chosen = summary[summary["family"] == family]
    if chosen.empty:
        raise InputError(f"summary must hold rows of the family {family!r}, got none; take that of over_instances")
    ax.set_yscale("symlog", linthresh=LINEAR_UP_TO, linscale=_LINEAR_DECADES)
    ax.axhline(0, color=GREY, linewidth=0.6, zorder=0)
    looks = levels_of([f"{beta:g}" for beta in summary["beta"]])
    for beta, rows in chosen.groupby("beta", sort=False):
        look = looks[f"{beta:g}"]
        if (rows["high"] > rows["low"]).any():
            # Filled bands would cover each other and differ in colour alone.
            for edge in ("low", "high"):
                ax.plot(rows["noise"], rows[edge], **look.line, linewidth=0.5)
        ax.plot(rows["noise"], rows["mean"], **(look.markers | look.line), label=rf"$\beta$ = {beta:g}")
    ax.set_ylim(bottom=_BELOW)
    return ax


def draw_dpo_gap(summary: pd.DataFrame) -> Figure:
    """All families on one scale, two columns wide.

    Parameters
    ----------
    summary : DataFrame
        Of `over_instances`.
    """
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, 2.7)
        axes = figure.subplots(1, len(PANELS), sharey=True)
        for letter, (family, (title, noise)), ax in zip("abc", PANELS.items(), axes, strict=True):
            draw_gap(summary, family, ax).set_title(f"({letter}) {title}", loc="left")
            ax.set_xlabel(noise)
        axes[0].set_ylabel("gap to the optimum (return)\nlinear below $10^{-6}$, to show 0")
        handles = axes[0].get_legend_handles_labels()[0]
        handles += axes[0].plot([], [], color="black", linewidth=0.5, label="thin: smallest and largest of the family")
        figure.legend(handles=handles, loc="outside upper center", ncols=8)
    return figure


def _compute(_: FigureContext) -> Frames:
    """Exact sums, which do not depend on any setting."""
    gaps = dpo_gaps()
    return {"gaps": gaps, "summary": over_instances(gaps)}


def _caption(frames: Frames) -> str:
    summary = frames["summary"]
    worst = summary.loc[summary["high"].idxmax()]
    none = summary.loc[summary["noise"] == 0, "high"].abs().max()
    return (
        "Gap of trajectory DPO with infinitely much data to the KL-regularised optimum, against noise, by exact sums. "
        f"Without noise it is at most {none:.1g}, which is rounding; the largest is {worst['high']:.2g} "
        f"({worst['family']}, beta = {worst['beta']:g}, noise {worst['noise']:g}). Thin lines are the smallest and the "
        "largest gap of a family. The axis is linear below 1e-6, to show 0."
    )


FIGURE = PaperFigure(
    name="dpo-gap",
    title="Gap of trajectory DPO to the KL-regularised optimum, with infinitely much data, against noise",
    compute=_compute,
    draw=lambda frames: draw_dpo_gap(frames["summary"]),
    caption=_caption,
)
