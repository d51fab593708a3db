"""Comparison of methods: tests and their error rates, and the link that makes votes informative."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from experiments.catalogue.informative_link import informative_link
from experiments.catalogue.instance import Instance
from experiments.catalogue.links import matched_link
from experiments.catalogue.lookup import find
from experiments.catalogue.methods import METHODS
from experiments.comparison import compare_learning as compare
from experiments.comparison.budget import Budget, splits
from experiments.comparison.compare_learning import compare_finals, compare_learning, value_bounds
from experiments.comparison.learning import Learning
from experiments.running.execution import Execution
from experiments.statistics.bounded import improvement, mean_limits
from theory import (
    LINKS,
    Cauchit,
    ComplementaryLogLog,
    InputError,
    Linear,
    Logistic,
    Probit,
    TabularMDP,
    TabularSoftmax,
    policy_value,
)
from theory.links import check_invertible

NAMES = ("exact", "zpg", "zspo", "dpo-online", "reinforce")


class Step:
    """A link without a scale."""

    symmetric = True

    def derivative(self, x):  # noqa: ARG002
        return np.asarray(0.5)

    def probability(self, x):
        return np.clip(0.5 + np.asarray(x) / 4, 0, 1)

    def inverse(self, p):
        return 4 * np.asarray(p) - 2

    def second_derivative(self, x):
        return np.zeros_like(x)


def with_ends(ends: dict[str, np.ndarray], start: float = 0.0) -> Learning:
    """Curves of two points that end so, tuned with one setting each."""
    rows = [
        {"method": method, "n_iterations": 10, "seed": seed, "iteration": t, "value": value}
        | {"trajectories": 8.0 * t, "votes": 12.0 * t}
        for method, values in ends.items()
        for seed, end in enumerate(values)
        for t, value in ((0, start), (10, float(end)))
    ]
    settings = {"step_size": 0.5, "knob": 1.0, "score": 0.0, "chosen": True, "at_edge": False, "knob_at_edge": False}
    settings |= {"n_iterations": 10, "n_pairs": 4, "n_queries": 3}
    tuning = pd.DataFrame([{"method": method} | settings for method in ends])
    return Learning(pd.DataFrame(rows), tuning)


def compared(ends: dict[str, np.ndarray], optimum: float = 5.0, least: float = -20.0) -> compare.Comparison:
    return compare_finals(with_ends(ends), (least, optimum), METHODS)


def test_tables_hold_what_the_statistics_say_and_holm_is_that_of_multipletests():
    rng = np.random.default_rng(2)
    ends = {name: 3 - 0.6 * k + rng.uniform(-1, 1, 30) for k, name in enumerate(NAMES)}
    found = compared(ends)
    assert len(found.tests) == 10
    for row in found.tests.to_dict(orient="records"):
        first, second = ends[row["first"]], ends[row["second"]]
        odds = improvement(first, second, 5.0)
        for name, expected in (
            ("improvement", odds.probability),
            ("improvement_low", odds.low),
            ("improvement_high", odds.high),
            ("p_value", odds.p_value),
            ("difference", first.mean() - second.mean()),
        ):
            assert row[name] == pytest.approx(float(expected), rel=1e-12)
        (low, high), (other_low, other_high) = (mean_limits(x, -20, 5, outside=0.025) for x in (first, second))
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((low - other_high, high - other_low))
    reject, adjusted, *_ = multipletests(found.tests["p_value"], method="holm")
    np.testing.assert_allclose(found.tests["p_holm"], adjusted, rtol=1e-12)
    np.testing.assert_array_equal(found.tests["significant"], reject)
    assert 0 < reject.sum() < 10
    finals = found.finals.set_index("method")
    assert finals["final"].is_monotonic_decreasing
    assert (found.tests["difference"] >= 0).all(), "the better one comes first"
    for name, values in ends.items():
        low, high = mean_limits(values, -20, 5)
        expected = (values.mean(), low, high, 5 - values.mean(), 80.0, 120.0, 30, 10, 4, 3)
        columns = ["final", "ci_low", "ci_high", "gap", "trajectories", "votes", "seeds"]
        columns += ["n_iterations", "n_pairs", "n_queries"]
        np.testing.assert_allclose(finals.loc[name, columns].astype(float), expected, rtol=1e-9)
    pd.testing.assert_series_equal(found.values["zpg"], pd.Series(ends["zpg"]), check_names=False)


def test_stuck_runs_end_below_the_optimum_by_more_than_a_twentieth_of_its_distance_from_the_start():
    # From 1 to 5: stuck below 4.8.
    values = np.array([4.79, 4.81, 5.0, 2.0, 4.9, 4.95])
    learning = with_ends({"zpg": values}, start=1.0)
    row = compare_finals(learning, (0.0, 5.0), METHODS).finals.iloc[0]
    assert row["stuck"] == pytest.approx(2 / 6)
    # Clopper and Pearson of 2 in 6, from tables.
    assert (row["stuck_low"], row["stuck_high"]) == pytest.approx((0.0433, 0.7772), abs=1e-4)


def two_peaks(rng: np.random.Generator, stuck: float, size: tuple[int, ...]) -> np.ndarray:
    """Most runs end near 4.7, and the others near 3.4."""
    return np.where(rng.random(size) < stuck, 3.4, 4.7) + rng.normal(0, 0.05, size)


def test_a_method_that_is_stuck_is_found_and_those_of_one_law_are_left_alone():
    """60 runs, one of five methods is stuck in all of them and the others in a tenth: found in each of 200 families.

    It is missed if half of the runs of another are stuck, with probability below 1e-9. The six differences among the
    rest are called in at most 5% of the families; 21 or more have probability 0.0012.
    """
    rng, among_rest = np.random.default_rng(4), 0
    for _ in range(200):
        values = pd.DataFrame(two_peaks(rng, 1 / 10, (60, 5)), columns=list(NAMES))
        values["zspo"] = two_peaks(rng, 1.0, (60,))
        tests = compare._tests(values, (0.0, 5.0))
        planted = (tests["first"] == "zspo") | (tests["second"] == "zspo")
        assert tests.loc[planted, "significant"].all()
        among_rest += bool(tests.loc[~planted, "significant"].any())
    assert among_rest <= 20


def test_differences_that_nobody_would_choose_by_are_none():
    """Every run of one method is better by 1/20,000 of the optimum: a tie; by 1/5,000: each is above each other."""
    for apart, odds in ((np.nextafter(0.9, 1) - 0.9, 0.5), (0.9 / 20_000, 0.5), (0.9 / 5_000, 1.0)):
        tests = compared({"zpg": np.full(6, 0.9 - apart), "exact": np.full(6, 0.9)}, 0.9).tests
        assert tests["improvement"].item() == odds
        assert tests["p_value"].item() == pytest.approx(1.0 if odds == 0.5 else 2 * 2.0**-6)
        assert tests["difference"].item() == pytest.approx(apart, rel=1e-9)
    # One run fails and 19 are as good: that is no evidence.
    rare = np.full(20, 0.9 - 1e-6)
    rare[3] = 0.7
    assert compared({"zpg": rare, "exact": np.full(20, 0.9)}, 0.9).tests["p_value"].item() == pytest.approx(1, abs=0.1)


def test_tests_against_a_reference_are_the_others_minus_it():
    ends = {"exact": np.full(6, 5.0), "zpg": 3 + np.arange(6) / 7, "zspo": 3 - np.arange(6) / 3}
    found = compared(ends)
    assert compare.reference_method(found.finals) == "zpg"
    against = compare.tests_against(found.tests, "zpg").set_index("method")
    assert set(against.index) == {"exact", "zspo"}
    for name in against.index:
        odds = improvement(ends[name], ends["zpg"], 5.0)
        low, high = mean_limits(ends[name], -20, 5, outside=0.025)
        base_low, base_high = mean_limits(ends["zpg"], -20, 5, outside=0.025)
        expected = [ends[name].mean() - ends["zpg"].mean(), low - base_high, high - base_low]
        expected += [float(odds.probability), float(odds.low), float(odds.high)]
        columns = ["difference", "ci_low", "ci_high", "improvement", "improvement_low", "improvement_high"]
        np.testing.assert_allclose(against.loc[name, columns].astype(float), expected, rtol=1e-9)
    assert compare.reference_method(found.finals[found.finals["method"] != "zpg"]) == "exact"


def test_one_method_alone_has_no_tests():
    found = compared({"zspo": np.array([1.0, 2.0])})
    assert found.tests.empty
    assert compare.tests_against(found.tests, "zspo").empty


def test_the_worst_and_the_best_policy_bound_all_values():
    """Arms of the bandit pay 0.1 to 0.9; nearly deterministic policies elsewhere stay inside."""
    mdp = find("instance", "bandit").mdp
    assert value_bounds(mdp) == pytest.approx((0.1, 0.9))
    for name in ("chain", "circular"):
        instance = find("instance", name)
        least, most = value_bounds(instance.mdp)
        theta = np.random.default_rng(0).normal(0, 30, (500, instance.policy.dim))
        values = policy_value(instance.mdp, instance.policy, theta)
        assert least - 1e-12 <= values.min() < values.max() <= most + 1e-12


def test_every_method_gets_a_split_of_its_own_within_the_caps():
    found = compare_learning("bandit", ["zpg", "exact"], budget=splits(100), n_seeds=2, execution=Execution(jobs=1))
    assert (found.finals["splits_tried"] == len(splits(100))).all()
    chosen = found.tuning[found.tuning["chosen"]].set_index("method")
    for row in found.finals.to_dict(orient="records"):
        assert row["votes"] <= 100
        assert row["trajectories"] <= 2 * 100 / 5
        for name in ("n_iterations", "n_pairs", "n_queries"):
            assert chosen.loc[row["method"], name] == row[name]


def test_a_split_that_a_method_cannot_use_is_left_out():
    """Four directions share the pairs of an iteration: 4 and 8 can be shared, 2 and 6 cannot."""
    zpg = METHODS["zpg-averaged"]
    known = replace(zpg, grid=lambda instance: replace(METHODS["zpg"].settings(instance), shape=(2, 1)))
    budgets = [Budget(12, 2, 5), Budget(6, 4, 5), Budget(4, 6, 5), Budget(3, 8, 5)]
    found = compare_learning("bandit", [known], budget=budgets, n_seeds=2, execution=Execution(jobs=1))
    assert set(found.tuning["n_pairs"]) == {4, 8}


def irrational() -> Instance:
    """One state, two actions that pay 0 or 1 / sqrt 2 a step, for 2 steps: no lattice, a return has variance 1/4."""
    mdp = TabularMDP([[[1.0], [1.0]]], [[[0.0], [2**-0.5]]], [1.0], horizon=2)
    return Instance("irrational", "", mdp, TabularSoftmax(1, 2), np.zeros(2), Logistic(), link_is_default=True)


def test_the_scale_is_the_standard_deviation_of_a_difference_of_returns():
    # A uniform bandit of mean 1/2 pays 1 with probability 1/2: variance 1/4 each, 1/2 the difference.
    assert informative_link(find("instance", "bandit")) == Logistic(0.707)
    assert informative_link(irrational()) == Logistic(0.707)
    assert irrational().mdp.reward_lattice is None
    # On FrozenLake a return of the start is 1 with probability 0.0124: a spread of 0.157, at which the link saturates.
    lake = find("instance", "frozenlake")
    assert informative_link(lake) == Logistic(0.598)
    check_invertible(Logistic(0.598), lake.mdp.horizon)
    with pytest.raises(InputError, match="must not saturate"):
        check_invertible(Logistic(0.157), lake.mdp.horizon)


def test_an_instance_that_names_a_link_keeps_it():
    assert informative_link(find("instance", "risky-bandit")) == Logistic(0.15)
    for link in (Logistic(0.3), Probit(0.5), Cauchit(), ComplementaryLogLog(), Linear(2.0)):
        assert informative_link(replace(find("instance", "bandit"), link=link, link_is_default=False)) == link
    with pytest.raises(InputError, match="must not saturate"):
        informative_link(replace(find("instance", "frozenlake"), link=Probit(1.0), link_is_default=False))


def test_the_scale_may_be_given_where_there_is_one():
    assert informative_link(find("instance", "bandit"), 3.0) == Logistic(3.0)
    own = replace(find("instance", "bandit"), link=Step(), link_is_default=False)
    assert informative_link(own) is own.link
    with pytest.raises(InputError, match="scale must be left out for a link without one"):
        informative_link(own, 3.0)
    with pytest.raises(InputError, match="scale must be positive"):
        informative_link(find("instance", "bandit"), -1.0)


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("assumed", [Logistic(0.7), Cauchit(3.0), Linear(2.0), Step()])
def test_matched_links_are_as_steep_at_zero(name, assumed):
    matched = matched_link(name, assumed)
    assert isinstance(matched, LINKS[name])
    np.testing.assert_allclose(matched.derivative(0.0), assumed.derivative(0.0), rtol=1e-14)
    assert matched.probability(0.0) == pytest.approx(0.5, abs=1e-15)
    if type(assumed) is LINKS[name]:
        assert matched is assumed


def test_an_unknown_link_of_raters_is_refused():
    with pytest.raises(InputError, match=r"link must be one of logistic, .*got 'tanh'"):
        compare_learning("bandit", ["zpg"], raters="tanh")


def test_methods_named_twice_run_once_and_raters_of_the_assumed_link_change_nothing():
    small = {"budget": Budget(4, 2, 2), "n_seeds": 2, "execution": Execution(jobs=1)}
    once = compare_learning("bandit", ["zpg", "exact"], **small)
    twice = compare_learning("bandit", ["zpg", "exact", "zpg"], raters="logistic", **small)
    for name in ("curves", "tuning", "finals", "tests"):
        pd.testing.assert_frame_equal(getattr(twice, name), getattr(once, name), check_exact=True)
    assert set(once.finals["method"]) == {"zpg", "exact"}
    other = compare_learning("bandit", ["zpg", "exact"], raters="linear", **small)
    pd.testing.assert_frame_equal(other.tuning, once.tuning, check_exact=True)
    assert set(other.curves["raters"]) == {str(Linear(1.414))}
    assert set(other.curves["assumed"]) == {str(Logistic(0.707))}


def test_exact_ascent_is_the_best_of_those_that_must_estimate():
    found = compare_learning(
        "bandit", ["reinforce", "exact", "zpg"], budget=Budget(20, 8, 3), n_seeds=4, execution=Execution(jobs=1)
    )
    assert found.finals["method"].iloc[0] == "exact"
    assert found.finals["gap"].min() >= -1e-12, "nothing lies above the optimum"
    np.testing.assert_allclose(found.finals["optimum"], 0.9, rtol=1e-12)
