"""Comparison of methods: paired tests and their error rates, and the link that makes votes informative."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import bdtrc
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from experiments.catalogue.instance import Instance
from experiments.catalogue.links import matched_link
from experiments.catalogue.lookup import find
from experiments.catalogue.methods import METHODS
from experiments.comparison import compare_learning as compare
from experiments.comparison.budget import Budget
from experiments.comparison.compare_learning import compare_finals, compare_learning, informative_link
from experiments.comparison.learning import Learning
from experiments.running.execution import Execution
from experiments.statistics.intervals import sign_flip_test
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
    tuning = pd.DataFrame([{"method": method} | settings for method in ends])
    return Learning(pd.DataFrame(rows), tuning)


def test_intervals_equal_those_of_statsmodels_and_holm_that_of_multipletests():
    rng = np.random.default_rng(2)
    shared = rng.normal(size=12)
    ends = {name: 3 + shared + rng.normal(0.3 * k, 0.5, 12) for k, name in enumerate(NAMES)}
    found = compare_finals(with_ends(ends), 5.0, METHODS)
    assert len(found.tests) == 10
    for row in found.tests.to_dict(orient="records"):
        reference = sign_flip_test(ends[row["first"]] - ends[row["second"]])
        for name, expected in (("difference", "mean"), ("ci_low", "low"), ("ci_high", "high"), ("p_value", "p_value")):
            assert row[name] == pytest.approx(float(getattr(reference, expected)), rel=1e-12)
    reject, adjusted, *_ = multipletests(found.tests["p_value"], method="holm")
    np.testing.assert_allclose(found.tests["p_holm"], adjusted, rtol=1e-12)
    np.testing.assert_array_equal(found.tests["significant"], reject)
    assert 0 < reject.sum() < 10

    finals = found.finals.set_index("method")
    assert finals["final"].is_monotonic_decreasing
    assert (found.tests["difference"] >= 0).all(), "the better one comes first"
    for name, values in ends.items():
        expected = (values.mean(), *DescrStatsW(values).tconfint_mean(), 5 - values.mean(), 80.0, 120.0, 12)
        columns = ["final", "ci_low", "ci_high", "gap", "trajectories", "votes", "seeds"]
        np.testing.assert_allclose(finals.loc[name, columns].astype(float), expected, rtol=1e-9)


def exchangeable(rng: np.random.Generator, n_methods: int = 5, n_seeds: int = 12) -> pd.DataFrame:
    """Final values of equally good methods: a part each seed shares, and now and then a run that collapses."""
    good = 4 + rng.normal(size=(n_seeds, 1)) / 2 + rng.normal(size=(n_seeds, n_methods)) / 2
    return pd.DataFrame(np.where(rng.random(good.shape) < 0.1, 0.0, good), columns=list(NAMES[:n_methods]))


def test_among_equally_good_methods_any_difference_is_called_significant_at_most_once_in_20():
    """2,000 families of 10 tests: a rule that keeps to 5% fails here with probability 1e-3.

    The same bound sees a rate of 7.4% with 92% probability, and catches the p-values before Holm.
    """
    rng, n_families = np.random.default_rng(3), 2000
    alarms = {"p_holm": 0, "p_value": 0}
    for _ in range(n_families):
        tests = compare._paired_tests(exchangeable(rng), 5.0)
        assert (tests["significant"] == (tests["p_holm"] <= 0.05)).all()
        for column in alarms:
            alarms[column] += bool((tests[column] <= 0.05).any())

    def kept(column: str) -> bool:
        return bool(bdtrc(alarms[column] - 1, n_families, 0.05) > 1e-3)

    assert kept("p_holm"), alarms
    assert not kept("p_value"), alarms


def test_a_method_that_is_worse_is_found_and_the_others_are_left_alone():
    """One of five loses 2.5 standard deviations of a difference, on 14 seeds: found in each of 200 families.

    One test misses it with probability 1e-6. The six differences among the rest are called in at most 5% of the
    families; 21 or more would have probability 0.0012. So a right rule fails here with probability 0.002.
    """
    rng, among_rest = np.random.default_rng(4), 0
    for _ in range(200):
        values = pd.DataFrame(rng.normal(size=(14, 5)) / np.sqrt(2), columns=list(NAMES))
        values["zspo"] -= 2.5
        tests = compare._paired_tests(values, 1.0)
        planted = (tests["first"] == "zspo") | (tests["second"] == "zspo")
        assert tests.loc[planted, "significant"].all()
        among_rest += bool(tests.loc[~planted, "significant"].any())
    assert among_rest <= 20


def test_seeds_are_paired():
    """What seeds share is far larger than the difference: unpaired tests would not see it."""
    rng = np.random.default_rng(5)
    shared = rng.normal(0, 10, 20)
    ends = {"zpg": shared, "zspo": shared - 1 + rng.normal(0, 0.1, 20)}
    # Rows of one method come in another order: pairs follow seeds, not rows.
    learning = with_ends(ends)
    shuffled = replace(learning, curves=learning.curves.sample(frac=1, random_state=0))
    test = compare_finals(shuffled, 5.0, METHODS).tests.iloc[0]
    assert test["significant"]
    assert test["difference"] == pytest.approx(1, abs=0.1)


def test_differences_that_nobody_would_choose_by_are_none():
    """Every run of one method is better by 1/20,000 of the optimum: a tie; by 1/5,000: all signs agree."""
    for apart, p_value in ((np.nextafter(0.9, 1) - 0.9, 1.0), (0.9 / 20_000, 1.0), (0.9 / 5_000, 2**-5)):
        tests = compare_finals(
            with_ends({"zpg": np.full(6, 0.9 - apart), "exact": np.full(6, 0.9)}), 0.9, METHODS
        ).tests
        assert tests["p_value"].item() == p_value
        assert tests["difference"].item() == pytest.approx(apart if p_value < 1 else 0.0, rel=1e-9)
    # One run fails and 19 are as good: that is no evidence, though all signs agree.
    rare = np.full(20, 0.9 - 1e-6)
    rare[3] = 0.7
    assert (
        compare_finals(with_ends({"zpg": rare, "exact": np.full(20, 0.9)}), 0.9, METHODS).tests["p_value"].item() == 1
    )


def test_tests_against_a_reference_are_the_others_minus_it():
    ends = {"exact": np.full(6, 5.0), "zpg": 3 + np.arange(6) / 7, "zspo": 1 + np.arange(6) / 3}
    found = compare_finals(with_ends(ends), 5.0, METHODS)
    assert compare.reference_method(found.finals) == "zpg"
    against = compare.tests_against(found.tests, "zpg").set_index("method")
    assert set(against.index) == {"exact", "zspo"}
    for name in against.index:
        reference = sign_flip_test(ends[name] - ends["zpg"])
        expected = [float(x) for x in (reference.mean, reference.low, reference.high)]
        np.testing.assert_allclose(
            against.loc[name, ["difference", "ci_low", "ci_high"]].astype(float), expected, rtol=1e-9
        )
    assert compare.reference_method(found.finals[found.finals["method"] != "zpg"]) == "exact"


def test_one_method_alone_has_no_tests():
    found = compare_finals(with_ends({"zspo": np.array([1.0, 2.0])}), 5.0, METHODS)
    assert found.tests.empty
    assert compare.tests_against(found.tests, "zspo").empty


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
