"""Methods compared on one preference oracle: final values, and tests of their differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd

from experiments.catalogue.claims import name_of
from experiments.catalogue.instance import Instance
from experiments.catalogue.links import matched_link
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from experiments.comparison.budget import PRESETS, Budget
from experiments.comparison.learning import Learning, learn
from experiments.comparison.learning_cells import Entry
from experiments.running.execution import Execution, chosen_execution
from experiments.statistics.intervals import mean_interval, paired_differences, sign_flip_test
from experiments.statistics.verdicts import holm
from theory import InputError, Link, Logistic, additive_moments, optimal_value, return_distribution
from theory.errors import require_kind, require_list
from theory.links import ScaledLink, check_invertible

# The methods compared by default.
COMPARED = (
    *("zpg", "zbcpg-1", "zbcpg-d", "zspo", "dpo-offline", "dpo-early", "dpo-online"),
    *("ppo-offline", "ppo-online", "ppo-sampled", "reinforce", "gpomdp", "exact"),
)

# Factor by which a scale grows until the link no longer saturates on [-H, H].
WIDER = 1.25


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Learning curves, final values and tests.

    Attributes
    ----------
    curves, tuning : DataFrame
        See `experiments.comparison.learning.Learning`.
    finals : DataFrame
        One row per method, best first. ``final`` is the mean exact value after the last iteration, with its 95% limits
        ``ci_low`` and ``ci_high`` (Student's t over seeds). ``median`` and ``worst`` are over seeds. ``gap`` is the
        distance to ``optimum``, the best value of all policies, time-dependent ones included. Other columns are the
        cost of a run, the chosen settings, whether a neighbouring step size or knob was not tried, and the number of
        settings tried.
    tests : DataFrame
        One row per pair of methods: mean ``difference`` of the final values, 95% limits and ``p_value`` of the paired
        sign-flip test over seeds, ``p_holm`` after Holm over all pairs, and ``significant`` at 5%. A difference of one
        seed below 1e-4 of the optimum counts as 0.
    """

    curves: pd.DataFrame
    tuning: pd.DataFrame
    finals: pd.DataFrame
    tests: pd.DataFrame

    def __repr__(self) -> str:
        ends = ", ".join(f"{row.method} {row.final:.4g}" for row in self.finals.itertuples())
        return f"Comparison({ends}; optimum {self.finals['optimum'].iloc[0]:.4g})"

    def to_frame(self) -> pd.DataFrame:
        """Final values, one row per method, best first."""
        return self.finals


def compare_learning(
    instance: str | Instance,
    methods: Sequence[str | Method] = COMPARED,
    *,
    budget: Budget | None = None,
    n_seeds: int = PRESETS["quick"][1],
    scale: float | None = None,
    raters: str | None = None,
    execution: Execution | None = None,
) -> Comparison:
    """Tune methods by one rule, run them on one oracle with one budget, and compare their final values.

    Parameters
    ----------
    instance : str or Instance
        A built-in name, ``module:attribute``, or an instance.
    methods : sequence of str or Method
        As for `instance`.
    budget : Budget, optional
        T, N and M of every run.
    n_seeds : int
        At least 2.
    scale : float, optional
        Scale of the assumed link, in units of return; see `informative_link`.
    raters : str, optional
        Another link for the raters: a built-in one, scaled to the same slope at 0, or ``module:attribute``. Methods are
        tuned without it.
    execution : Execution, optional

    Raises
    ------
    InputError
        If a name is unknown, or a number is out of its range.
    """
    chosen, how = find("instance", instance), chosen_execution(execution)
    require_list("methods", methods, (str, Method), "'zpg'")
    if budget is not None:
        require_kind("budget", budget, Budget, "Budget(300, 32, 5)")
    link = informative_link(chosen, scale)
    voting = None if raters is None else matched_link(raters, link)
    entries = [Entry(method, instance, budget or Budget(), link, voting) for method in dict.fromkeys(methods)]
    titles = {name_of(method): find("method", method) for method in methods}
    return compare_finals(learn(entries, n_seeds, how), optimal_value(chosen.mdp), titles)


