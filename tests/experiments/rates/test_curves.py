"""Claims on curves: right is EXACT at every checkpoint, a wrong step is VIOLATED, and t is the iterate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experiments.rates import run_curves as module
from experiments.rates.curve_claim import CHECKPOINTS, CurveClaim, curve_claims, curve_controls
from experiments.rates.curve_prediction import predict_curves
from experiments.rates.floor_claim import FloorClaim
from experiments.rates.floor_verdicts import FloorOutcome
from experiments.rates.run_curves import curve_ratios, measure_curve, run_curves
from experiments.running.execution import Execution
from theory import InputError, Logistic, policy_gradient

SETTING = FloorClaim(
    "curve of a test", "zbcpg-3", "circular", 1e6, 25, 0.3, 0.4, Logistic(1.0), replicates=512, margin=0.2
)
ROOT, BESIDE = CurveClaim(SETTING), CurveClaim(replace(SETTING, name="beside"), 4.0)
ALONE = Execution(jobs=1)


def test_right_is_exact_and_a_wrong_step_is_not():
    wrong = replace(SETTING.settings, step_size=0.6)
    fault = CurveClaim(replace(SETTING, name="fault", run_at=wrong))
    results = run_curves([ROOT, BESIDE], [fault], ALONE)
    assert results.passed, results.rows
    assert list(results.claims["outcome"]) == [FloorOutcome.EXACT] * 2 + [FloorOutcome.VIOLATED]
    frame = results.to_frame()
    assert len(frame) == 3 * len(CHECKPOINTS)
    rising, falling = (frame[frame["claim"] == claim.name]["predicted"].to_numpy() for claim in (ROOT, BESIDE))
    assert (np.diff(rising) > 0).all()
    assert (np.diff(falling) < 0).all()
    assert rising[-1] == pytest.approx(falling[-1], rel=0.1)


def test_the_iterate_is_that_of_the_checkpoint_and_sides_are_averaged():
    """At the start |grad V|^2 is known exactly. It differs between the sides, so one side alone would be seen."""
    (found,) = predict_curves([BESIDE], ALONE, (0.0, 1.0))
    where = SETTING.where
    assert found.times == (1, 1 + found.mixing)
    values = measure_curve(BESIDE, found, 0, 4, ALONE)
    sides = (policy_gradient(where.mdp, where.policy, np.array(found.starts)) ** 2).sum(axis=1)
    assert np.ptp(sides) > 0.001 * sides.mean()
    np.testing.assert_allclose(values[0], sides.mean(), rtol=1e-10)
    assert np.ptp(values[1]) > 0
    (root,) = predict_curves([ROOT], ALONE, (0.0, 8.0))
    assert found.predicted[0] == pytest.approx(4 * root.predicted[1] + root.predicted[0], rel=0.02)
    np.testing.assert_allclose(curve_ratios(values, found).value[0], 1, atol=0.01)


def test_one_wrong_checkpoint_is_enough(monkeypatch):
    """Planted: the last reading 10% off. EXACT needs all of them, VIOLATED one."""

    def measured(claim, found, first, last, execution):
        noise = 1 + 0.3 * np.random.default_rng(first).standard_normal((5, last - first))
        off = np.array([1, 1, 1, 1, 1.1 if claim.name == "beside" else 1])
        return noise * (off * np.array(found.predicted))[:, None]

    monkeypatch.setattr(module, "measure_curve", measured)
    small = [replace(c, setting=replace(c.setting, margin=0.05, replicates=4000)) for c in (ROOT, BESIDE)]
    results = run_curves(small, (), ALONE)
    assert list(results.claims["outcome"]) == [FloorOutcome.EXACT, FloorOutcome.VIOLATED]
    assert not results.passed


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (replace(BESIDE, distance=400.0), "at the start |grad V|^2 is"),
        (CurveClaim(replace(SETTING, n_pairs=1e3, n_queries=1)), "outside the linear regime: the next order"),
        (CurveClaim(replace(SETTING, instance="bandit", link=None)), "optimum"),
    ],
    ids=["too far away", "a lot of noise", "no optimum inside"],
)
def test_what_cannot_be_judged_says_why(claim, reason):
    results = run_curves([claim], (), ALONE)
    assert reason in results.claims["reason"].iloc[0]
    assert list(results.claims["outcome"]) == [FloorOutcome.NOT_APPLICABLE]
    assert not results.passed, "nothing was judged"


def test_shipped_curves_rise_and_fall_and_nonsense_is_refused():
    assert {claim.distance for claim in curve_claims()} == {claim.distance for claim in curve_controls()} == {0.0, 4.0}
    paper = curve_claims("paper")
    assert len({claim.name for claim in paper}) == len(paper) == 16
    assert {claim.name for claim in curve_claims()} < {claim.name for claim in paper}
    for claim in curve_controls():
        assert claim.setting.run_at == replace(claim.setting.settings, step_size=0.22000000000000003)
    with pytest.raises(InputError, match="distance of claim 'curve of a test' must be at least 0 floors, got -1"):
        CurveClaim(SETTING, -1.0)
    with pytest.raises(InputError, match="different names"):
        run_curves([ROOT, ROOT])


@pytest.mark.slow
def test_shipped_curves_are_exact_and_their_faults_are_caught():
    results = run_curves(curve_claims(), curve_controls(), Execution(jobs=2))
    assert results.passed
    assert set(results.claims["outcome"]) == {FloorOutcome.EXACT, FloorOutcome.VIOLATED}
