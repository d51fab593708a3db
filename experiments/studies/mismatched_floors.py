"""What a wrong link does to constants: the stationary floor under raters of one link, read with another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd

from estimators.feedback import preferences
from estimators.stationary_law import stationary_law
from experiments.catalogue.instance import at_optimum
from experiments.catalogue.links import matched_link
from experiments.catalogue.lookup import find
from experiments.rates import planted_faults
from experiments.rates.floor_claim import FloorClaim
from experiments.rates.floor_prediction import LARGEST_NEXT_ORDER
from experiments.rates.run_floors import run_floors
from experiments.running.execution import Execution
from experiments.running.run_tasks import run_tasks
from theory import LINKS, Link, Logistic
from theory.errors import InputError

INSTANCE, METHOD = "circular", "zbcpg-3"
# As in the controls of the floors.
N_PAIRS, N_QUERIES, RADIUS, STEP_SIZE = 1e6, 25, 0.3, 0.05
# Scales of the logistic link. All links have its slope at 0: the smaller the scale, the more certain the raters.
SCALES = tuple(np.geomspace(1.0, 9.0, 9).tolist())
SIMULATED = (1.0, 3.0)
REPLICATES = 64


@dataclass(frozen=True)
class Mismatch:
    """A task: the floor of one pair of links at one scale.

    Attributes
    ----------
    raters, read : str
        Link of the raters, and the link that is inverted.
    scale : float
        Of the logistic link whose slope at 0 both have.
    instance : str
    """

    raters: str
    read: str
    scale: float
    instance: str = INSTANCE

    @property
    def links(self) -> tuple[Link, Link]:
        """Of the raters, and as read."""
        like = Logistic(self.scale)
        return matched_link(self.raters, like), matched_link(self.read, like)


def mismatched_floors(scales: Sequence[float] = SCALES, execution: Execution | None = None) -> pd.DataFrame:
    """Predicted floors of all pairs of links over the floor that is predicted if the raters use the link as read.

    Both come from the law of the algorithm, without simulation.

    Parameters
    ----------
    scales : sequence of float
    execution : Execution, optional

    Returns
    -------
    DataFrame
        One row per pair of links and scale: ``raters, read, scale``, ``floor, assumed`` (E|grad V|^2 as it is, and as
        it would be), ``ratio``, ``next_order`` (the larger of both), ``linear`` (whether that is at most 2%) and
        ``reason`` why there is no ratio.
    """
    tasks = [Mismatch(raters, read, scale) for read, raters, scale in product(LINKS, LINKS, scales)]
    rows = run_tasks(_law, tasks, lambda _: 1.0, execution)
    frame = pd.DataFrame(rows)
    right = frame[frame["raters"] == frame["read"]].set_index(["read", "scale"])
    keys = pd.MultiIndex.from_frame(frame[["read", "scale"]])
    assumed, order = (right[name].reindex(keys).to_numpy() for name in ("floor", "next_order"))
    frame["assumed"], frame["ratio"] = assumed, frame["floor"] / assumed
    frame["next_order"] = np.where(np.abs(order) > np.abs(frame["next_order"]), order, frame["next_order"])
    return frame.assign(linear=np.abs(frame["next_order"]) <= LARGEST_NEXT_ORDER)


def simulated_mismatches(
    scales: Sequence[float] = SIMULATED, replicates: int = REPLICATES, execution: Execution | None = None
) -> pd.DataFrame:
    """The same ratios measured, of different links, where the floor that is assumed can be predicted.

    Returns
    -------
    DataFrame
        One row per pair of links and scale: ``raters, read, scale``, ``ratio`` with 95% limits, ``replicates``.
    """
    tasks = [Mismatch(raters, read, s) for read, raters, s in product(LINKS, LINKS, scales) if raters != read]
    named = {f"{task.raters} read as {task.read}, scale {task.scale:g}": task for task in tasks}
    rows = run_floors([], [_claim(name, task, replicates) for name, task in named.items()], execution).rows
    ran = rows[rows["replicates"] > 0]
    pairs = [{field: getattr(named[name], field) for field in ("raters", "read", "scale")} for name in ran["claim"]]
    measured = ran[["ratio", "ratio_low", "ratio_high", "replicates"]].reset_index(drop=True)
    return pd.concat([pd.DataFrame(pairs), measured], axis=1)


def _law(task: Mismatch) -> dict[str, object]:
    on, (raters, read) = find("instance", task.instance), task.links
    oracle = preferences(N_PAIRS, N_QUERIES, read)
    oracle = replace(oracle, votes=replace(oracle.votes, rater_link=raters))
    estimator = find("method", METHOD).build(on.policy.dim, oracle, np.asarray(RADIUS))
    row: dict[str, object] = {"raters": task.raters, "read": task.read, "scale": task.scale}
    try:
        law = stationary_law(on.mdp, on.policy, estimator, at_optimum(on).start, STEP_SIZE)
    except InputError as error:
        return row | {"floor": np.nan, "next_order": np.nan, "reason": str(error)}
    floor = law.gradient_norm_sq * (1 + law.next_order)
    return row | {"floor": floor, "next_order": law.next_order, "reason": ""}


def _claim(name: str, task: Mismatch, replicates: int) -> FloorClaim:
    """A claim that the raters use the link as read, run with those of the other."""
    raters, read = task.links
    run_as = planted_faults.other_raters(find("method", METHOD), raters)
    setting = (N_PAIRS, N_QUERIES, RADIUS, STEP_SIZE)
    # What the claim says is not looked at, only its ratio: with this margin one look is enough.
    return FloorClaim(
        name, METHOD, task.instance, *setting, link=read, replicates=replicates, margin=0.9, run_as=run_as
    )
