"""Plans validated by running them: predicted against measured error, and against the schedule of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from estimators.ascent import ascend
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.planning.models import ExactSource, best_plan, grid, paper_plan
from experiments.planning.random_instances import (
    BUDGETS,
    FACTOR,
    MOST_ITERATIONS,
    REPLICATES,
    SECOND_SET,
    random_instances,
)
from experiments.planning.search import Allocation
from experiments.planning.settings import Limits, Prices, chosen_terms
from experiments.running.execution import Execution, chosen_execution
from experiments.running.run_tasks import run_tasks
from experiments.statistics.intervals import mean_interval
from theory.errors import require_integer, require_list, require_positive

# What is run on every instance: the plan, the schedule of the paper, and the best plan with one vote a pair.
PLAN, PAPER, ONE_VOTE = "plan", "paper", "one vote"
# A reason for a plan to do worse than the schedule of the paper.
NOISE = "no difference beyond the noise of the runs"


@dataclass(frozen=True)
class PlanCheck:
    """A task: plans of several budgets on one instance, each run.

    Attributes
    ----------
    instance : str or Instance
    budgets : tuple of float
    prices : Prices
    limits : Limits
    replicates : int
    seed : int
    """

    instance: str | Instance
    budgets: tuple[float, ...] = BUDGETS
    prices: Prices = field(default_factory=Prices)
    limits: Limits = field(default_factory=lambda: Limits(iterations=MOST_ITERATIONS))
    replicates: int = REPLICATES
    seed: int = 0


def validate_plans(
    instances: Sequence[str | Instance] | None = None,
    budgets: Sequence[float] = BUDGETS,
    *,
    prices: Prices | None = None,
    limits: Limits | None = None,
    replicates: int = REPLICATES,
    execution: Execution | None = None,
) -> pd.DataFrame:
    """Predicted and measured errors of plans, of the schedule of the paper, and of the best plans with M = 1.

    Parameters
    ----------
    instances : sequence of str or Instance, optional
        By default the random instances, which were fixed before anything was run.
    budgets : sequence of float
    prices : Prices, optional
    limits : Limits, optional
        By default those of the validation: at most 2,000 iterations.
    replicates : int
    execution : Execution, optional

    Returns
    -------
    DataFrame
        One row per instance, budget and ``kind`` (plan, paper, one vote): settings, ``start`` (|grad V|^2 there),
        ``error`` (predicted), ``measured`` with 95% limits ``low`` and ``high``, ``ratio`` (predicted over measured)
        with limits, ``spent`` (expected cost), and ``within``, whether the ratio is within a factor of 1.3.

    Raises
    ------
    InputError
        If an argument has another type, a list is empty, a budget is not positive, or there is one replicate.
    """
    how, chosen = chosen_execution(execution), random_instances() if instances is None else instances
    terms = chosen_terms(prices, limits, Limits(iterations=MOST_ITERATIONS))
    require_list("instances", chosen, (str, Instance), "'circular'")
    require_list("budgets", budgets, (int, float), "3e4")
    for budget in budgets:
        require_positive("budgets", budget)
    require_integer("replicates", replicates, 2)
    settings = *terms, replicates, how.seed
    tasks = [PlanCheck(each, tuple(budgets), *settings) for each in chosen]
    rows = [row for found in run_tasks(_check, tasks, _work, how) for row in found]
    return pd.DataFrame(rows)


def validate_both_sets(execution: Execution | None = None) -> pd.DataFrame:
    """`validate_plans` on both sets of random instances, with a column ``set``: first or second."""
    shifts = {"first": 0, "second": SECOND_SET}
    # All at once, so that progress is told over both.
    rows = validate_plans([each for shift in shifts.values() for each in random_instances(shift)], execution=execution)
    names = {each.name for each in random_instances()}
    return rows.assign(set=np.where(rows["instance"].isin(names), *shifts))


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Counts by family and budget: columns ``family, budget, plans, within, ratio, worst, better, gain``.

    ``within`` and ``better`` are shares of the plans: prediction within a factor of 1.3, and measured error at most
    that of the paper's schedule. ``ratio`` is the geometric mean of predicted over measured, ``worst`` the largest
    factor between both, and ``gain`` the geometric mean of the error over that of the paper's schedule.
    """
    plans = rows[rows["kind"] == PLAN].set_index(["instance", "budget"])
    paper = rows[rows["kind"] == PAPER].set_index(["instance", "budget"])["measured"].reindex(plans.index)
    table = plans.assign(paper=paper, off=np.abs(np.log(plans["ratio"]))).reset_index()
    groups = [*table.groupby(["family", "budget"], sort=False), *(((f, "all"), g) for f, g in table.groupby("family"))]
    found = [_counts(str(family), budget, group) for (family, budget), group in [*groups, (("all", "all"), table)]]
    return pd.DataFrame(found)


