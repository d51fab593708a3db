"""Learning curves of all methods on one preference oracle, against iterations, trajectories and votes."""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_lowercase
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from experiments.catalogue.methods import LEARNERS, METHODS
from experiments.comparison.budget import COMPARED_SEEDS, PRESETS, splits
from experiments.comparison.compare_learning import compare_learning
from experiments.statistics.intervals import MeanInterval, mean_interval
from paper_figures.comparisons import STRETCHED, check_below, in_order, line_and_markers, small_markers, stretch_values
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, SMALL, new_figure, print_style, series_of
from theory.errors import InputError

INSTANCE = "stochastic-gridworld"
Spent = Literal["iteration", "trajectories", "votes"]
SPENT: dict[Spent, str] = {"iteration": "iterations", "trajectories": "trajectories", "votes": "votes"}

# Two rows, since all curves in one could not be told apart. ZPG is in both.
PERTURBING = "methods that perturb the policy, beside those that need no votes"
LEARNING = "methods that learn a reward or compare likelihoods, beside ZPG"

# Numbers on an axis of square roots are these times 1, 4 and 9.
_ROUND = [round(unit * 10**power) for power in range(9) for unit in (1, 2, 4, 5)]

_MARKERS = 5  # with intervals, a curve; every method has its own iterations, or they would hide each other
# A curve that goes on to more than this times the median of all ends is cut off, and the panel says so.
_FURTHER = 2.0
_ROW_HEIGHT = 2.75  # inches
_LONG_LABEL = 24  # letters, four of which do not fit beside each other


def draw_curves(curves: pd.DataFrame, optimum: float, spent: Spent, ax: Axes) -> Axes:
    """Mean exact value over seeds, one curve per method with some 95% intervals, against one kind of cost.

    Parameters
    ----------
    curves : DataFrame
        Of `compare_learning`, of one instance with one budget.
    optimum : float
        Drawn as a grey line.
    spent : {"iteration", "trajectories", "votes"}
        The kind of cost, on an axis of square roots. Methods without this cost have no curve.
    ax : Axes

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    InputError
        If there are no curves, if they come from several experiments, if a curve has fewer seeds at some iterations, if
        a value is above the optimum, or if the start is not below it.
    """
    _check(curves, optimum)
    ax.axhline(optimum, color=GREY, linewidth=1.6, zorder=1)
    series = series_of(curves["method"])
    groups = list(curves.groupby("method", sort=False))
    for number, (name, rows) in enumerate(groups):
        x = rows.groupby("iteration")[spent].first().to_numpy(float)
        if x.max() == 0:
            continue
        found, look = _interval(rows), series[str(name)]
        every = max(1, len(x) // _MARKERS)
        first = (number + 1) * every // (len(groups) + 1)
        ax.plot(x, found.mean, **look.line, zorder=2)
        some = slice(first, None, every)
        beyond = (found.mean - found.low)[some], (found.high - found.mean)[some]
        ax.errorbar(x[some], found.mean[some], beyond, **small_markers(look), elinewidth=0.6, zorder=3)
    _stretch(curves, optimum, ax)
    _square_root_of_costs(_until(curves, spent, ax), ax)
    ax.set_xlabel(f"{SPENT[spent]} (axis of square roots)")
    return ax


def _until(curves: pd.DataFrame, spent: Spent, ax: Axes) -> float:
    """End of the axis: where some methods spend far more than most do, the others set it, and the panel says so."""
    most = curves.groupby("method")[spent].max()
    most = most[most > 0]
    further = most > _FURTHER * most.median()
    if not further.any():
        return float(most.max()) if len(most) else 0.0
    names = [METHODS[name].title if name in METHODS else str(name) for name in most.index[further]]
    who = f"{names[0]} goes" if len(names) == 1 else f"{len(names)} methods go"
    ax.set_title(f"{who} on to {most.max():,.0f}", loc="right", fontsize=SMALL, color="0.35", pad=3)
    return float(most[~further].max())


def draw_learning(curves: pd.DataFrame, finals: pd.DataFrame) -> Figure:
    """Two rows of methods against iterations, trajectories and votes, with one scale of values.

    Parameters
    ----------
    curves, finals : DataFrame
        Of `compare_learning`. A user's methods are in the first row.

    Raises
    ------
    InputError
        If there are no curves, or not exactly one optimum; see also `draw_curves`.
    """
    if curves.empty:
        raise InputError("curves must hold at least one method, got none; take those of compare_learning")
    learn = curves["method"].map(lambda name: name in METHODS and METHODS[name].group == LEARNERS)
    rows = [(title, in_order(chosen)) for title, chosen in _rows(curves, learn) if len(chosen)]
    if finals["optimum"].nunique() != 1:
        raise InputError(f"finals must hold one optimum, got {finals['optimum'].nunique()}; take those of the curves")
    optimum = float(finals["optimum"].iloc[0])
    titles = dict(zip(finals["method"], finals["title"], strict=True))
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, _ROW_HEIGHT * len(rows))
        parts = figure.subfigures(len(rows), squeeze=False)[:, 0]
        drawn: list[Axes] = []
        for letter, part, (title, chosen) in zip(ascii_lowercase, parts, rows, strict=False):
            axes: Any = part.subplots(1, len(SPENT), sharey=True)
            drawn += [draw_curves(chosen, optimum, spent, ax) for ax, spent in zip(axes, SPENT, strict=True)]
            axes[0].set_ylabel(STRETCHED)
            part.suptitle(f"({letter}) {title}", x=0.01, ha="left", fontsize=8)
            handles = _key(axes[0], chosen, titles)
            longest = max(len(str(handle.get_label())) for handle in handles)
            part.legend(handles=handles, loc="outside lower center", ncols=4 if longest <= _LONG_LABEL else 3)
        for ax in drawn:
            _stretch(pd.concat([chosen for _, chosen in rows]), optimum, ax)
    return figure


