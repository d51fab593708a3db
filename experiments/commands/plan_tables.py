"""Tables of plans on the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from experiments.planning.plan import Plan
    from experiments.planning.settings import Prices


def plan_lines(found: Plan, prices: Prices) -> Iterator[str]:
    """The plan in words."""
    best = found.best
    yield f"Model: {found.model}."
    yield (
        f"Plan: {best.candidate.method}; votes: {best.candidate.panel.name} ({best.votes:.3g} a pair); "
        f"N = {best.n_pairs:,} pairs; T = {best.n_iterations:,} iterations; mu = {best.candidate.radius:.4g}; "
        f"alpha = {best.step_size:.4g}."
    )
    yield (
        f"Cost {best.cost:,.0f} ({prices.trajectory:g} a trajectory, {prices.vote:g} a vote). "
        f"(1/T) sum of E|grad V|^2: {best.error:.4g}"
        + ("." if math.isnan(found.start_error) else f", and {found.start_error:.4g} at the start.")
    )


def parts_table(found: Plan) -> Table:
    """Parts of the predicted error."""
    parts = found.best.parts.as_dict()
    rows = [(name, f"{value:.3g}", f"{value / found.error:.0%}") for name, value in parts.items()]
    return _table("Parts of the error", ["part", "size", "share"], rows)


def others_table(found: Plan) -> Table:
    """Other ways of asking at the same cost."""
    columns = ["way", "method", "votes", "mu", "alpha", "N", "T", "cost", "error", "over plan"]
    return _table(
        "At the same cost",
        columns,
        [[row["way"], *_row(row), f"{row['over_plan']:.2f}"] for row in _rows(found.others)],
    )


def front_table(found: Plan) -> Table:
    """Pareto front."""
    columns = ["method", "votes", "mu", "alpha", "N", "T", "cost", "error", ""]
    rows = [[*_row(row), "plan" if row["plan"] else ""] for row in _rows(found.front)]
    return _table("Cost against error", columns, rows)


def margins_table(found: Plan) -> Table:
    """What a little more buys."""
    rows = [
        [
            row["change"],
            f"{row['extra_cost']:,.0f}",
            f"{row['error']:.4g}",
            f"{row['gain']:.2g}",
            f"{row['gain_per_cost']:.2g}",
        ]
        for row in _rows(found.margins)
    ]
    return _table("What a little more buys", ["change", "extra cost", "error", "gain", "gain a unit of cost"], rows)


def summary_table(counts: pd.DataFrame, title: str) -> Table:
    """Validation by family and budget."""
    from experiments.planning.random_instances import FACTOR

    rows = [
        [row["family"], _plain(row["budget"]), row["plans"], f"{row['within']:.0%}", f"{row['ratio']:.2f}",
         f"{row['worst']:.2f}", f"{row['better']:.0%}", f"{row['gain']:.3f}"]
        for row in _rows(counts)
    ]  # fmt: skip
    columns = [
        "family",
        "budget",
        "plans",
        f"within {FACTOR}",
        "predicted / measured",
        "worst",
        "at most paper's",
        "over paper's",
    ]
    return _table(title, columns, rows)


def exceptions_table(worse: pd.DataFrame) -> Table:
    """Plans that did worse than the schedule of the paper."""
    columns = ["instance", "budget", "start", "plan", "paper", "reason"]
    rows = [
        [
            row["instance"],
            f"{row['budget']:g}",
            *(f"{row[name]:.4g}" for name in ("start", "measured", "paper")),
            row["reason"],
        ]
        for row in _rows(worse)
    ]
    return _table("Plans above the paper's schedule", columns, rows)


def _row(row: dict[str, Any]) -> list[str]:
    return [
        row["method"], row["panel"], f"{row['radius']:.3g}", f"{row['step_size']:.3g}", f"{row['n_pairs']:,}",
        f"{row['n_iterations']:,}", f"{row['cost']:,.0f}", f"{row['error']:.4g}",
    ]  # fmt: skip


def _plain(budget: Any) -> str:
    return budget if isinstance(budget, str) else f"{budget:,.0f}"


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = frame.to_dict(orient="records")
    return records


def _table(title: str, columns: list[str], rows: list[Any]) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 or column in ("method", "votes", "reason") else "right")
    for row in rows:
        table.add_row(*map(str, row))
    return table
