"""Claims on the variance of simulated estimates: they hold, agree with the exact moments, and see wrong programs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtr

from estimators import Blocks, ZerothOrder
from estimators.feedback import PreferenceFeedback, preferences
from estimators.vote_draws import Readings
from experiments.catalogue.lookup import find
from experiments.rates.run_claims import run_claims
from experiments.rates.sampled_claim import SampledClaim, run_sampled_cell, sampled_cells, sampled_variance
from experiments.rates.variance_claims import variance_claims
from experiments.running.execution import Execution
from experiments.statistics.verdicts import Outcome

CLAIMS = {claim.name: claim for claim in variance_claims()}
SMALL = {name: replace(claim, replicates=16, n_estimates=64) for name, claim in CLAIMS.items()}


def outcome_of(claim: SampledClaim) -> Outcome:
    verdicts = run_claims([], sampled=[claim], execution=Execution(seed=7, jobs=1)).verdicts
    outcome: Outcome = verdicts["outcome"].iloc[0]
    return outcome


def test_claims_hold_and_are_attained() -> None:
    """At most 5% of families have a wrong HOLDS or VIOLATED, at most 5% a wrong TIGHT; the seed is fixed."""
    fewer = [replace(claim, n_estimates=128) for claim in CLAIMS.values()]
    results = run_claims([], sampled=fewer, execution=Execution(seed=7, jobs=1))
    assert (results.verdicts["outcome"] == Outcome.HOLDS).all()
    assert results.verdicts["tight"].all()
    assert (results.verdicts["replicates"] >= 32).all()
    assert (results.verdicts["ci_low"] < results.verdicts["ci_high"]).all()
    assert results.passed


def test_samples_that_are_not_averaged_over_pairs_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "variance in N"
    assert outcome_of(SMALL[name]) == Outcome.HOLDS
    read = PreferenceFeedback.read

    def one_pair(feedback: PreferenceFeedback, *drawn: Any) -> Readings:
        values, votes = read(feedback, *drawn)
        return Readings(values[..., :1], votes)

    monkeypatch.setattr(PreferenceFeedback, "read", one_pair)
    assert outcome_of(SMALL[name]) == Outcome.VIOLATED


def test_pairs_that_are_summed_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    read = PreferenceFeedback.read

    def summed(feedback: PreferenceFeedback, *drawn: Any) -> Readings:
        values, votes = read(feedback, *drawn)
        return Readings(feedback.n_pairs * values, votes)

    monkeypatch.setattr(PreferenceFeedback, "read", summed)
    assert outcome_of(SMALL["variance in N"]) == Outcome.VIOLATED


def test_a_radius_that_is_not_divided_by_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "variance in the radius"
    assert outcome_of(SMALL[name]) == Outcome.HOLDS
    monkeypatch.setattr(ZerothOrder, "scale", lambda _, policy: np.asarray(policy.dim))
    assert outcome_of(SMALL[name]) == Outcome.VIOLATED


def test_a_missing_factor_d_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "variance in d"
    assert outcome_of(SMALL[name]) == Outcome.HOLDS
    monkeypatch.setattr(ZerothOrder, "scale", lambda self, _: 1 / np.asarray(self.radius))
    assert outcome_of(SMALL[name]) == Outcome.VIOLATED


@pytest.mark.parametrize("name", CLAIMS)
def test_sampled_variance_is_the_exact_one(name: str) -> None:
    """At the first point of each grid. False-alarm rate 1e-6; sees a variance off by 8% with probability 0.9."""
    setting = CLAIMS[name].settings[0]
    instance = find("instance", setting.instance)
    estimator = ZerothOrder(Blocks(1), preferences(setting.n_pairs, setting.n_queries, instance.link), setting.radius)
    exact = estimator.moments(instance.mdp, instance.policy, np.array(setting.theta))
    means = sampled_variance(setting, (64, 256), np.random.default_rng(8)).mean(axis=-1)
    ratio = means / (exact.variance_trajectory + exact.variance_query)
    t = (ratio.mean() - 1) / (ratio.std(ddof=1) / math.sqrt(ratio.size))
    assert stdtr(ratio.size - 1, -abs(t)) > 5e-7


def test_more_replicates_leave_the_earlier_ones_as_they_were() -> None:
    claim = replace(SMALL["variance in N"], n_estimates=4)
    cells = sampled_cells(claim, 3, 0, 64)
    assert [cell for cell in cells if cell.replicates[0] == 0] == sampled_cells(claim, 3, 0, 32)
    first, again = (run_sampled_cell(cells[0]) for _ in range(2))
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert not first["variance"].equals(run_sampled_cell(sampled_cells(claim, 4, 0, 32)[0])["variance"])


@pytest.mark.slow
def test_rows_are_the_same_in_other_processes(tmp_path) -> None:  # type: ignore[no-untyped-def]
    claim = replace(SMALL["variance in d"], n_estimates=16)
    one, two = (
        run_claims([], sampled=[claim], execution=Execution(seed=3, jobs=jobs, cache=tmp_path / str(jobs)))
        for jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(one.verdicts, two.verdicts, check_exact=True)