def exceptions(rows: pd.DataFrame) -> pd.DataFrame:
    """Plans whose measured error is above that of the paper's schedule, with the reason."""
    plans = rows[rows["kind"] == PLAN].set_index(["instance", "budget"])
    paper = rows[rows["kind"] == PAPER].set_index(["instance", "budget"]).reindex(plans.index)
    worse = plans["measured"] > paper["measured"]
    found = plans.assign(paper=paper["measured"], paper_low=paper["low"], paper_high=paper["high"])[worse].reset_index()
    reasons = [_reason(row) for _, row in found.iterrows()]
    columns = ["instance", "budget", "start", "measured", "low", "paper", "paper_low", "ratio", "n_iterations"]
    return found[columns].assign(reason=reasons)


def _reason(row: pd.Series[Any]) -> str:
    if row["low"] <= row["paper_high"] and row["paper_low"] <= row["high"]:
        return NOISE
    if abs(row["measured"] / row["start"] - 1) < 0.01:
        return "the plan stays at the start: the model believes in no gain at this cost"
    return "the prediction is too low" if row["ratio"] < 1 else "the model is too cautious"


def _counts(family: str, budget: object, group: pd.DataFrame) -> dict[str, object]:
    better = group["measured"] <= group["paper"]
    return {
        "family": family,
        "budget": budget,
        "plans": len(group),
        "within": float(group["within"].mean()),
        "ratio": float(np.exp(np.log(group["ratio"]).mean())),
        "worst": float(np.exp(group["off"].max())),
        "better": float(better.mean()),
        "gain": float(np.exp(np.log(group["measured"] / group["paper"]).mean())),
    }


def _check(task: PlanCheck) -> list[dict[str, object]]:
    instance = find("instance", task.instance)
    source = ExactSource(instance, task.limits)
    rows = []
    candidates = grid(source, task.limits)
    for number, budget in enumerate(task.budgets):
        single = [each for each in candidates if each.panel.name == "M = 1"]
        plans = {
            PLAN: best_plan(source, candidates, budget, task.prices, task.limits),
            PAPER: paper_plan(source, instance.link, budget, task.prices, task.limits),
            ONE_VOTE: best_plan(source, single, budget, task.prices, task.limits),
        }
        streams = np.random.default_rng([task.seed, 7, number]).spawn(len(plans))
        for (kind, plan), rng in zip(plans.items(), streams, strict=True):
            if plan is not None:
                rows.append(_run(task, source, budget, kind, plan, rng))
    return rows


def _run(
    task: PlanCheck, source: ExactSource, budget: float, kind: str, plan: Allocation, rng: np.random.Generator
) -> dict[str, object]:
    """Run a plan, and set what it was to come to beside what it came to."""
    instance = source.instance
    start = np.broadcast_to(instance.start, (task.replicates, source.dim))
    run = ascend(instance.mdp, instance.policy, plan.estimator, start, plan.n_iterations, plan.step_size, rng)
    found = mean_interval(run.gradient_norm_sq.mean(axis=1))
    measured, low, high = float(found.mean), float(found.low), float(found.high)
    ratio = plan.error / measured
    return {
        "instance": instance.name,
        "family": instance.name.rsplit("-", 1)[0],
        "dim": source.dim,
        "budget": budget,
        "kind": kind,
        "start": source.start_error,
        **plan.settings,
        **plan.parts.as_dict(),
        "measured": measured,
        "low": low,
        "high": high,
        "ratio": ratio,
        "ratio_low": plan.error / high,
        "ratio_high": plan.error / low,
        "within": 1 / FACTOR <= ratio <= FACTOR,
        "value_gain": float(run.values[..., -1].mean() - run.values[..., 0].mean()),
        "replicates": task.replicates,
    }


def _work(task: PlanCheck) -> float:
    return float(find("instance", task.instance).policy.dim)
