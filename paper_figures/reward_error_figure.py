"""Errors of a learned reward: away from its training data, and on the path of a policy that is trained on it."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from experiments.catalogue.shipped_claims import Preset
from experiments.studies.replicates import mean_over_replicates
from experiments.studies.reward_error_cells import all_reward_errors
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, SMALL, levels_of, new_figure, print_style, series_of
from theory.errors import InputError

INSTANCE = "stochastic-gridworld"
REPLICATES: dict[Preset, int] = {"quick": 20, "paper": 160}

_SOLID: Any = "-"
_DASHED: Any = (0, (3, 1.5))
# Overlapping bands are transparent. Lines differ in markers and dashes.
_BAND = 0.15
# Free share of the axis above the data, for the key.
_HEADROOM = 1.25
_ROOM_FOR_NAMES = 14.0  # factor of the pressure, left of the data
_KEY_SHARE = 0.45  # the same on a logarithmic axis, of its decades
_ERROR = "rms error of differences (return)"


def draw_coverage(coverage: pd.DataFrame, ax: Axes) -> Axes:
    """Error of the learned reward against the concentrability of the behaviour policy.

    Parameters
    ----------
    coverage : DataFrame
        Summary of `coverage_error`, with ``error`` and ``ignorance``. The latter is drawn as thin lines, with the
        dashes of the policy.
    ax : Axes

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    InputError
        If the summary does not have the measure.
    """
    series = series_of(coverage["policy"])
    for name, points in _only(coverage, "error").groupby("policy", sort=False):
        look = series[str(name)]
        _curve(points, "concentrability", ax, look.markers | look.line | {"label": f"on {name}"})
    for name, points in _only(coverage, "ignorance").groupby("policy", sort=False):
        ax.plot(points["concentrability"], points["mean"], **series[str(name)].line, linewidth=0.5, zorder=1)
    ax.plot([], [], color="black", linewidth=0.5, label="thin: all rewards equal")
    ax.set_xscale("log")
    ax.set_ylim(0, _HEADROOM * float(coverage["high"].max()))
    ax.set(xlabel=r"largest $d_{\rm optimal}(s,a)\,/\,d_{\rm behaviour}(s,a)$", ylabel=_ERROR)
    ax.legend(loc="upper left", ncols=2, columnspacing=1.2)
    return ax


def draw_joint_error(joint: pd.DataFrame, ax: Axes) -> Axes:
    """Error against votes in joint training, on the current policy (filled, solid) and on the start (hollow, dashed).

    Parameters
    ----------
    joint : DataFrame
        Summary of `joint_training`. Rows with pairs from the start are left out.
    ax, returns, raises
        See `draw_coverage`.
    """
    online = joint[joint["pairs_from"] == "current"]
    for measure, style in (("error_current", _SOLID), ("error_start", _DASHED)):
        for votes, points in _only(online, measure).groupby("n_queries", sort=False):
            _curve(points, "votes", ax, _look(joint["n_queries"], votes, style))
    _key(ax, joint["n_queries"], "M", ("on current policy", "on start"))
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")
    ax.set(xlabel="votes so far", ylabel=_ERROR)
    return ax


def draw_gains(joint: pd.DataFrame, ax: Axes) -> Axes:
    """Gain under the learned reward against true gain during training, with 95% limits at the end.

    Pairs come from the current policy (filled, solid) or from the start (hollow, dashed). Without over-optimisation the
    paths would follow the grey line.

    Parameters
    ----------
    joint : DataFrame
        Summary of `joint_training`.
    ax, returns, raises
        See `draw_coverage`.
    """
    promised, found = _only(joint, "proxy_gain"), _only(joint, "true_gain")
    ends: dict[str, Any] = {"linestyle": "none", "elinewidth": 0.7, "zorder": 3}
    keys = ["pairs_from", "n_queries", "iteration"]
    both = found.merge(promised, on=keys, suffixes=("", "_proxy"))
    for source, style in (("current", _SOLID), ("start", _DASHED)):
        for votes, path in both[both["pairs_from"] == source].groupby("n_queries", sort=False):
            look = _look(joint["n_queries"], votes, style)
            ax.plot(path["mean"], path["mean_proxy"], **look, zorder=2)
            last = path.tail(1)
            across = (last["mean"] - last["low"], last["high"] - last["mean"])
            up = (last["mean_proxy"] - last["low_proxy"], last["high_proxy"] - last["mean_proxy"])
            ax.errorbar(last["mean"], last["mean_proxy"], xerr=across, yerr=up, color=look["color"], **ends)
            if style == _SOLID:
                # Over its end; that with the most votes ends below another one, and is named on its right.
                low = votes == joint["n_queries"].max()
                x, y = last[["high", "mean_proxy"] if low else ["mean", "high_proxy"]].to_numpy()[0]
                _name(ax, f"$M$ = {votes:g}", x, y, "left" if low else "center")
    furthest = float(both["mean"].max())
    ax.plot([0, furthest], [0, furthest], color=GREY, linewidth=1.6, zorder=1)
    _key(ax, None, "M", ("pairs from the current policy", "pairs from the start"), "gain as promised")
    ax.set_ylim(top=_HEADROOM * float(both["high_proxy"].max()))
    ax.set_xlim(right=1.15 * float(both["high"].max()))
    ax.set(xlabel="true gain (return)", ylabel="gain under learned reward (return)")
    return ax


def draw_pressure(fixed: pd.DataFrame, ax: Axes) -> Axes:
    """Gains against the pressure of optimisation: under the learned reward (filled, solid) and true (hollow, dashed).

    The grey line is the gain of an optimal policy.

    Parameters
    ----------
    fixed : DataFrame
        Summary of `learned_once`.
    ax, returns, raises
        See `draw_coverage`.
    """
    ax.axhline(float(_only(fixed, "possible_gain")["mean"].max()), color=GREY, linewidth=1.6, zorder=1)
    for measure, style in (("proxy_gain", _SOLID), ("true_gain", _DASHED)):
        for pairs, points in _only(fixed, measure).groupby("n_pairs", sort=False):
            look = _look(fixed["n_pairs"], pairs, style)
            _curve(points, "pressure", ax, look)
            if style == _SOLID:
                first = points.iloc[0]
                _name(ax, f"$N$ = {pairs:g}", float(first["pressure"]), float(first["mean"]), "right")
    _key(ax, None, "N", ("gain under the learned reward", "true gain"), "largest gain possible")
    ax.set_xscale("log")
    ax.set_xlim(fixed["pressure"].min() / _ROOM_FOR_NAMES, None)
    ax.set_yscale("log")
    gains = fixed.loc[fixed["mean"] > 0, "mean"]
    ax.set_ylim(gains.min() / 2, gains.max() * (gains.max() / gains.min()) ** _KEY_SHARE)
    ax.set(xlabel=r"optimisation pressure $1/\beta$ (1/return)", ylabel="gain (return)")
    return ax


def draw_reward_error(coverage: pd.DataFrame, joint: pd.DataFrame, fixed: pd.DataFrame) -> Figure:
    """All four panels, two columns wide.

    Parameters
    ----------
    coverage, joint, fixed : DataFrame
        Summaries of `coverage_error`, `joint_training` and `learned_once`.
    """
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, 5.2)
        axes: Any = figure.subplots(2, 2)
        draw_coverage(coverage, axes[0, 0]).set_title("(a) coverage: pairs from one behaviour", loc="left")
        draw_joint_error(joint, axes[0, 1]).set_title("(b) votes: reward and policy trained jointly", loc="left")
        draw_gains(joint, axes[1, 0]).set_title("(c) promised against true gain, in training", loc="left")
        draw_pressure(fixed, axes[1, 1]).set_title("(d) a reward learned once, from $N$ pairs", loc="left")
    return figure


def _only(summary: pd.DataFrame, measure: str) -> pd.DataFrame:
    chosen = summary[summary["measure"] == measure]
    if chosen.empty:
        raise InputError(f"summary must hold rows of the measure {measure!r}, got none; summarise it too")
    return chosen


def _curve(points: pd.DataFrame, x: str, ax: Axes, look: dict[str, Any]) -> None:
    ax.fill_between(points[x], points["low"], points["high"], color=look["color"], alpha=_BAND, linewidth=0)
    ax.plot(points[x], points["mean"], **look)


def _look(settings: pd.Series, setting: Any, style: Any) -> dict[str, Any]:
    """Colour and marker show the setting; dashes and filling show which of the two measures it is."""
    look = levels_of([f"{each:g}" for each in settings])[f"{setting:g}"]
    face = look.color if style == _SOLID else "white"
    return look.markers | {"markersize": 3.6, "markerfacecolor": face, "markeredgewidth": 0.7, "linestyle": style}


def _name(ax: Axes, text: str, x: float, y: float, align: str = "center") -> None:
    """Write the name of a line over a point, or beside it."""
    offset = {"center": (0, 3), "left": (3, 0), "right": (-4, 0)}[align]
    where: dict[str, Any] = {"xytext": offset, "textcoords": "offset points", "ha": align}
    where["va"] = "bottom" if align == "center" else "center"
    ax.annotate(text, (x, y), **where, fontsize=SMALL, color="0.2")


def _key(ax: Axes, settings: pd.Series | None, symbol: str, measures: tuple[str, str], grey: str | None = None) -> None:
    """Key: settings, unless they are written at the lines; measures and grey lines."""
    for setting in [] if settings is None else settings.unique():
        ax.plot([], [], **_look(settings, setting, _SOLID), label=f"${symbol}$ = {setting:g}")
    for name, style in zip(measures, (_SOLID, _DASHED), strict=True):
        ax.plot([], [], color="black", linestyle=style, label=name)
    if grey is None:
        ax.legend(loc="lower left")
    else:
        ax.plot([], [], color=GREY, linewidth=1.6, label=grey)
        ax.legend(loc="upper left")


def _compute(context: FigureContext) -> Frames:
    found = all_reward_errors(INSTANCE, REPLICATES[context.preset], context.execution)
    errors = [f"error_{policy}" for policy in ("current", "start", "optimal")]
    gains = ["proxy_gain", "true_gain", "overoptimisation"]
    along = ["pairs_from", "n_queries", "iteration", "votes"]
    return {
        "coverage": mean_over_replicates(
            found["coverage"], ["policy", "log_odds", "concentrability"], ["error", "ignorance"]
        ),
        "joint": mean_over_replicates(found["joint"], along, [*errors, *gains]),
        "fixed": mean_over_replicates(found["fixed"], ["n_pairs", "pressure"], [*gains, "possible_gain"]),
    }


def _caption(frames: Frames) -> str:
    joint, fixed = frames["joint"], frames["fixed"]
    gains = {measure: _only(fixed, measure)["mean"].max() for measure in ("proxy_gain", "true_gain", "possible_gain")}
    left = _only(joint[joint["pairs_from"] == "current"], "error_current")["mean"].min()
    return (
        f"What a learned reward gets wrong on {INSTANCE}, as means over data sets with 95% limits. (a) Errors away "
        "from the behaviour that the pairs come from. (b) Errors in joint training, against votes: on the current "
        f"policy down to {left:.2g}. (c) Gain that is promised against true gain along that training; on the grey "
        f"line they are equal. (d) A reward learned once: harder optimisation promises up to "
        f"{gains['proxy_gain']:.3g}, gives at most {gains['true_gain']:.2g}, and {gains['possible_gain']:.2g} is "
        "possible (grey)."
    )


FIGURE = PaperFigure(
    name="reward-error",
    title="What a learned reward gets wrong: coverage, votes, over-optimisation",
    compute=_compute,
    draw=lambda frames: draw_reward_error(frames["coverage"], frames["joint"], frames["fixed"]),
    caption=_caption,
)
