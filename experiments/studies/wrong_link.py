"""Final values of methods when the raters use another link than the methods assume, and what that loses."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from experiments.catalogue.informative_link import informative_link
from experiments.catalogue.instance import Instance
from experiments.catalogue.links import matched_link
from experiments.catalogue.lookup import find
from experiments.comparison.budget import PRESETS, Budget
from experiments.comparison.learning import learn
from experiments.comparison.learning_cells import Entry
from experiments.running.execution import Execution
from experiments.statistics.intervals import MeanInterval, mean_interval, paired_differences, sign_flip_test
from experiments.statistics.verdicts import holm
from theory import LINKS, InputError, optimal_value, policy_value
from theory.arrays import FloatArray

WRONG_LINK_METHODS = ("zpg", "zbcpg-d", "zspo", "zspo-pairs", "ppo-offline", "ppo-online", "dpo-early", "dpo-online")


def compare_links(
    instance: str | Instance = "stochastic-gridworld",
    methods: Sequence[str] = WRONG_LINK_METHODS,
    *,
    budget: Budget | None = None,
    n_seeds: int = PRESETS["quick"][1],
    scale: float | None = None,
    execution: Execution | None = None,
) -> pd.DataFrame:
    """Final values for every link of the raters, when the methods assume the link of the instance.

    Settings are tuned under the assumed link, as they would be by a user who does not know the link of the raters.

    Parameters
    ----------
    instance : str or Instance
    methods : sequence of str
    budget : Budget, optional
    n_seeds : int
    scale : float, optional
        Scale of the assumed link; see `informative_link`.
    execution : Execution, optional

    Returns
    -------
    DataFrame
        One row per method and link of the raters: ``final`` with 95% limits, cut off at the optimum; ``gap`` to the
        optimum; ``gain`` over the start with limits and ``p_gain`` (one-sided, after Holm over all rows); ``late_gain``
        over the second half of the iterations with limits and ``p_late`` (as ``p_gain``); ``loss`` compared with raters
        of the assumed link (paired), with limits and ``p_loss`` (two-sided, after Holm over the rows with another
        link). Limits of differences are those of sign-flip tests. A difference of one seed below 1e-4 of the optimum
        counts as 0.

    Raises
    ------
    InputError
        If the instance's link is none of `LINKS`.
    """
    chosen = find("instance", instance)
    assumed = informative_link(chosen, scale)
    raters = {name: matched_link(name, assumed) for name in LINKS}
    if assumed not in raters.values():
        raise InputError(
            f"the instance's link must be one of {', '.join(LINKS)}, got {assumed}; choose another instance"
        )
    entries = {
        (method, name): Entry(method, instance, budget or Budget(), assumed, rater)
        for method in methods
        for name, rater in raters.items()
    }
    curves = learn(list(entries.values()), n_seeds, execution).curves
    values = {key: _values(curves, entry) for key, entry in entries.items()}
    start = np.array(policy_value(chosen.mdp, chosen.policy, chosen.start))
    optimum = optimal_value(chosen.mdp)
    right = next(name for name, rater in raters.items() if rater == assumed)
    rows = []
    for (method, name), (middle, end) in values.items():
        gain, late, loss = (
            sign_flip_test(paired_differences(first, second, optimum))
            for first, second in ((end, start), (end, middle), (values[method, right][1], end))
        )
        rows.append(
            {"method": method, "title": find("method", method).title, "raters": name, "assumed": right}
            | {"gap": optimum - end.mean(), "optimum": optimum, "start": float(start)}
            | _limits("final", mean_interval(end), optimum)
            | _limits("gain", gain)
            | {"p_gain": float(gain.p_positive)}
            | _limits("late_gain", late)
            | {"p_late": float(late.p_positive)}
            | _limits("loss", loss)
            | {"p_loss": float(loss.p_value) if name != right else np.nan}
        )
    frame = pd.DataFrame(rows)
    wrong = frame["raters"] != right
    for name in ("p_gain", "p_late"):
        frame[name] = holm(frame[name].to_numpy())
    frame.loc[wrong, "p_loss"] = holm(frame.loc[wrong, "p_loss"].to_numpy())
    return frame


def _values(curves: pd.DataFrame, entry: Entry) -> tuple[FloatArray, FloatArray]:
    """Values of every seed half way and at the end of the run."""
    fields = entry.fields
    rows = curves[(curves["method"] == fields["method"]) & (curves["raters"] == fields["raters"])]
    by_seed = rows.pivot(index="seed", columns="iteration", values="value").to_numpy()
    return by_seed[:, by_seed.shape[1] // 2], by_seed[:, -1]


def _limits(name: str, interval: MeanInterval, largest: float = math.inf) -> dict[str, float]:
    high = min(float(interval.high), largest)
    return {name: float(interval.mean), f"{name}_low": float(interval.low), f"{name}_high": high}
