"""Where the true return falls while the learned one rises: paths of the worst cell, and falls over the whole grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.catalogue.shipped_claims import Preset
from experiments.studies.joint_overfitting import KEYS, overfitting_paths
from experiments.studies.overfitting_extent import extent, falls
from experiments.studies.replicates import mean_over_replicates
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, new_figure, print_style, series_of
from theory.errors import InputError

SEEDS: dict[Preset, int] = {"quick": 20, "paper": 160}
_BAND = 0.15


def draw_paths(paths: pd.DataFrame, ax: Axes) -> Axes:
    """True and learned gain along training, with 95% bands.

    Parameters
    ----------
    paths : DataFrame
        Summary of the paths of one cell: ``measure``, ``iteration``, ``mean``, ``low`` and ``high``.
    ax : Axes

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    InputError
        If a measure and iteration occur twice.
    """
    if paths.duplicated(["measure", "iteration"]).any():
        raise InputError("paths must be those of one cell, got repetitions; select the rows first")
    names = {"learned_gain": "under the learned reward", "true_gain": "true"}
    series = series_of(names.values())
    for measure, name in names.items():
        rows, look = paths[paths["measure"] == measure], series[name]
        ax.fill_between(rows["iteration"], rows["low"], rows["high"], color=look.color, alpha=_BAND, linewidth=0)
        ax.plot(rows["iteration"], rows["mean"], **look.line)
        ax.annotate(
            name, (rows["iteration"].iloc[-1], rows["high"].iloc[-1]), (0, 3), textcoords="offset points",
            ha="right", va="bottom", color=look.color,
        )  # fmt: skip
    ax.axhline(1, color=GREY, linewidth=1.6, zorder=1)
    ax.set_ylim(top=1.2 * float(paths["high"].max()))
    ax.set(xlabel="iterations of PPO", ylabel="share of the possible gain")
    return ax


def draw_falls(fallen: pd.DataFrame, ax: Axes) -> Axes:
    """Falls of the true gain from its peak, with 95% intervals, sorted; a series for each instance and for ZPG.

    Parameters
    ----------
    fallen : DataFrame
        Of `falls`. Cells that overfit are filled.
    ax : Axes

    Returns
    -------
    Axes
        The same.
    """
    learned = fallen["ridge"].notna()
    names = np.where(learned, fallen["instance"].astype(str), "ZPG, no reward")
    place = 0
    for name, look in series_of(names).items():
        rows = fallen[names == name].sort_values("fall")
        x = place + np.arange(len(rows))
        ax.vlines(x, rows["low"], rows["high"], color=look.color, linewidth=0.5)
        for hit, face in ((False, "white"), (True, look.color)):
            of = (rows["overfits"] == hit).to_numpy()
            style = look.markers | {"markersize": 3, "markerfacecolor": face, "markeredgewidth": 0.5}
            ax.plot(x[of], rows["fall"][of], **style)
        ax.text(x.mean(), 1.0, name.replace("stochastic-", ""), color=look.color, ha="center", va="bottom",
                transform=ax.get_xaxis_transform())  # fmt: skip
        place = int(x[-1]) + 4
    ax.axhline(0, color=GREY, linewidth=1.6, zorder=1)
    ax.set_xticks([])
    ax.set(xlabel="cells of the grid, sorted (filled: overfits)", ylabel="fall of the true gain")
    return ax


def draw_overfitting(paths: pd.DataFrame, fallen: pd.DataFrame) -> Figure:
    """Both panels, two columns wide.

    Parameters
    ----------
    paths : DataFrame
        Summary of the paths of the cell with the largest fall.
    fallen : DataFrame
        Of `falls`.
    """
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, 2.8)
        axes: Any = figure.subplots(1, 2, width_ratios=[1, 1.6])
        draw_paths(paths, axes[0]).set_title("(a) the cell with the largest fall", loc="left")
        draw_falls(fallen, axes[1]).set_title("(b) every cell", loc="left", pad=14)
    return figure


def _compute(context: FigureContext) -> Frames:
    paths = overfitting_paths(n_seeds=SEEDS[context.preset], execution=context.execution)
    fallen = falls(paths)
    learned = fallen[fallen["ridge"].notna()]
    worst = learned.loc[learned["fall"].idxmax(), list(KEYS)]
    chosen = paths.loc[(paths[list(KEYS)] == worst).all(axis=1)]
    along = mean_over_replicates(chosen, [*KEYS, "iteration"], ["true_gain", "learned_gain"])
    return {"extent": extent(fallen), "falls": fallen, "worst": along}


def _caption(frames: Frames) -> str:
    fallen = frames["falls"]
    learned = fallen[fallen["ridge"].notna()]
    worst = learned.loc[learned["fall"].idxmax()]
    return (
        f"Where the true return falls while that under the learned reward rises: in {learned['overfits'].sum():.0f} of "
        f"{len(learned)} settings. The largest fall is {worst['fall']:.2f} of the possible gain, on "
        f"{worst['instance']}; its path is drawn with 95% bands. Vertical lines are 95% t limits of each fall."
    )


FIGURE = PaperFigure(
    name="overfitting",
    title="Where the true return falls while the return under the learned reward rises",
    compute=_compute,
    draw=lambda frames: draw_overfitting(frames["worst"], frames["falls"]),
    caption=_caption,
)
