"""Figures of the budget planner: what it predicts against what runs come to, error against cost, and a map of plans."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from experiments.catalogue.method import Look
from experiments.planning.random_instances import FACTOR
from experiments.studies.plan_map import plan_map
from experiments.studies.plan_validation import ONE_VOTE, PAPER, PLAN, validate_both_sets, validate_plans
from paper_figures.registry import FigureContext, Frames, PaperFigure
from paper_figures.style import DOUBLE_COLUMN, GREY, SINGLE_COLUMN, Series, new_figure, print_style
from theory.errors import InputError

FAMILIES: Mapping[str, tuple[str, Look]] = MappingProxyType(
    {
        "garnet-circular": ("garnets, circular", Look("#0072B2", "o", 3.4, False, ())),
        "garnet-softmax": ("garnets, softmax", Look("#D55E00", "s", 3.4, False, ())),
        "gridworld-circular": ("gridworlds, circular", Look("#009E73", "^", 3.8, True, ())),
        "gridworld-softmax": ("gridworlds, softmax", Look("#CC79A7", "v", 3.8, True, ())),
    }
)
WAYS: Mapping[str, tuple[str, Look]] = MappingProxyType(
    {
        PLAN: ("plan", Look("#0072B2", "o", 4.0, True, ())),
        ONE_VOTE: ("best plan with one vote a pair", Look("#E69F00", "s", 4.0, False, (4, 1.5))),
        PAPER: ("the paper's schedule", Look("#000000", "D", 3.4, False, (1, 1.2))),
    }
)
# Costs of a run on the instance of the figure of error against cost.
CURVE_INSTANCE, CURVE_BUDGETS = "circular", tuple(10.0 ** np.arange(4, 7.6, 0.5))
# Votes on a pair up to which the colours of the map go.
MOST_VOTES = 100.0


def draw_scatter(rows: pd.DataFrame, ax: Axes) -> Axes:
    """Predicted against measured error of the plans, with the band of a factor of 1.3.

    Parameters
    ----------
    rows : DataFrame
        Of `validate_plans`.
    ax : Axes

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    InputError
        If there are no plans among the rows.
    """
    plans = _plans(rows)
    ends = np.array([0.6, 1.6]) * [plans[["error", "measured"]].min().min(), plans[["error", "measured"]].max().max()]
    ax.fill_between(ends, ends / FACTOR, ends * FACTOR, color="0.9", linewidth=0, zorder=0)
    ax.plot(ends, ends, color=GREY, linewidth=1.0, zorder=1)
    for family, group in plans.groupby("family", sort=False):
        label, look = _family(str(family))
        beyond = (group["measured"] - group["low"], group["high"] - group["measured"])
        ax.errorbar(group["measured"], group["error"], xerr=beyond, **Series(look).markers, elinewidth=0.5, label=label)
    ax.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    ax.set_xlabel(r"measured mean of $|\nabla V|^2$")
    ax.set_ylabel("predicted")
    return ax


def draw_gains(rows: pd.DataFrame, ax: Axes) -> Axes:
    """Measured error of the plans over that of the paper's schedule at the same budget, by budget.

    Parameters
    ----------
    rows : DataFrame
        Of `validate_plans`.
    ax : Axes

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    InputError
        If there are no plans among the rows.
    """
    plans = _plans(rows).set_index(["instance", "budget"])
    paper = rows[rows["kind"] == PAPER].set_index(["instance", "budget"])["measured"].reindex(plans.index)
    table = plans.assign(over=plans["measured"] / paper).reset_index()
    families = list(dict.fromkeys(table["family"]))
    for number, family in enumerate(families):
        group = table[table["family"] == family]
        shift = 1.25 ** (number - (len(families) - 1) / 2)
        ax.plot(shift * group["budget"], group["over"], **Series(_family(family)[1]).markers)
    ax.axhline(1, color=GREY, linewidth=1.0, zorder=1)
    ax.set(xscale="log", yscale="log")
    budgets = sorted(table["budget"].unique())
    ax.set_xticks(budgets, [f"{budget:,.0f}" for budget in budgets])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("budget (a trajectory and a vote cost 1 each)")
    ax.set_ylabel("measured, over the paper's schedule")
    return ax


def draw_curves(rows: pd.DataFrame, ax: Axes) -> Axes:
    """Error against budget: predicted as lines, measured as points, for each way of spending.

    Parameters
    ----------
    rows : DataFrame
        Of `validate_plans`, on one instance.
    ax : Axes

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    InputError
        If the rows are of several instances, or there are none.
    """
    if rows["instance"].nunique() != 1:
        raise InputError(f"rows must be of one instance, got {rows['instance'].nunique()}; select the rows first")
    for kind, (label, look) in WAYS.items():
        group = rows[rows["kind"] == kind].sort_values("budget")
        if group.empty:
            continue
        series = Series(look)
        ax.plot(group["budget"], group["error"], **series.line)
        beyond = (group["measured"] - group["low"], group["high"] - group["measured"])
        ax.errorbar(group["budget"], group["measured"], beyond, **series.markers, elinewidth=0.6)
        ax.plot([], [], **(series.markers | series.line), label=label)
    ax.axhline(rows["start"].iloc[0], color=GREY, linewidth=1.0, zorder=1)
    ax.annotate(
        "start", (1, rows["start"].iloc[0]), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=7
    )
    ax.set(xscale="log", yscale="log")
    ax.set_xlabel("budget (a trajectory and a vote cost 1 each)")
    ax.set_ylabel(r"mean of $|\nabla V|^2$")
    return ax


def draw_map(table: pd.DataFrame, ax: Axes) -> Axes:
    """Votes on a pair of the best plan as colours, with the block size in every cell.

    Parameters
    ----------
    table : DataFrame
        Of `plan_map`.
    ax : Axes

    Returns
    -------
    Axes
        The same; the mesh is its first collection.

    Raises
    ------
    InputError
        If a scale and a cost occur twice or are missing.
    """
    import seaborn  # late: costs most of a second

    n_cells = table["cost_vote"].nunique() * table["scale"].nunique()
    if len(table) != n_cells or table.duplicated(["scale", "cost_vote"]).any():
        raise InputError(f"table must hold every scale and cost once, got {len(table)} rows; take that of plan_map")
    asked = ["u" if row.early else f"{row.votes_per_pair:.0f}" for row in table.itertuples()]
    sizes = ["S" if pd.isna(size) else f"{int(size)}" for size in table["block_size"]]
    cells = table.assign(text=[f"{one}\n{size}" for one, size in zip(asked, sizes, strict=True)])
    votes, texts = (cells.pivot(index="scale", columns="cost_vote", values=of) for of in ("votes_per_pair", "text"))
    named = votes.astype(float).rename(index="{:.3g}".format, columns="{:.3g}".format)
    # Every second value is named; numbers are dark on light cells and light on dark ones.
    seaborn.heatmap(
        named, annot=texts, fmt="", norm=LogNorm(1, MOST_VOTES), cmap="cividis", cbar=False, ax=ax,
        xticklabels=2, yticklabels=2, annot_kws={"fontsize": 6, "linespacing": 0.95},
    )  # fmt: skip
    ax.invert_yaxis()
    ax.tick_params(labelrotation=0)
    ax.set_xlabel("cost of a vote, in trajectories")
    ax.set_ylabel("scale of the raters' link over $H$\n(certain raters below)")
    return ax


def draw_validation(rows: pd.DataFrame) -> Figure:
    """Predicted against measured, and measured against the paper's schedule, two columns wide.

    Parameters
    ----------
    rows : DataFrame
        Of `validate_plans`.
    """
    with print_style():
        figure = new_figure(DOUBLE_COLUMN, 3.1)
        left, right = figure.subplots(1, 2)
        draw_scatter(rows, left).set_title("(a) prediction", loc="left")
        draw_gains(rows, right).set_title("(b) against the paper's schedule", loc="left")
        figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def draw_plan_curves(rows: pd.DataFrame) -> Figure:
    """Error against budget, one column wide.

    Parameters
    ----------
    rows : DataFrame
        Of `validate_plans`, on one instance.
    """
    with print_style():
        figure = new_figure(SINGLE_COLUMN, 2.9)
        ax = draw_curves(rows, figure.subplots())
        figure.legend(*ax.get_legend_handles_labels(), loc="outside upper left", ncols=1)
    return figure


def draw_plan_map(table: pd.DataFrame) -> Figure:
    """The map of best plans, one column wide.

    Parameters
    ----------
    table : DataFrame
        Of `plan_map`.
    """
    with print_style():
        figure = new_figure(SINGLE_COLUMN, 3.1)
        ax = draw_map(table, figure.subplots())
        bar = figure.colorbar(ax.collections[0], ax=ax, location="top", aspect=40)
        bar.set_label("votes a pair; in the cells: votes (u: until the\nfirst disagreement), and $K$ below (S: sphere)")
    return figure


def _plans(rows: pd.DataFrame) -> pd.DataFrame:
    plans = rows[rows["kind"] == PLAN]
    if plans.empty:
        raise InputError("rows must hold at least one plan, got none; take the frame of validate_plans")
    return plans


def _family(name: str) -> tuple[str, Look]:
    return FAMILIES.get(name, (name, Look("#000000", "x", 4.0, True, ())))


def _validation_caption(frames: Frames) -> str:
    rows = frames["rows"]
    plans = rows[rows["kind"] == PLAN]
    ratio = plans["measured"] / plans["error"]
    return (
        f"{len(plans)} plans that were run on {plans['instance'].nunique()} instances: measured error with 95% limits "
        f"against predicted, measured over predicted from {ratio.min():.2f} to {ratio.max():.2f}, and against the "
        "error of the paper's schedule at the same cost. Points of one budget are moved a little along the axis."
    )


def _curves_caption(frames: Frames) -> str:
    rows = frames["rows"]
    plans = rows[rows["kind"] == PLAN].sort_values("budget")
    first, last = plans.iloc[0], plans.iloc[-1]
    return (
        f"Error against budget on {first['instance']}: lines are predicted, markers are measured with 95% limits. The "
        f"plan goes from {first['measured']:.2g} at a budget of {first['budget']:.0e} to {last['measured']:.2g} at "
        f"{last['budget']:.0e}. The grey line is the start."
    )


def _map_caption(frames: Frames) -> str:
    table = frames["table"]
    return (
        "Best votes a pair and best block size, by the cost of a vote in trajectories "
        f"({table['cost_vote'].min():g} to {table['cost_vote'].max():g}) and the scale of the raters' link "
        f"({table['scale'].min():g} to {table['scale'].max():g}, certain raters first)."
    )


VALIDATION = PaperFigure(
    name="plan-validation",
    title="Plans that were run: predicted against measured error, and against the paper's schedule",
    compute=lambda context: {"rows": validate_both_sets(context.execution)},
    draw=lambda frames: draw_validation(frames["rows"]),
    caption=_validation_caption,
)


def _curves(context: FigureContext) -> Frames:
    return {"rows": validate_plans([CURVE_INSTANCE], CURVE_BUDGETS, execution=context.execution)}


CURVES = PaperFigure(
    name="plan-budget",
    title="Error against budget: the plan, one vote a pair, and the paper's schedule",
    compute=_curves,
    draw=lambda frames: draw_plan_curves(frames["rows"]),
    caption=_curves_caption,
)
MAP = PaperFigure(
    name="plan-map",
    title="Best votes a pair and block size, by the cost of a vote and the certainty of raters",
    compute=lambda context: {"table": plan_map(execution=context.execution)},
    draw=lambda frames: draw_plan_map(frames["table"]),
    caption=_map_caption,
)
