"""Replicates that repeat each other: nothing follows from them, however many there are."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from experiments.catalogue.lookup import find
from experiments.catalogue.shipped_claims import stated_claims
from experiments.rates import planted_faults
from experiments.rates.energy_claim import EnergyClaim
from experiments.rates.floor_claims import floor_claims
from experiments.rates.floor_verdicts import FloorOutcome
from experiments.rates.run_claims import run_claims
from experiments.rates.run_energy import run_energy
from experiments.rates.run_floors import run_floors
from experiments.running.execution import Execution
from experiments.statistics.equivalence import p_values, ratio_of
from experiments.statistics.power_law import fit_power_law
from experiments.statistics.repeats import REPEATED, repeat_each_other, unless_repeated
from experiments.statistics.sequential import SequentialPlan, judge_sequentially
from experiments.statistics.verdicts import Outcome, judge
from tests.experiments.statistics.test_sequential import GRID, Laboratory, Stated, table

HERE = Execution(seed=3, jobs=1)
SHARED = planted_faults.shared_draws(find("method", "zpg"))


def test_two_equal_columns_are_enough() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=(4, 9))
    assert not repeat_each_other(values)
    assert not repeat_each_other(values[:, :1])
    for first, second in pairwise([3, 8, 0]):
        copied = values.copy()
        copied[:, second] = copied[:, first]
        assert repeat_each_other(copied)
        assert repeat_each_other(copied * (1 + 1e-14 * values))  # rounding
        copied[2, second] *= 1 + 1e-7  # one point tells them apart
        assert not repeat_each_other(copied)
    assert repeat_each_other([1.0, 2.0, 1.0])
    assert not repeat_each_other([1.0, 2.0, 3.0])


def test_replicates_that_share_the_first_point_are_different() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=(4, 9))
    values[0] = 1.0  # as at the start of runs
    assert not repeat_each_other(values)


@pytest.mark.parametrize("slope", [-0.5, -0.45, 0.0])
def test_a_fit_knows_nothing(slope: float) -> None:
    """Whatever its slope is: no call, and more replicates are not asked for."""
    copies = np.array(GRID)[:, None] ** [[slope]] * np.ones(32)
    fit = fit_power_law(GRID, copies)
    assert (fit.standard_error, fit.ci_low, fit.ci_high) == (math.inf, -math.inf, math.inf)
    assert fit.slope == pytest.approx(slope)
    verdict = judge(fit, Stated("copies"))
    assert verdict.outcome is Outcome.UNDECIDED
    assert not verdict.tight
    assert REPEATED in verdict.reason
    lab = Laboratory({"copies": copies, "sound": table(np.random.default_rng(2), -0.5, 0.01)})
    plan = SequentialPlan((8, 16, 32), until_tight=True)
    result, sound = judge_sequentially([Stated("copies"), Stated("sound")], lab.measure, plan)
    assert (result.verdict.outcome, result.n_looks) == (Outcome.UNDECIDED, 1)
    assert REPEATED in result.verdict.reason
    assert sound.verdict.tight


def test_programs_that_ignore_their_seed_make_no_wrong_call() -> None:
    """The slope is on the border, where half of all noisy tables lie on the wrong side. An error of 0 calls each."""
    rng = np.random.default_rng(4)
    wrong, naive = 0, 0
    for _ in range(200):
        one = table(rng, -0.45, 0.1, 1)
        naive += judge(fit_power_law(GRID, one), Stated("border")).outcome is Outcome.HOLDS
        wrong += judge(fit_power_law(GRID, np.repeat(one, 16, axis=1)), Stated("border")).outcome is not (
            Outcome.UNDECIDED
        )
    assert wrong == 0
    assert naive > 50  # what a standard error of 0 would have said


def test_a_ratio_knows_nothing() -> None:
    for value in (1.0, 1.5):
        samples = np.full(16, value)
        exact, violated = p_values(unless_repeated(ratio_of(samples, 1.0), samples), 0.05)
        assert min(exact, violated) >= 0.5


def test_a_method_that_draws_once_for_all_replicates_is_found() -> None:
    """On an axis, on a floor and in an energy balance; each of the three is judged at one place of its own."""
    named = {claim.name: claim for claim in stated_claims("quick")}
    claim = replace(named["zpg N circular"], method=SHARED)
    short = replace(claim, setup=replace(claim.setup, n_iterations=40))
    (row,) = run_claims([short], execution=HERE).verdicts.to_dict("records")
    assert row["outcome"] == Outcome.UNDECIDED
    assert REPEATED in row["reason"]
    floor = floor_claims("quick")[2]  # the first that can be judged
    energy = EnergyClaim("energy", "zpg", "bandit", 2.0, replicates=4, run_as=SHARED)
    (on_floor,) = run_floors([replace(floor, run_as=SHARED, replicates=4)], execution=HERE).rows.to_dict("records")
    (on_energy,) = run_energy([energy], execution=HERE).rows.to_dict("records")
    for found in (on_floor, on_energy):
        assert found["outcome"] == FloorOutcome.UNDECIDED
        assert found["reason"] == REPEATED


def test_what_draws_nothing_says_so_and_is_exact() -> None:
    """Standing still is exactly slope 0; the same without the declaration says nothing."""
    still = planted_faults.never_moving(find("method", "zpg"))
    named = {claim.name: claim for claim in stated_claims("quick")}
    for declared, outcome in ((True, Outcome.VIOLATED), (False, Outcome.UNDECIDED)):
        claim = replace(named["zpg T circular"], method=replace(still, deterministic=declared))
        (row,) = run_claims([claim], execution=HERE).verdicts.to_dict("records")
        assert row["outcome"] == outcome


def test_copies_that_differ_by_a_factor_say_nothing_either() -> None:
    one = table(np.random.default_rng(6), -0.5, 0.1, 1)
    factors = np.random.default_rng(7).gamma(50, 0.02, 16)
    fit = fit_power_law(GRID, one * factors)
    assert fit.standard_error == math.inf
    assert judge(fit, Stated("factors")).outcome is Outcome.UNDECIDED


def test_what_else_is_there_hides_no_copy_and_makes_none() -> None:
    assert repeat_each_other([[1.0, 2.0, 1.0], [2.0, 1.0, 2.0]])  # all sums are equal
    assert not repeat_each_other([1e-11, 2e-11, 3e-11, 1.0])  # beside a large value
    assert not repeat_each_other(np.random.default_rng(8).gamma(2.0, size=4096))


def test_exact_ascent_is_exact() -> None:
    named = {claim.name: claim for claim in stated_claims("quick")}
    (row,) = run_claims([replace(named["zpg T circular"], method="exact")], execution=HERE).verdicts.to_dict("records")
    assert row["outcome"] == Outcome.HOLDS
    assert row["ci_low"] == row["ci_high"]
