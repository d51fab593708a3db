"""Methods compared on one preference oracle: final values, and tests of their differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from experiments.catalogue.claims import name_of
from experiments.catalogue.informative_link import informative_link
from experiments.catalogue.instance import Instance
from experiments.catalogue.links import matched_link
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from experiments.comparison.budget import PRESETS, Budget, splits
from experiments.comparison.learning import Learning, learn_best_splits
from experiments.comparison.learning_cells import Entry, can_run
from experiments.running.execution import Execution, chosen_execution
from experiments.statistics.binomial import clopper_pearson
from experiments.statistics.bounded import chernoff, improvement_scores, mean_limits
from experiments.statistics.shown import Shown
from experiments.statistics.verdicts import holm
from theory import Link, TabularMDP, optimal_value
from theory.errors import require_list

# The methods compared by default.
COMPARED = (
    *("zpg", "zbcpg-1", "zbcpg-d", "zspo", "dpo-offline", "dpo-early", "dpo-online"),
    *("ppo-offline", "ppo-online", "ppo-sampled", "ppo-kl", "reinforce", "gpomdp", "exact"),
)

# A run is stuck if it ends further below the optimum than this share of the way from the start.
STUCK = 0.05

TEST_COLUMNS = [
    *("first", "second", "difference", "ci_low", "ci_high"),
    *("improvement", "improvement_low", "improvement_high", "p_value", "p_holm", "significant"),
]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Shown):
    """Learning curves, final values and tests.

    Attributes
    ----------
    curves, tuning : DataFrame
        See `experiments.comparison.learning.Learning`.
    finals : DataFrame
        One row per method, best first. ``final`` is the mean exact value after the last iteration, with 95% limits
        ``ci_low`` and ``ci_high`` that hold for any law of values between those of the worst and the best policy.
        ``median`` and ``worst`` are over seeds. ``stuck`` is the share of runs that end below the optimum by more than
        5% of its distance from the start, with Clopper-Pearson limits. ``gap`` is the distance to ``optimum``, the best
        value of all policies, time-dependent ones included. Other columns are the chosen split T, N, M, whether a
        larger or smaller N was not tried (``split_at_edge``), the cost of a run, the chosen settings, whether a
        neighbouring step size or knob was not tried, and the numbers of settings and splits tried.
    tests : DataFrame
        One row per pair of methods: mean ``difference`` of the final values with 95% limits, as those of ``final``;
        ``improvement``, the probability that a run of the first ends above one of the second, with 95% limits;
        ``p_value`` of the test that it is 1/2; ``p_holm`` after Holm over all pairs, and ``significant`` at 5%.
        See `experiments.statistics.bounded`.
    bounds : (float, float)
        Values of the worst policy and of the best.
    """

    curves: pd.DataFrame
    tuning: pd.DataFrame
    finals: pd.DataFrame
    tests: pd.DataFrame
    bounds: tuple[float, float]

    shown_columns = (
        *("title", "final", "ci_low", "ci_high", "worst", "stuck"),
        *("n_iterations", "n_pairs", "n_queries", "trajectories", "votes"),
    )

    def __repr__(self) -> str:
        ends = ", ".join(f"{row.method} {row.final:.4g}" for row in self.finals.itertuples())
        return f"Comparison({ends}; optimum {self.finals['optimum'].iloc[0]:.4g})"

    def to_frame(self) -> pd.DataFrame:
        """Final values, one row per method, best first."""
        return self.finals

    @property
    def values(self) -> pd.DataFrame:
        """Final value of every run: one row per seed, one column per method, best first."""
        return _ends(self.curves)


def compare_learning(
    instance: str | Instance,
    methods: Sequence[str | Method] = COMPARED,
    *,
    budget: Budget | Sequence[Budget] | None = None,
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
    budget : Budget or sequence of Budget, optional
        T, N and M of every run, or several splits, of which each method gets the one that tunes best. By default
        `splits` of 48,000 votes. A method that cannot be built with a split does without it.
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
    if budget is not None and not isinstance(budget, Budget):
        require_list("budget", budget, (Budget,), "Budget(300, 32, 5)")
    link = informative_link(chosen, scale)
    voting = None if raters is None else matched_link(raters, link)
    budgets = (budget,) if isinstance(budget, Budget) else tuple(budget or splits(PRESETS["quick"][0].votes))
    groups = [_alternatives(method, instance, budgets, link, voting) for method in dict.fromkeys(methods)]
    titles = {name_of(method): find("method", method) for method in methods}
    return compare_finals(learn_best_splits(groups, n_seeds, how), value_bounds(chosen.mdp), titles)


def _alternatives(
    method: str | Method, instance: str | Instance, budgets: Sequence[Budget], link: Link, raters: Link | None
) -> tuple[Entry, ...]:
    if find("method", method).one_split:
        budgets = (max(budgets, key=lambda each: (each.n_iterations * each.n_pairs, -each.n_iterations)),)
    entries = tuple(Entry(method, instance, budget, link, raters) for budget in budgets)
    # If none can run, the first one says why when it does.
    return tuple(entry for entry in entries if can_run(entry)) or entries[:1]


def value_bounds(mdp: TabularMDP) -> tuple[float, float]:
    """Values of the worst and of the best policy, time-dependent ones included."""
    turned = TabularMDP.from_outcomes(mdp.probabilities, mdp.next_states, 1 - mdp.rewards, mdp.initial, mdp.horizon)
    most = optimal_value(mdp)
    return min(mdp.horizon - optimal_value(turned), most), most


def reference_method(finals: pd.DataFrame) -> str:
    """The method that the others are compared with in print: ZPG if it takes part, otherwise the best one."""
    names = list(finals["method"])
    return "zpg" if "zpg" in names else str(names[0])


def tests_against(tests: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Tests of every other method, named in column ``method``, minus the reference."""
    ahead = tests[tests["second"] == reference].rename(columns={"first": "method"})
    behind = tests[tests["first"] == reference].rename(columns={"second": "method"})
    turned = behind.assign(difference=-behind["difference"], ci_low=-behind["ci_high"], ci_high=-behind["ci_low"])
    mirrored = {
        "improvement": "improvement",
        "improvement_low": "improvement_high",
        "improvement_high": "improvement_low",
    }
    turned = turned.assign(**{name: 1 - behind[other] for name, other in mirrored.items()})
    return pd.concat([ahead, turned], ignore_index=True)


