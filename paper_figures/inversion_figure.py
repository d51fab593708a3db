"""Link-inversion bias against the number of votes, with the laws that it follows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.studies.inversion_bias import inversion_bias
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, new_figure, print_style, series_of
from theory.errors import InputError

# A smaller sum over vote counts is rounding error.
ROUNDING = 1e-12
# Factor between the drawn values and the end of the frame, and between them and the line of slope -1/2.
_MARGIN = 0.5


def draw_interior(bias: pd.DataFrame, ax: Axes) -> Axes:
    """Bias inside the range, where the trim does not act at the mean, with the delta-method lines c / M.

    Parameters
    ----------
    bias : DataFrame
        Of `inversion_bias`. Rows of the other case are left out. A link without curvature has c = 0 and no line. Its
        bias falls below the frame, and the key says from which M on. Nothing below `ROUNDING` is drawn.
    ax : Axes

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    InputError
        If no row is of this case.
    """
    chosen = _case(bias, "interior")
    curved = chosen[chosen["delta_method"] > 0]
    for _, rows in curved.groupby("link", sort=False):
        ax.plot(rows["n_queries"], rows["delta_method"], color=GREY, linewidth=1.6, zorder=1)
    floor = _MARGIN * float((curved["delta_method"] if len(curved) else chosen["bias"]).min())
    _points(chosen, max(floor, ROUNDING), ax)
    if len(curved):
        ax.plot([], [], color=GREY, linewidth=1.6, label="delta method $c/M$")
    ax.set_ylim(bottom=max(floor, ROUNDING))
    ax.set(ylabel="$|b_M|$ inside the range")
    ax.legend(loc="upper right")
    return ax


def draw_boundary(bias: pd.DataFrame, ax: Axes) -> Axes:
    """Bias with the trim at the mean itself, and a line of slope -1/2.

    Parameters
    ----------
    bias, ax
        See `draw_interior`.
    """
    chosen = _case(bias, "boundary")
    _points(chosen, ROUNDING, ax)
    last = chosen[chosen["n_queries"] == chosen["n_queries"].max()]
    x = np.array([chosen["n_queries"].min(), chosen["n_queries"].max()])
    y = _MARGIN * float(last["bias"].min()) * (x / x[-1]) ** -0.5
    ax.plot(x, y, color=GREY, linewidth=1.6, linestyle=(0, (2.5, 1.2)), label="slope \N{MINUS SIGN}1/2")
    ax.set(ylabel="$|b_M|$ with the trim at the mean")
    ax.legend(loc="lower left")
    return ax


def draw_inversion_bias(bias: pd.DataFrame) -> Figure:
    """Both cases side by side, two columns wide.

    Parameters
    ----------
    bias : DataFrame
        Of `inversion_bias`.
    """
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, 2.8)
        left, right = figure.subplots(1, 2)
        draw_interior(bias, left).set_title("(a) inside the range: slope \N{MINUS SIGN}1", loc="left")
        draw_boundary(bias, right).set_title("(b) at the trim: slope \N{MINUS SIGN}1/2", loc="left")
    return figure


def _case(bias: pd.DataFrame, case: str) -> pd.DataFrame:
    chosen = bias[bias["case"] == case]
    if chosen.empty:
        raise InputError(f"bias must hold rows of the case {case!r}, got none; take the frame of inversion_bias")
    return chosen


def _points(chosen: pd.DataFrame, floor: float, ax: Axes) -> None:
    """Log-log markers joined by lines. The key says from which M on the bias of a link is below the frame."""
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    series = series_of(chosen["link"])
    for name, rows in chosen.groupby("link", sort=False):
        look = series[str(name)]
        drawn = rows[rows["bias"] >= ROUNDING]
        low = rows.loc[rows["bias"] < floor, "n_queries"]
        note = rf" (lower for $M\geq {low.min()}$)" if len(low) else ""
        ax.plot(drawn["n_queries"], drawn["bias"], **(look.markers | look.line), label=f"{name}{note}")
    ax.set_xlabel("votes per trajectory pair $M$")


def _compute(_: FigureContext) -> Frames:
    """Exact sums, which do not depend on any setting."""
    return {"bias": inversion_bias()}


def _caption(frames: Frames) -> str:
    bias = frames["bias"]
    most = int(bias["n_queries"].max())
    last = bias[bias["n_queries"] == most]
    largest = {case: rows["bias"].max() for case, rows in last.groupby("case")}
    return (
        "Bias of the inverted share of votes against votes a pair M, by exact sums, for "
        f"{bias['link'].nunique()} links. (a) Inside the range it follows the delta method, c/M: at M = {most:,} at "
        f"most {largest['interior']:.2g}. (b) With the trim at the mean it falls as the root of 1/M: at most "
        f"{largest['boundary']:.2g}. The unit is that of a difference of returns."
    )


FIGURE = PaperFigure(
    name="inversion-bias",
    title="Link-inversion bias of every link against the number of votes",
    compute=_compute,
    draw=lambda frames: draw_inversion_bias(frames["bias"]),
    caption=_caption,
)
