"""Final values of methods with few pairs per iteration and few votes per pair."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from experiments.catalogue.informative_link import informative_link
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.comparison.budget import PRESETS, Budget
from experiments.comparison.learning import learn
from experiments.comparison.learning_cells import Entry
from experiments.running.execution import Execution
from experiments.statistics.intervals import mean_interval
from theory import optimal_value

PANEL_METHODS = ("zpg", "zbcpg-d", "zspo", "ppo-online", "dpo-early", "dpo-online")
PAIRS = (8, 32, 64)
QUERIES = (1, 5, 25)

# Half the width of an interval of a gap, over the gap: up to here the interval is one of its logarithm.
_WIDEST = 3.0


def compare_panels(
    instance: str | Instance = "garnet",
    methods: Sequence[str] = PANEL_METHODS,
    *,
    pairs: Sequence[int] = PAIRS,
    queries: Sequence[int] = QUERIES,
    n_iterations: int = Budget.n_iterations,
    n_seeds: int = PRESETS["quick"][1],
    execution: Execution | None = None,
) -> pd.DataFrame:
    """Final values over a grid of pairs per iteration and votes per pair. Methods are tuned at every grid point.

    Parameters
    ----------
    instance : str or Instance
    methods : sequence of str
    pairs, queries : sequences of int
        N and M.
    n_iterations, n_seeds : int
    execution : Execution, optional

    Returns
    -------
    DataFrame
        One row per method, N and M: ``final`` with 95% limits ``low`` and ``high``, ``gap`` to the optimum with
        limits that are never negative,
        ``votes`` of a run, ``step_size``, ``knob`` and ``at_edge``.
    """
    chosen = find("instance", instance)
    link = informative_link(chosen)
    budgets = [Budget(n_iterations, n, m) for n in pairs for m in queries]
    entries = [Entry(method, instance, budget, link) for method in methods for budget in budgets]
    learning = learn(entries, n_seeds, execution)
    ends = learning.curves[learning.curves["iteration"] == n_iterations]
    optimum = optimal_value(chosen.mdp)
    keys = ["method", "n_pairs", "n_queries"]
    rows = []
    for (method, n, m), values in ends.groupby(keys, sort=False):
        final = mean_interval(values["value"].to_numpy())
        limits = {"final": float(final.mean), "low": float(final.low), "high": float(final.high)}
        gaps = gap_with_limits(optimum, limits["final"], limits["high"] - limits["final"])
        cell = {"method": method, "title": find("method", str(method)).title, "n_pairs": n, "n_queries": m}
        rows.append(cell | limits | gaps | {"votes": float(values["votes"].iloc[0])})
    settings = learning.tuning.loc[learning.tuning["chosen"], [*keys, "step_size", "knob", "at_edge"]]
    return pd.DataFrame(rows).merge(settings, on=keys, validate="one_to_one")


def gap_with_limits(optimum: float, final: float, half_width: float) -> dict[str, float]:
    """A gap and its limits, made on the scale of logarithms, since a gap cannot be negative.

    Parameters
    ----------
    optimum, final : float
        The gap is their difference. Where its interval is three times as wide as the gap,
        0 is the lower limit and the upper one is that of `final`.
    half_width : float
        Half the width of the interval of `final`. By the delta method it is that of log gap, times the gap.
    """
    gap = optimum - final
    if gap <= half_width / _WIDEST:
        return {"gap": gap, "gap_low": min(gap, 0.0), "gap_high": gap + half_width}
    factor = math.exp(half_width / gap)
    low, high = gap / factor, gap * factor
    return {"gap": gap, "gap_low": low, "gap_high": high}