def _square_root_of_costs(most: float, ax: Axes) -> None:
    """Methods have splits of their own, so some have many more iterations than others, and one more trajectories."""
    ax.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
    unit = max((u for u in _ROUND if 9 * u <= most), default=most / 9)
    ax.xaxis.set_major_locator(FixedLocator([0, unit, 4 * unit, 9 * unit]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}" if unit >= 1 else "{x:.2g}"))
    ax.set_xlim(0, 1.03 * (most or 1))


def _rows(curves: pd.DataFrame, learn: pd.Series) -> list[tuple[str, pd.DataFrame]]:
    beside = curves["method"] == "zpg"
    return [(PERTURBING, curves[~learn]), *([(LEARNING, curves[learn | beside])] if learn.any() else [])]


def _key(ax: Axes, curves: pd.DataFrame, titles: Mapping[str, str]) -> list[Any]:
    looks: dict[str, dict[str, Any]] = {
        titles[name]: line_and_markers(look) for name, look in series_of(curves["method"]).items()
    }
    looks |= {"optimum": {"color": GREY, "linewidth": 1.6}}
    return [ax.plot([], [], **look, label=title)[0] for title, look in looks.items()]


def _interval(rows: pd.DataFrame) -> MeanInterval:
    """Interval of the mean over seeds for one method, by iteration."""
    size = rows["seed"].nunique() * rows["iteration"].nunique()
    if len(rows) != size or rows.duplicated(["seed", "iteration"]).any():
        raise InputError(
            f"curves must have one value a seed and iteration, got {len(rows)} instead of {size} of "
            f"{rows['method'].iloc[0]}; take those of compare_learning"
        )
    return mean_interval(rows.pivot(index="seed", columns="iteration", values="value").to_numpy())


def _stretch(curves: pd.DataFrame, optimum: float, ax: Axes) -> None:
    """Make room for the bands of all these methods, also those not drawn here, since the panels share the axis."""
    methods = [rows.drop_duplicates(["seed", "iteration"]) for _, rows in curves.groupby("method")]
    start = _start(curves)
    stretch_values(min(start, *(_interval(rows).low.min() for rows in methods)), start, optimum, ax, "y")


def _start(curves: pd.DataFrame) -> float:
    """Value at the start, which all runs share."""
    return float(curves["value"].iloc[curves["iteration"].argmin()])


def _check(curves: pd.DataFrame, optimum: float) -> None:
    # Methods may differ in the split of the budget, but each must have one.
    splits_seen = len(curves[["method", "n_iterations", "n_pairs", "n_queries"]].drop_duplicates())
    different = len(curves[["instance", "assumed", "raters"]].drop_duplicates())
    if (different, splits_seen) != (1, curves["method"].nunique()):
        raise InputError(
            f"curves must be of one instance and one split a method, got {different} instances and {splits_seen} "
            f"splits of {curves['method'].nunique()} methods; select the rows first"
        )
    check_below(curves["value"].max(skipna=False), optimum)
    check_below(_start(curves), optimum, strictly=True)


def _compute(context: FigureContext) -> Frames:
    found = compare_learning(
        INSTANCE,
        budget=splits(PRESETS[context.preset][0].votes),
        n_seeds=COMPARED_SEEDS[context.preset],
        execution=context.execution,
    )
    return {"curves": found.curves, "finals": found.finals}


def _caption(frames: Frames) -> str:
    curves, finals = frames["curves"], frames["finals"]
    best = finals.loc[finals["final"].idxmax()]
    return (
        f"Exact value along the ascents of {curves['method'].nunique()} methods on one preference oracle "
        f"({curves['instance'].iloc[0]}), each tuned on other seeds: means over {curves['seed'].nunique()} seeds, with "
        f"95% t intervals at some points. The grey line is the optimum, {finals['optimum'].iloc[0]:.4g}; nearest ends "
        f"{best['title']} with {best['final']:.4g}. The axis of values is stretched below the optimum, those of costs "
        "show square roots, and a curve that goes on much further than the others is cut off, as its panel says."
    )


FIGURE = PaperFigure(
    name="learning-curves",
    title="Exact value against iterations, trajectories and votes, of all methods on one preference oracle",
    compute=_compute,
    draw=lambda frames: draw_learning(frames["curves"], frames["finals"]),
    caption=_caption,
)
