"""Figures of the rate checks: measured points, fitted power laws, stated slopes and verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from string import ascii_lowercase
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter

from experiments.catalogue.shipped_claims import ALGORITHMS, stated_claims
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
_ABOVE = 1.05  # an upper bound is drawn above the data by this factor
_PANEL_HEIGHT = 3.35  # inches, with a key of this many lines
_KEY_LINES, _LINE_HEIGHT = 4, 0.13
_RATIO_HEIGHT = 1.9  # inches of a panel of ratios alone, without its key
_KEY_WIDTH = 50  # characters that fit over a panel
_STATED: dict[str, Any] = {"color": GREY, "linestyle": (0, (2.5, 1.2)), "linewidth": 1.6}

# What an axis is about, in the title of its panel.
WORDS: dict[Axis, str] = {
    "T": "iterations",
    "N": "trajectories",
    "M": "votes",
    "eps": "balanced path",
    "d": "parameters",
}
_PREFIXES = "the points of a line are prefixes of the same runs:\nthey move together, so the slope is known better"

X_LABELS: dict[Axis, str] = {
    "T": "iterations $T$",
    "N": "trajectory pairs per iteration $N$",
    "M": "votes per trajectory pair $M$",
    "eps": r"balanced path $\varepsilon$ (smaller to the right)",
    "d": "parameters $d$",
}


def draw_axis(points: pd.DataFrame, verdicts: pd.DataFrame, ax: Axes) -> Axes:
    """One axis of one instance, log-log: means with 95% intervals, fitted power laws, and the stated slope.

    The stated line goes through the geometric middle of the points of all claims. Along d, where the stated power is an
    upper bound, it lies just above all points.

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
    chosen = points[points["claim"].isin(verdicts["claim"])]
    for exponent in verdicts["exponent"].unique():
        x, y = _stated(exponent, _anchor(axis, exponent, chosen, middle), window)
        ax.plot(x, y, **_STATED, zorder=1)
    _label_stated(ax, axis, verdicts["exponent"].unique())
    for row, series, rows in _claims(points, verdicts):
        x = _window_of(rows)
        ax.plot(x, _power_law(x, row.slope, math.exp(row.intercept)), **series.line, zorder=2)
        mean, half_width = _interval(rows)
        ax.errorbar(rows["x"], mean, half_width, **series.markers, elinewidth=0.7, zorder=3)
        # For a key with marker and line together.
        ax.plot([], [], **(series.markers | series.line), label=_key(row))
    ax.set(xlabel=X_LABELS[axis], ylabel=r"mean $\|\nabla V\|^2$ (return$^2$)")
    ax.legend(loc="lower left", bbox_to_anchor=(-0.17, 1.02))  # over the tick labels too: lines are long
    return ax


def draw_compensated(points: pd.DataFrame, verdicts: pd.DataFrame, ax: Axes) -> Axes:
    """The same, divided by the stated line. It is flat if the stated slope is attained, and shows small intervals.

    The level of a ratio means nothing where the line is put through the middle of the points; only its change does.

    Points of different algorithms are moved along x by a small share of the window, so that they are side by side.

    Parameters
    ----------
    points, verdicts, ax
        See `draw_axis`.
    """
    axis = _one_axis(verdicts)
    _draw_ratios(points, verdicts, axis, series_of(verdicts["method"]), ax)
    if axis == "T":
        ax.set_title(_PREFIXES, loc="left", fontsize=SMALL, color="0.35", pad=2)
    return ax


def _draw_ratios(points: pd.DataFrame, verdicts: pd.DataFrame, axis: Axis, looks: dict[str, Series], ax: Axes) -> None:
    """Ratios of the claims along one axis; those of one instance are divided by the same line.

    Parameters
    ----------
    looks : dict
        By the names of the methods or, with several instances, of the instances.
    """
    _, window = _middle(points, verdicts)
    _log_scales(ax, axis, window)
    ax.axhline(1, **_STATED, zorder=1)
    to_the_right = -1 if axis == "eps" else 1
    shifts = to_the_right * _DODGE * (np.arange(len(verdicts)) - (len(verdicts) - 1) / 2)
    for row, shift in zip(verdicts.itertuples(), shifts, strict=True):
        rows = points[points["claim"] == row.claim]
        series = looks[row.method] if row.method in looks else looks[row.instance]
        same = points[points["claim"].isin(verdicts.loc[verdicts["instance"] == row.instance, "claim"])]
        level = _level(row.exponent, _anchor(axis, row.exponent, same, _geometric_middle(same)))
        x = rows["x"].to_numpy()
        stated = _power_law(x, row.exponent, level)
        fitted = _power_law(x, row.slope, math.exp(row.intercept))
        dodged = x * (window[1] / window[0]) ** shift
        ax.plot(dodged, fitted / stated, **series.line, zorder=2)
        mean, half_width = _interval(rows)
        markers = series.markers | {"markersize": 0.55 * series.size}
        ax.errorbar(dodged, mean / stated, half_width / stated, **markers, elinewidth=0.7, zorder=3)
        ax.plot([], [], **(series.markers | series.line), label=_key(row))
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set(xlabel=X_LABELS[axis], ylabel="measured /\nstated line")


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
    return _draw_panels(points, [chosen[chosen["axis"] == axis] for axis in order])


