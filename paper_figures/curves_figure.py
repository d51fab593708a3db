"""E|grad V(theta_t)|^2 over t, measured against predicted, from starts at and beside the root of the drift."""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_lowercase
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from experiments.catalogue.claims import name_of
from experiments.catalogue.methods import METHODS
from experiments.rates.curve_claim import curve_claims
from experiments.rates.curve_prediction import predict_curves
from experiments.rates.floor_claim import MARGIN
from experiments.rates.run_curves import curve_ratios, measure_curve
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, Series, levels_of, new_figure, print_style
from theory.errors import InputError

# Mixing times after the start at which runs are read.
TIMES = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
_HEIGHT = 3.6  # inches
_SIZE = 0.6  # of markers, which are many
_REFERENCE: dict[str, Any] = {"color": GREY, "linewidth": 0.9, "zorder": 1}
_DODGE = 0.03  # mixing times between claims, so that their intervals are side by side


def draw_curves(curves: pd.DataFrame, ax: Axes) -> Axes:
    """Predictions as lines, measured means with 95% intervals as markers, in units of 1e-3.

    Parameters
    ----------
    curves : DataFrame
        Columns ``claim, method, step_size, mixing_times, predicted, ratio, ratio_low, ratio_high``.
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
    for look, rows, _ in _by_claim(curves):
        predicted = 1e3 * rows["predicted"]
        ax.plot(rows["mixing_times"], predicted, **look.line, zorder=2)
        low, middle, high = (predicted * rows[name] for name in ("ratio_low", "ratio", "ratio_high"))
        ax.errorbar(rows["mixing_times"], middle, (middle - low, high - middle), **_bars(look), zorder=3)
    ax.xaxis.set_major_locator(MultipleLocator(1))
    return ax


def draw_curve_ratios(curves: pd.DataFrame, ax: Axes) -> Axes:
    """Measured over predicted with 95% intervals; dashed lines are the margin.

    Parameters
    ----------
    curves, ax
        See `draw_curves`.
    """
    ax.axhline(1, **_REFERENCE)
    for edge in (1 - MARGIN, 1 + MARGIN):
        ax.axhline(edge, **_REFERENCE, linestyle=(0, (2.5, 1.2)))
    for look, rows, dodge in _by_claim(curves):
        beyond = (rows["ratio"] - rows["ratio_low"], rows["ratio_high"] - rows["ratio"])
        ax.errorbar(rows["mixing_times"] + dodge, rows["ratio"], beyond, **_bars(look), zorder=3)
    return ax


def draw_curve_figure(curves: pd.DataFrame) -> Figure:
    """One column per method, curves above and ratios below, two columns of a page wide.

    Parameters
    ----------
    curves : DataFrame
        See `draw_curves`.
    """
    methods = list(curves["method"].unique())
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, _HEIGHT)
        axes: Any = figure.subplots(
            2, max(1, len(methods)), sharex=True, sharey="row", squeeze=False, height_ratios=(1.4, 1)
        )
        for letter, method, (above, below) in zip(ascii_lowercase, methods, axes.T, strict=False):
            rows = curves[curves["method"] == method]
            draw_curves(rows, above).set_title(f"({letter}) {METHODS[method].title}", loc="left")
            draw_curve_ratios(rows, below).set_xlabel("mixing times")
        axes[0, 0].set_ylim(0, 1.05e3 * float(curves["predicted"].max()))
        axes[0, 0].set_ylabel(r"$10^3\,E|\nabla V(\theta_t)|^2$")
        axes[1, 0].set_ylabel("measured /\npredicted")
        figure.legend(handles=_key(curves, axes[0, 0]), loc="outside upper center", ncols=4)
    return figure


def _key(curves: pd.DataFrame, ax: Axes) -> list[Any]:
    looks = _looks(curves)
    handles = [
        ax.plot([], [], **(look.markers | look.line), label=rf"$\alpha$ = {name}") for name, look in looks.items()
    ]
    return [line for lines in handles for line in lines]


def _by_claim(curves: pd.DataFrame) -> Iterator[tuple[Series, pd.DataFrame, float]]:
    """Look, rows and shift to the side of every claim. A step size has its own look."""
    if curves.empty:
        raise InputError("curves must hold at least one claim, got none; take the frame that the figure computes")
    looks, n_claims = _looks(curves), curves["claim"].nunique()
    for number, (_, rows) in enumerate(curves.groupby("claim", sort=False)):
        look = looks[f"{rows['step_size'].iloc[0]:g}"]
        yield look, rows, _DODGE * (number - (n_claims - 1) / 2)


def _looks(curves: pd.DataFrame) -> dict[str, Series]:
    return levels_of([f"{step:g}" for step in curves["step_size"]])


def _bars(look: Series) -> dict[str, Any]:
    return look.markers | {"markersize": _SIZE * look.size, "elinewidth": 0.6, "capsize": 0}


def _compute(context: FigureContext) -> Frames:
    """Curves whose law is linear enough, at more times than are judged."""
    claims, frames = curve_claims(context.preset), []
    for claim, found in zip(claims, predict_curves(claims, context.execution, TIMES), strict=True):
        if found.reason:
            continue
        values = measure_curve(claim, found, 0, claim.setting.replicates, context.execution)
        ratios = curve_ratios(values, found)
        low, high = ratios.limits
        numbers = {
            "mixing_times": (np.array(found.times) - 1) / found.mixing,
            "predicted": found.predicted,
            "ratio": ratios.value,
            "ratio_low": low,
            "ratio_high": high,
        }
        about = {"claim": claim.name, "method": name_of(claim.setting.method), "step_size": claim.setting.step_size}
        frames.append(pd.DataFrame(numbers).assign(**about))
    return {"curves": pd.concat(frames, ignore_index=True)}


def _caption(frames: Frames) -> str:
    curves = frames["curves"]
    off = (curves["ratio"] - 1).abs()
    return (
        f"E|grad V|^2 along {curves['claim'].nunique()} ascents near an optimum: lines are predicted without a free "
        "constant, markers are measured. Below, their ratios with 95% intervals at "
        f"{len(curves)} points, and dashed lines the margin; the ratio farthest from 1 is "
        f"{curves.loc[off.idxmax(), 'ratio']:.3f}. Points of one line are of the same runs."
    )


FIGURE = PaperFigure(
    name="curves",
    title="Mean squared gradient norm over t near an optimum, measured against predicted without a free constant",
    compute=_compute,
    draw=lambda frames: draw_curve_figure(frames["curves"]),
    caption=_caption,
)
