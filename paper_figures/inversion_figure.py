"""Link-inversion bias against the number of votes, and the laws it follows."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.inversion import inversion_bias
from paper_figures.registry import FigureContext, Frames, PaperFigure, register
from paper_figures.style import DOUBLE_COLUMN, GREY, SMALL, new_figure, print_style, series_of
from theory.errors import InputError

# Below it a sum over vote counts is rounding error.
ROUNDING = 1e-12
# The frame ends this factor below the smallest delta-method value: a bias without a 1/M term would stretch it.
_MARGIN = 0.4


def draw_interior(bias: pd.DataFrame, ax: Axes) -> Axes:
    """Bias where the trim never acts at the mean, over the delta-method lines c / M.

    Parameters
    ----------
    bias : DataFrame
        Of `inversion_bias`; rows of the other case are left out. A link whose constant c is 0 has no line, and the key
        says from where its bias lies below the frame; what is below `ROUNDING` is not drawn at all.
    ax : Axes

    Returns
    -------
    Axes
        The same.
    """
    chosen = _case(bias, "interior")
    lines = chosen.loc[chosen["delta_method"] > 0, "delta_method"]
    floor = _MARGIN * float(lines.min() if len(lines) else chosen["bias"].max())
    for name, rows in chosen.groupby("link", sort=False):
        curved = rows[rows["delta_method"] > 0]
        ax.plot(curved["n_queries"], curved["delta_method"], color=GREY, linewidth=1.4, zorder=1)
        _points(rows, str(name), floor, bias["link"], ax)
    _finish(ax, r"$|b_M|$ inside the range")
    ax.set_ylim(bottom=max(floor, ROUNDING))
    _mark(ax, chosen[chosen["delta_method"] > 0].groupby("link")["delta_method"].first(), "delta method $c/M$")
    return ax


def draw_boundary(bias: pd.DataFrame, ax: Axes) -> Axes:
    """Bias with the trim at the mean itself, beside a line of slope -1/2.

    Parameters
    ----------
    bias, ax
        See `draw_interior`.
    """
    chosen = _case(bias, "boundary")
    for name, rows in chosen.groupby("link", sort=False):
        _points(rows, str(name), ROUNDING, bias["link"], ax)
    x = chosen["n_queries"].to_numpy()
    lowest = float((chosen["bias"] * chosen["n_queries"] ** 0.5).groupby(chosen["link"]).last().min())
    ends = [x.min(), x.max()]
    # Below the lowest of the curves, which it must not hide.
    ax.plot(ends, [0.6 * lowest * end**-0.5 for end in ends], color=GREY, linewidth=1.6, linestyle=(0, (2.5, 1.2)))
    ax.annotate(
        "slope \N{MINUS SIGN}1/2",
        (ends[0], 0.6 * lowest * ends[0] ** -0.5),
        xytext=(14, -14),
        textcoords="offset points",
        color="0.35",
        fontsize=SMALL,
    )
    _finish(ax, r"$|b_M|$ with the trim at $\sigma(\pm H)$")
    return ax