def informative_link(instance: Instance, scale: float | None = None) -> Link:
    """The link of an instance, with a scale at which votes on trajectories of the start policy are informative.

    Parameters
    ----------
    instance : Instance
    scale : float, optional
        In place of the link's own scale. If nobody chose the link of the instance, the default is the standard
        deviation of the difference of two returns at the start. It is multiplied by 1.25 until the link can be inverted
        on [-H, H].

    Raises
    ------
    InputError
        If a scale is given for a link without one.
    """
    link, mdp = instance.link, instance.mdp
    if scale is not None:
        if not isinstance(link, ScaledLink):
            raise InputError(f"scale must be left out for a link without one, got {scale} for {link}")
        link = replace(link, scale=scale)
    elif instance.link_is_default:
        theta = instance.start
        variance = (
            additive_moments(mdp, instance.policy, theta, mdp.expected_reward)[1]
            if mdp.reward_lattice is None
            else return_distribution(mdp, instance.policy, theta).variance
        )
        scale = float(np.sqrt(2 * variance)) or float(mdp.horizon)
        while not _invertible(link := Logistic(_rounded(scale)), mdp.horizon):
            scale *= WIDER
    check_invertible(link, mdp.horizon)
    return link


def _rounded(scale: float) -> float:
    """Rounded to three digits. They print in full, and rounding errors of a machine do not reach the results."""
    return float(f"{scale:.3g}")


def _invertible(link: Link, horizon: int) -> bool:
    try:
        check_invertible(link, horizon)
    except InputError:
        return False
    return True


def reference_method(finals: pd.DataFrame) -> str:
    """The method that the others are compared with in print: ZPG if it takes part, otherwise the best one."""
    names = list(finals["method"])
    return "zpg" if "zpg" in names else str(names[0])


def tests_against(tests: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Tests of every other method, named in column ``method``, minus the reference."""
    ahead = tests[tests["second"] == reference].rename(columns={"first": "method"})
    behind = tests[tests["first"] == reference].rename(columns={"second": "method"})
    turned = behind.assign(difference=-behind["difference"], ci_low=-behind["ci_high"], ci_high=-behind["ci_low"])
    return pd.concat([ahead, turned], ignore_index=True)


def compare_finals(learning: Learning, optimum: float, methods: Mapping[str, Method]) -> Comparison:
    """Final values and paired tests from the learning curves of methods on one instance with one budget."""
    ends = learning.curves[learning.curves["iteration"] == learning.curves["n_iterations"]]
    values = ends.pivot(index="seed", columns="method", values="value")
    values = values[values.mean().sort_values(ascending=False, kind="stable").index]
    interval = mean_interval(values.to_numpy())
    spent = ends.groupby("method")[["trajectories", "votes"]].first().loc[values.columns]
    settings = learning.tuning[learning.tuning["chosen"]].set_index("method").loc[values.columns]
    finals = pd.DataFrame(
        {
            "method": values.columns,
            "title": [methods[name].title for name in values.columns],
            "final": interval.mean,
            "ci_low": interval.low,
            "ci_high": interval.high,
            "median": values.median().to_numpy(),
            "worst": values.min().to_numpy(),
            "gap": optimum - interval.mean,
            "optimum": optimum,
            "trajectories": spent["trajectories"].to_numpy(),
            "votes": spent["votes"].to_numpy(),
            **{name: settings[name].to_numpy() for name in ("step_size", "knob", "at_edge", "knob_at_edge")},
            "knob_name": [methods[name].knob for name in values.columns],
            "step_counts": [methods[name].steps for name in values.columns],
            "settings_tried": learning.tuning.groupby("method").size().loc[values.columns].to_numpy(),
            "seeds": len(values),
        }
    )
    return Comparison(learning.curves, learning.tuning, finals, _paired_tests(values, optimum))


def _paired_tests(values: pd.DataFrame, optimum: float) -> pd.DataFrame:
    pairs = list(combinations(values.columns, 2))
    columns = ["first", "second", "difference", "ci_low", "ci_high", "p_value", "p_holm", "significant"]
    if not pairs:
        return pd.DataFrame(columns=columns)
    first, second = zip(*pairs, strict=True)
    found = sign_flip_test(paired_differences(values[list(first)].to_numpy(), values[list(second)].to_numpy(), optimum))
    adjusted = holm(found.p_value)
    parts = (first, second, found.mean, found.low, found.high, found.p_value, adjusted, adjusted <= 0.05)
    return pd.DataFrame(dict(zip(columns, parts, strict=True)))
