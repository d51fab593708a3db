"""Figures of the rate checks: measured points, fitted power laws, stated slopes and verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from string import ascii_lowercase
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter

from experiments.catalogue.shipped_claims import stated_claims
from experiments.rates.run_claims import run_claims
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, SINGLE_COLUMN, SMALL, Series, new_figure, print_style, series_of
from theory.arrays import FloatArray
from theory.errors import InputError, require_kind
from theory.rates import Axis

Pair = tuple[float, float]

MAIN_INSTANCE = "circular"
NORMAL_95 = 1.96

# A stated line is longer than the window by this share on both sides, so that a fitted line does not hide it.
_OVERHANG = 0.12
# Distance between the algorithms in the lower strip, as a share of the window.
_DODGE = 0.018
_PANEL_HEIGHT = 3.2  # inches, with a key of this many lines
_KEY_LINES, _LINE_HEIGHT = 4, 0.13
_KEY_WIDTH = 50  # characters that fit over a panel
_STATED: dict[str, Any] = {"color": GREY, "linestyle": (0, (2.5, 1.2)), "linewidth": 1.6}

X_LABELS: dict[Axis, str] = {
    "T": "iterations $T$",
    "N": "trajectory pairs per iteration $N$",
    "M": "votes per trajectory pair $M$",
    "eps": r"balanced path $\varepsilon$ (smaller to the right)",
    "d": "parameters $d$",
}


def draw_axis(points: pd.DataFrame, verdicts: pd.DataFrame, ax: Axes) -> Axes:
    """One axis of one instance, log-log: means with 95% intervals, fitted power laws, and the stated slope.

    Parameters
    ----------
    points, verdicts : DataFrame
        Of `RateResults`, with the claims along one axis of one instance. Points of other claims are left out.
    ax : Axes

    Returns
    -------
    Axes
        The same. The eps axis is inverted, so that the limit of every axis is on the right.

    Raises
    ------
    InputError
        If the verdicts are not those of exactly one axis of one instance.
    """
    axis = _one_axis(verdicts)
    middle, window = _middle(points, verdicts)
    _log_scales(ax, axis, window)
    for exponent in verdicts["exponent"].unique():
        x, y = _stated(exponent, middle, window)
        ax.plot(x, y, **_STATED, zorder=1)
        _label_stated(ax, exponent, (x[-1], y[-1]) if axis == "eps" else (x[0], y[0]))
    for row, series, rows in _claims(points, verdicts):
        x = _window_of(rows)
        ax.plot(x, _power_law(x, row.slope, math.exp(row.intercept)), **series.line, zorder=2)
        mean, half_width = _interval(rows)
        ax.errorbar(rows["x"], mean, half_width, **series.markers, elinewidth=0.7, zorder=3)
        # For a key with marker and line together.
        ax.plot([], [], **(series.markers | series.line), label=_key(row))
    ax.set(xlabel=X_LABELS[axis], ylabel="mean squared gradient norm")
    ax.legend(loc="lower left", bbox_to_anchor=(-0.17, 1.02))  # over the tick labels too: lines are long
    return ax


def draw_compensated(points: pd.DataFrame, verdicts: pd.DataFrame, ax: Axes) -> Axes:
    """The same, divided by the stated line. It is flat if the stated slope is attained, and shows small intervals.

    Points of different algorithms are moved along x by a small share of the window, so that they are side by side.

    Parameters
    ----------
    points, verdicts, ax
        See `draw_axis`.
    """
    axis = _one_axis(verdicts)
    middle, window = _middle(points, verdicts)
    _log_scales(ax, axis, window)
    ax.axhline(1, **_STATED, zorder=1)
    to_the_right = -1 if axis == "eps" else 1
    shifts = to_the_right * _DODGE * (np.arange(len(verdicts)) - (len(verdicts) - 1) / 2)
    for (row, series, rows), shift in zip(_claims(points, verdicts), shifts, strict=True):
        x = rows["x"].to_numpy()
        stated = _power_law(x, row.exponent, _level(row.exponent, middle))
        fitted = _power_law(x, row.slope, math.exp(row.intercept))
        dodged = x * (window[1] / window[0]) ** shift
        ax.plot(dodged, fitted / stated, **series.line, zorder=2)
        mean, half_width = _interval(rows)
        markers = series.markers | {"markersize": 0.55 * series.size}
        ax.errorbar(dodged, mean / stated, half_width / stated, **markers, elinewidth=0.7, zorder=3)
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set(xlabel=X_LABELS[axis], ylabel="ratio to\nstated")
    return ax


def draw_rates(points: pd.DataFrame, verdicts: pd.DataFrame, instance: str = MAIN_INSTANCE) -> Figure:
    """All axes of one instance, two columns wide.

    Parameters
    ----------
    points, verdicts : DataFrame
        Of `RateResults`; rows of other instances are left out.
    instance : str

    Raises
    ------
    InputError
        If the frames are others, or the instance has no verdicts.
    """
    for name, frame, column in (("points", points, "claim"), ("verdicts", verdicts, "instance")):
        require_kind(name, frame, pd.DataFrame, "run_claims(...).points")
        if column not in frame:
            raise InputError(f"{name} must be those of run_claims, got a frame without the column {column}")
    chosen = verdicts[verdicts["instance"] == instance]
    if chosen.empty:
        raise InputError(f"instance must be one of {', '.join(verdicts['instance'].unique())}, got {instance!r}")
    order = [axis for axis in X_LABELS if (chosen["axis"] == axis).any()]
    return _draw_panels(points, [("", chosen[chosen["axis"] == axis]) for axis in order])


def draw_instances(points: pd.DataFrame, verdicts: pd.DataFrame) -> Figure:
    """Every axis of every instance except the main one.

    Parameters
    ----------
    points, verdicts : DataFrame
        Of `RateResults`.

    Raises
    ------
    InputError
        If there is no other instance.
    """
    others = verdicts[verdicts["instance"] != MAIN_INSTANCE]
    if others.empty:
        raise InputError(f"verdicts must cover an instance other than {MAIN_INSTANCE}, got none; add claims on one")
    groups = [group for _, group in others.groupby(["instance", "axis"], sort=False)]
    return _draw_panels(points, [(str(group["instance"].iloc[0]), group) for group in groups])


def verdict_label(row: Any) -> str:
    """Algorithm, slope with its interval, and verdict, in one line.

    Parameters
    ----------
    row : row of verdicts
        With attributes ``title, slope, ci_low, ci_high, outcome, tight``.
    """
    numbers = f"{row.slope:.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}]".replace("-", "\N{MINUS SIGN}")
    return f"{row.title}: {numbers} {row.outcome}{', tight' if row.tight else ''}"


def _draw_panels(points: pd.DataFrame, panels: list[tuple[str, pd.DataFrame]]) -> Figure:
    """Panels in two columns. Each has a large plot, and below it a strip that is divided by the stated line."""
    columns = min(2, len(panels))
    lines = math.ceil(len(panels) / columns)
    # A longer key would leave no room for the panels below it.
    keys = ["\n".join(map(_key, verdicts.itertuples())) for _, verdicts in panels]
    beyond = max(0, *(key.count("\n") + 1 - _KEY_LINES for key in keys))
    height = _PANEL_HEIGHT + _LINE_HEIGHT * beyond
    with print_style():
        figure = new_figure(DOUBLE_COLUMN if columns == 2 else SINGLE_COLUMN, height * lines)
        grid = figure.add_gridspec(2 * lines, columns, height_ratios=[3, 1] * lines)
        for number, (title, verdicts) in enumerate(panels):
            line, column = divmod(number, columns)
            upper = draw_axis(points, verdicts, figure.add_subplot(grid[2 * line, column]))
            draw_compensated(points, verdicts, figure.add_subplot(grid[2 * line + 1, column], sharex=upper))
            upper.set_xlabel("")
            upper.tick_params(which="both", labelbottom=False)
            letter = f"({ascii_lowercase[number]}) " if len(panels) > 1 else ""
            upper.text(1, 1, f"{letter}{title}".strip(), transform=upper.transAxes, ha="right", va="top")
    return figure


def _key(row: Any) -> str:
    """The label of a claim in the key, in two lines if one would be wider than the panel."""
    label = verdict_label(row)
    return label if len(label) <= _KEY_WIDTH else label.replace(": ", ":\n", 1)


def _one_axis(verdicts: pd.DataFrame) -> Axis:
    different = verdicts[["instance", "axis"]].drop_duplicates()
    if len(different) != 1:
        raise InputError(f"verdicts must be of one axis of one instance, got {len(different)}; select the rows first")
    axis: Axis = different["axis"].iloc[0]
    return axis


def _claims(points: pd.DataFrame, verdicts: pd.DataFrame) -> Iterator[tuple[Any, Series, pd.DataFrame]]:
    """Verdict, series and points of every claim."""
    series = series_of(verdicts["method"])
    rows: Iterator[Any] = verdicts.itertuples()
    for row in rows:
        yield row, series[row.method], points[points["claim"] == row.claim]


def _middle(points: pd.DataFrame, verdicts: pd.DataFrame) -> tuple[Pair, Pair]:
    """Geometric middle of all points of the claims, and their window of x."""
    rows = points[points["claim"].isin(verdicts["claim"])]
    x, mean = np.exp(np.log(rows[["x", "mean"]].to_numpy()).mean(axis=0)).tolist()
    return (x, mean), (float(rows["x"].min()), float(rows["x"].max()))


def _window_of(rows: pd.DataFrame) -> FloatArray:
    return np.array([rows["x"].min(), rows["x"].max()])


def _power_law(x: FloatArray, slope: float, level: float) -> FloatArray:
    return np.asarray(level * x**slope)


def _level(exponent: float, middle: Pair) -> float:
    """Level at x = 1 of the power law through the middle."""
    return float(middle[1] / middle[0] ** exponent)


def _stated(exponent: float, middle: Pair, window: Pair) -> tuple[FloatArray, FloatArray]:
    """Ends of the stated line, which goes through the middle and is a little longer than the window."""
    beyond = (window[1] / window[0]) ** _OVERHANG
    x = np.array([window[0] / beyond, window[1] * beyond])
    return x, _power_law(x, exponent, _level(exponent, middle))


def _label_stated(ax: Axes, exponent: float, left_end: Pair) -> None:
    fraction = Fraction(exponent).limit_denominator(12)
    number = str(fraction) if math.isclose(fraction, exponent) else f"{exponent:.3f}"
    ax.annotate(
        f"stated slope {number}".replace("-", "\N{MINUS SIGN}"),
        left_end,
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        color="0.35",
        fontsize=SMALL,
    )


def _log_scales(ax: Axes, axis: Axis, window: Pair) -> None:
    """Log-log scales with ticks at the powers that the grid is made of, and the limit on the right."""
    powers_of_two = all(math.log2(x).is_integer() for x in window) and window != (1.0, 1.0)
    ax.set_xscale("log", base=2 if powers_of_two else 10)
    ax.set_yscale("log")
    if axis == "eps":
        ax.xaxis.set_inverted(True)


def _interval(rows: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Mean and half the width of its 95% interval. With a single replicate there is no interval."""
    return rows["mean"].to_numpy(), NORMAL_95 * rows["standard_error"].fillna(0).to_numpy()


def _compute(on_main: bool) -> Callable[[FigureContext], Frames]:
    """Run the stated claims on the main instance, or those on all others."""

    def compute(context: FigureContext) -> Frames:
        claims = [c for c in stated_claims(context.preset) if (c.instance == MAIN_INSTANCE) == on_main]
        results = run_claims(claims, execution=context.execution)
        return {"points": results.points, "verdicts": results.verdicts}

    return compute


RATES = PaperFigure(
    name="rates",
    title="Measured against stated rates along T, N, M and the balanced path",
    compute=_compute(on_main=True),
    draw=lambda frames: draw_rates(frames["points"], frames["verdicts"]),
)
INSTANCES = PaperFigure(
    name="rates-instances",
    title="Measured against stated rates on other instances",
    compute=_compute(on_main=False),
    draw=lambda frames: draw_instances(frames["points"], frames["verdicts"]),
)