def draw_instances(points: pd.DataFrame, verdicts: pd.DataFrame) -> Figure:
    """Ratios to the stated line on every instance except the main one, one panel an axis.

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
    panels = [others[others["axis"] == axis] for axis in X_LABELS if (others["axis"] == axis).any()]
    columns = min(2, len(panels))
    longest = max(len(_labels(panel)) + sum("\n" in label for label in _labels(panel)) for panel in panels)
    with print_style():
        height = (_RATIO_HEIGHT + _LINE_HEIGHT * longest) * math.ceil(len(panels) / columns)
        figure = new_figure(DOUBLE_COLUMN if columns == 2 else SINGLE_COLUMN, height)
        axes: Any = figure.subplots(math.ceil(len(panels) / columns), columns, squeeze=False).flat
        for number, (ax, panel) in enumerate(zip(axes, panels, strict=False)):
            axis: Axis = panel["axis"].iloc[0]
            several = panel["instance"].nunique() > 1
            looks = series_of(panel["instance"] if several else panel["method"])
            labels = _labels(panel)
            _draw_ratios(points, panel.assign(method="" if several else panel["method"]), axis, looks, ax)
            handles = ax.get_legend_handles_labels()[0]
            ax.legend(handles, labels, loc="lower left", bbox_to_anchor=(-0.17, 1.02))
            place = "" if several else f" on {panel['instance'].iloc[0]}"
            _claim_title(ax, number, len(panels), axis, panel["exponent"], place)
            if axis == "T":
                ax.set_xlabel(f"{X_LABELS[axis]}; {_PREFIXES}")
        for ax in list(axes)[len(panels) :]:
            ax.remove()
    return figure


def _labels(panel: pd.DataFrame) -> list[str]:
    """Keys of the claims of a panel; several instances are named instead of their method, if that is one."""
    if panel["instance"].nunique() == 1:
        return [_key(row) for row in panel.itertuples()]
    title = panel["instance"] if panel["method"].nunique() == 1 else panel["title"] + ", " + panel["instance"]
    return [_key(row) for row in panel.assign(title=title).itertuples()]


def verdict_label(row: Any) -> str:
    """Algorithm, slope with its interval, and verdict, in one line.

    Parameters
    ----------
    row : row of verdicts
        With attributes ``title, slope, ci_low, ci_high, outcome, tight``.
    """
    numbers = f"{row.slope:.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}]".replace("-", "\N{MINUS SIGN}")
    return f"{row.title}: {numbers} {row.outcome}{', tight' if row.tight else ''}"


def _draw_panels(points: pd.DataFrame, panels: list[pd.DataFrame]) -> Figure:
    """Panels in two columns. Each has a large plot, and below it a strip that is divided by the stated line."""
    columns = min(2, len(panels))
    lines = math.ceil(len(panels) / columns)
    # A longer key would leave no room for the panels below it.
    keys = ["\n".join(map(_key, verdicts.itertuples())) for verdicts in panels]
    beyond = max(0, *(key.count("\n") + 1 - _KEY_LINES for key in keys))
    height = _PANEL_HEIGHT + _LINE_HEIGHT * beyond
    with print_style():
        figure = new_figure(DOUBLE_COLUMN if columns == 2 else SINGLE_COLUMN, height * lines)
        grid = figure.add_gridspec(2 * lines, columns, height_ratios=[3, 1] * lines)
        for number, verdicts in enumerate(panels):
            line, column = divmod(number, columns)
            upper = draw_axis(points, verdicts, figure.add_subplot(grid[2 * line, column]))
            draw_compensated(points, verdicts, figure.add_subplot(grid[2 * line + 1, column], sharex=upper))
            upper.set_xlabel("")
            upper.tick_params(which="both", labelbottom=False)
            _claim_title(upper, number, len(panels), verdicts["axis"].iloc[0], verdicts["exponent"])
    return figure


def _claim_title(ax: Axes, number: int, panels: int, axis: Axis, exponents: pd.Series, place: str = "") -> None:
    """Say over the key what is stated: "(b) trajectories: slope -1/2"."""
    letter = f"({ascii_lowercase[number]}) " if panels > 1 else ""
    stated = _in_words(axis, exponents.unique())
    legend: Any = ax.get_legend()
    legend.set_title(f"{letter}{WORDS[axis]}{place}: {stated}", FontProperties(size=8))
    legend.set_alignment("left")


def _in_words(axis: Axis, exponents: Iterable[float]) -> str:
    return ("slope at most " if axis == "d" else "slope ") + " or ".join(map(_fraction, exponents))


def _fraction(exponent: float) -> str:
    fraction = Fraction(exponent).limit_denominator(12)
    text = str(fraction) if math.isclose(fraction, exponent) else f"{exponent:.3f}"
    return text.replace("-", "\N{MINUS SIGN}")


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
    return _geometric_middle(rows), (float(rows["x"].min()), float(rows["x"].max()))


def _geometric_middle(rows: pd.DataFrame) -> Pair:
    x, mean = np.exp(np.log(rows[["x", "mean"]].to_numpy()).mean(axis=0)).tolist()
    return x, mean


def _anchor(axis: Axis, exponent: float, rows: pd.DataFrame, middle: Pair) -> Pair:
    """A point of the stated line: the middle of the data or, along d, one just above all data."""
    if axis != "d":
        return middle
    highest = float((rows["mean"] / rows["x"] ** exponent).max()) * _ABOVE
    return middle[0], highest * middle[0] ** exponent


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


def _label_stated(ax: Axes, axis: Axis, exponents: Iterable[float]) -> None:
    """Name the dashed line in the corner that the data leave free."""
    x, align = (0.98, "right") if axis == "d" else (0.02, "left")
    text = f"dashed: stated {_in_words(axis, exponents)}"
    ax.text(x, 0.03, text, transform=ax.transAxes, ha=align, va="bottom", color="0.35", fontsize=SMALL)


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
    """Run the claims of the paper's algorithms on the main instance, or those on all others."""

    def compute(context: FigureContext) -> Frames:
        claims = [c for c in stated_claims(context.preset) if (c.instance == MAIN_INSTANCE) == on_main]
        if on_main:  # another way to ask for votes lies far above, and would set the axis of the ratios
            claims = [c for c in claims if c.method in ALGORITHMS]
        results = run_claims(claims, execution=context.execution)
        return {"points": results.points, "verdicts": results.verdicts}

    return compute