def compare_finals(learning: Learning, bounds: tuple[float, float], methods: Mapping[str, Method]) -> Comparison:
    """Final values and tests from the learning curves of methods on one instance with one budget."""
    curves, tuning = learning.curves, learning.tuning
    values, (least, optimum) = _ends(curves), bounds
    names = list(values.columns)
    means = values.mean().to_numpy()
    low, high = mean_limits(values.to_numpy(), least, optimum)
    start = float(curves.loc[curves["iteration"] == 0, "value"].iloc[0])
    stuck = (values < optimum - STUCK * (optimum - start)).sum()
    rates = [clopper_pearson(int(count), len(values)) for count in stuck]
    spent = curves[curves["iteration"] == curves["n_iterations"]].groupby("method").first().loc[names]
    settings = tuning[tuning["chosen"]].set_index("method").loc[names]
    tried = tuning.groupby("method")["n_pairs"]
    finals = pd.DataFrame(
        {
            "method": names,
            "title": [methods[name].title for name in names],
            "final": means,
            "ci_low": low,
            "ci_high": high,
            "median": values.median().to_numpy(),
            "worst": values.min().to_numpy(),
            "stuck": stuck.to_numpy() / len(values),
            "stuck_low": [rate[0] for rate in rates],
            "stuck_high": [rate[1] for rate in rates],
            "gap": optimum - means,
            "optimum": optimum,
            **{name: settings[name].to_numpy() for name in ("n_iterations", "n_pairs", "n_queries")},
            "split_at_edge": _at_edge(settings["n_pairs"], tried.min(), tried.max()),
            "splits_tried": _n_splits(tuning).loc[names].to_numpy(),
            "trajectories": spent["trajectories"].to_numpy(),
            "votes": spent["votes"].to_numpy(),
            **{name: settings[name].to_numpy() for name in ("step_size", "knob", "at_edge", "knob_at_edge")},
            "knob_name": [methods[name].knob for name in names],
            "step_counts": [methods[name].steps for name in names],
            "settings_tried": tuning.groupby("method").size().loc[names].to_numpy(),
            "seeds": len(values),
        }
    )
    return Comparison(curves, tuning, finals, _tests(values, bounds), bounds)


def _ends(curves: pd.DataFrame) -> pd.DataFrame:
    ends = curves[curves["iteration"] == curves["n_iterations"]]
    values = ends.pivot(index="seed", columns="method", values="value")
    return values[values.mean().sort_values(ascending=False, kind="stable").index]


def _n_splits(tuning: pd.DataFrame) -> pd.Series:
    return tuning.drop_duplicates(["method", "n_iterations", "n_pairs", "n_queries"]).groupby("method").size()


def _at_edge(chosen: pd.Series, least: pd.Series, most: pd.Series) -> list[bool]:
    """Whether the best number of pairs is the smallest or the largest of several."""
    return [bool(least[name] < most[name] and n in (least[name], most[name])) for name, n in chosen.items()]


def _tests(values: pd.DataFrame, bounds: tuple[float, float]) -> pd.DataFrame:
    """Tests of all pairs of columns. Limits of a difference come from limits of both means that miss half as often."""
    pairs = list(combinations(values.columns, 2))
    if not pairs:
        return pd.DataFrame(columns=TEST_COLUMNS)
    low, high = (pd.Series(end, values.columns) for end in mean_limits(values.to_numpy(), *bounds, outside=0.025))
    means = values.mean()
    first, second = (list(names) for names in zip(*pairs, strict=True))
    shares = [improvement_scores(values[a].to_numpy(), values[b].to_numpy(), bounds[1]).mean() for a, b in pairs]
    odds = chernoff(np.array(shares), len(values))
    apart = [
        one[first].to_numpy() - other[second].to_numpy() for one, other in ((means, means), (low, high), (high, low))
    ]
    adjusted = holm(odds.p_value)
    parts = (first, second, *apart, odds.probability, odds.low, odds.high, odds.p_value, adjusted, adjusted <= 0.05)
    return pd.DataFrame(dict(zip(TEST_COLUMNS, parts, strict=True)))
