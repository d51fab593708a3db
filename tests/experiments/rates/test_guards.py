"""Guards: a run that is too short, or a step above the theorem's, decides nothing; a planted fault still does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from estimators import stationary_law
from estimators.feedback import preferences
from experiments.catalogue.claims import Claim, Setup
from experiments.catalogue.lookup import find
from experiments.catalogue.shipped_claims import controls, stated_claims
from experiments.rates.mixing import mixing_near
from experiments.rates.run_claims import run_claims
from experiments.running.execution import Execution
from experiments.statistics.verdicts import Outcome
from theory import STATED_RATE

STATED_N = next(claim for claim in stated_claims() if claim.name == "zpg N circular")
SHORT_N = replace(STATED_N, grid=(1e4, 1e6, 1e8), replicates=8)
HOW = Execution(seed=5, jobs=1)


def judged(claim: Claim, kind: str = "claim") -> pd.Series:
    given = {"claims": [claim]} if kind == "claim" else {"claims": [], "controls": [claim]}
    return run_claims(**given, execution=HOW).verdicts.iloc[0]  # type: ignore[arg-type]


def with_length(n_iterations: int, **other: float) -> Claim:
    return replace(SHORT_N, setup=replace(SHORT_N.setup, n_iterations=n_iterations, **other))


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("n_iterations", "burn_in"),
    [(40, 0.5), pytest.param(400, 0.01, marks=SLOW), pytest.param(400, 0.99, marks=SLOW)],
)
def test_runs_that_have_not_mixed_decide_nothing(n_iterations: int, burn_in: float) -> None:
    """Planted: too short a run, too short a burn-in, too short an average. Mixing takes 14 iterations there."""
    row = judged(with_length(n_iterations, burn_in=burn_in))
    assert row["outcome"] == Outcome.UNDECIDED
    assert "not mixed at N = " in row["reason"]


@SLOW
def test_runs_that_have_mixed_decide() -> None:
    assert judged(with_length(400))["outcome"] == Outcome.HOLDS


@pytest.mark.parametrize("axis", ["T", pytest.param("N", marks=SLOW)])
def test_a_planted_step_is_still_caught(axis: str) -> None:
    """The guard reads the law of the step that the claim promises. A false alarm has probability 5%; the seed is fixed.

    Without the promise the law says that such a run never mixes, and nothing would be decided.
    """
    control = next(claim for claim in controls(axis=axis) if f"too large, {axis}" in claim.name)
    small = replace(control, grid=control.grid[:3], replicates=8)
    assert judged(small, "control")["outcome"] == Outcome.VIOLATED
    if axis == "N":
        assert judged(replace(small, promise=None), "control")["outcome"] == Outcome.UNDECIDED


def transient(instance: str, step_scale: float, **other: bool) -> Claim:
    setup = Setup(1, radius=0.01, step_scale=step_scale)
    return Claim("T", "zpg", instance, "T", (64.0, 128.0, 256.0), setup, STATED_RATE, 8, False, "", **other)


def test_a_step_above_the_theorems_violates_nothing_and_names_the_limit() -> None:
    row = judged(transient("circular", 15.0, conditional=True))
    assert row["outcome"] == Outcome.UNDECIDED
    assert "is not below 3/(4 L d) = 0.18" in row["reason"]
    assert "--step-scale 0.61 or less" in row["reason"]
    # A shipped claim promises its step: there the same run is a fault.
    assert judged(transient("circular", 15.0))["outcome"] == Outcome.VIOLATED


def test_a_plateau_decides_nothing() -> None:
    row = judged(transient("bandit", 0.01))
    assert row["outcome"] == Outcome.UNDECIDED
    assert "has not left the plateau" in row["reason"]


def test_a_transient_on_an_instance_with_a_law_decides_nothing() -> None:
    claim = replace(transient("circular", 1.0), grid=(2.0, 4.0, 8.0))
    row = judged(claim)
    assert row["outcome"] == Outcome.UNDECIDED
    assert "still in their transient" in row["reason"]


@pytest.mark.parametrize("method", ["zpg", "zbcpg-1", "zbcpg-d"])
def test_mixing_to_leading_order_is_that_of_the_whole_law(method: str) -> None:
    """Two routes: the Hessian alone, and the exact moments at a small radius."""
    where = find("instance", "circular-bandits-4")
    built = find("method", method).build(4, preferences(1e8, float("inf"), where.link), np.asarray(0.02))
    law = stationary_law(where.mdp, where.policy, built, where.start, 0.1, np.random.default_rng(1))
    assert mixing_near(where, method, 0.1) == pytest.approx(1 / (1 - law.decay), rel=0.01)