def _caption(frames: Frames) -> str:
    verdicts, points = frames["verdicts"], frames["points"]
    axes = [axis for axis in X_LABELS if (verdicts["axis"] == axis).any()]
    stated = ", ".join(
        f"{WORDS[axis]} {_in_words(axis, verdicts.loc[verdicts['axis'] == axis, 'exponent'].unique())}" for axis in axes
    )
    off = (verdicts["slope"] - verdicts["exponent"]).abs().max()
    counts = ", ".join(f"{number} {outcome}" for outcome, number in verdicts["outcome"].value_counts().items())
    shared = points.loc[points["claim"].isin(verdicts["claim"]), "replicates"]
    return (
        f"Mean squared gradient norm against what is stated ({stated}): {len(verdicts)} claims on "
        f"{verdicts['instance'].nunique()} instance(s), {counts}; the slope that is farthest from its statement is off "
        f"by {off:.3f}. Markers are means over {shared.min():g} to {shared.max():g} runs with 95% intervals, lines are "
        "fitted power laws; the key has slopes with 95% intervals. Ratios are to the dashed line of the stated slope, "
        "which goes through the geometric middle of all points of an instance, or just above them along d, where an "
        "upper bound is stated: only their change has a meaning, not their level. Along T the points of a line are "
        "prefixes of the same runs. They move together, and so the interval of a slope is far narrower than theirs."
    )


RATES = PaperFigure(
    name="rates",
    title="Measured against stated rates along T, N, M and the balanced path",
    compute=_compute(on_main=True),
    draw=lambda frames: draw_rates(frames["points"], frames["verdicts"]),
    caption=_caption,
)
INSTANCES = PaperFigure(
    name="rates-instances",
    title="Measured against stated rates on other instances",
    compute=_compute(on_main=False),
    draw=lambda frames: draw_instances(frames["points"], frames["verdicts"]),
    caption=_caption,
)
