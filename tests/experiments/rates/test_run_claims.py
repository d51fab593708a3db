"""From claims to verdicts, bounds and certificates, on claims small enough to run in a second."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from experiments.catalogue.certificates import CertificateCheck
from experiments.catalogue.instances import INSTANCES
from experiments.catalogue.lookup import find
from experiments.catalogue.shipped_claims import (
    controls,
    sharpened_claims,
    stated_claims,
)
from experiments.rates.exact_claims import exact_claims, exact_controls
from experiments.rates.point_bounds import bound_point
from experiments.rates.run_claims import run_claims
from experiments.rates.smoothness import estimate_smoothness
from experiments.running.execution import Execution
from experiments.statistics.power_law import fit_power_law
from experiments.statistics.verdicts import Outcome, judge
from theory import STATED_RATE, InputError, hessian_norm, optimal_value, smoothness_bound

METHODS_CLAIMED = ("zpg", "zbcpg-1", "zbcpg-3", "zbcpg-d")
QUICK_N = next(claim for claim in stated_claims() if claim.name == "zpg N circular")
SMALL = replace(QUICK_N, grid=(1e4, 1e5, 1e6), replicates=12, setup=replace(QUICK_N.setup, n_iterations=400))


def test_a_claim_goes_from_cells_to_a_verdict():
    results = run_claims(
        [SMALL], [CertificateCheck("check", "zpg", "bandit", replicates=4)], execution=Execution(seed=5, jobs=1)
    )
    verdict = results.verdicts.iloc[0]
    assert verdict["outcome"] == Outcome.HOLDS
    assert verdict["ci_low"] < verdict["slope"] < verdict["ci_high"]
    assert results.passed
    assert len(results.points) == 3 + 5
    assert len(results.certificates) == 5
    np.testing.assert_allclose(results.points["ratio"], results.points["mean"] / results.points["bound"])


def test_a_radius_that_does_not_shrink_is_caught():
    """The smoothing floor of mu = 0.3 hides the N term: the very check above must say VIOLATED."""
    fault = replace(SMALL, name="fault", setup=replace(SMALL.setup, radius=0.3))
    results = run_claims([fault], execution=Execution(seed=5, jobs=1))
    assert results.verdicts.iloc[0]["outcome"] == Outcome.VIOLATED
    assert not results.passed


def test_votes_show_under_a_link_that_is_not_symmetric():
    """A repeated rater leaves slope 0 there, and hides behind the schedule's smoothing under a symmetric link.

    The control is called VIOLATED wrongly with probability 5%, were the claim true; the seed is fixed.
    """
    control = next(claim for claim in controls(axis="M") if "cloglog" in claim.name)
    hidden = replace(control, name="hidden", instance="circular", rate=STATED_RATE, grid=(256.0, 1024.0, 4096.0))
    results = run_claims([hidden], controls=[control], execution=Execution(seed=5, jobs=1))
    slopes = results.verdicts.set_index("claim")["slope"]
    assert results.verdicts["outcome"].tolist() == [Outcome.HOLDS, Outcome.VIOLATED]
    assert abs(slopes[control.name]) < 0.02
    assert abs(slopes["hidden"] + 0.5) < 0.05


def test_an_exceeded_certificate_fails_the_run():
    results = run_claims(
        [SMALL], [CertificateCheck("check", "zpg", "bandit", replicates=4)], execution=Execution(seed=5, jobs=1)
    )
    results.points.loc[results.points["proved"], "ratio"] = 1.5
    assert not results.passed


def test_same_seed_same_tables():
    first, again, other = (run_claims([SMALL], execution=Execution(seed=seed, jobs=1)) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(first.points, again.points, check_exact=True)
    pd.testing.assert_frame_equal(first.verdicts, again.verdicts, check_exact=True)
    assert first.verdicts["slope"].tolist() != other.verdicts["slope"].tolist()


def test_bound_of_a_tail_starts_at_the_tail():
    """Without noise and with a vanishing radius, the bound is 2 (V* - V) / (alpha (T - first))."""
    instance = find("instance", "circular")
    (_, point), _ = replace(SMALL, axis="T", grid=(100.0, 200.0), setup=replace(SMALL.setup, radius=1e-9)).points()
    bound = bound_point(instance, find("method", "zpg"), point, 3.0, 1.0, proved=False)
    assert float(bound.total) == pytest.approx(2 * (optimal_value(instance.mdp) - 3.0) / (point.step_size * 50))


def test_smoothness_estimate_lies_between_what_is_seen_and_what_is_proved():
    instance = find("instance", "circular")
    rng = np.random.default_rng(0)
    estimate = estimate_smoothness(instance, rng)
    seen = hessian_norm(instance.mdp, instance.policy, rng.uniform(0, 2 * np.pi, (500, 5))).max()
    assert seen * 0.99 <= estimate <= smoothness_bound(instance.mdp, instance.policy)


def test_stated_claims_cover_every_algorithm_and_axis():
    claims, sharpened = stated_claims(), sharpened_claims()
    assert len({claim.name for claim in claims}) == len(claims)
    covered = {(claim.method, claim.axis) for claim in claims if claim.instance == "circular" and claim.axis != "d"}
    published = {(name, axis) for name in METHODS_CLAIMED for axis in ("T", "N", "M")}
    # Without a bias of finite M there is no claim along M.
    until = {("zpg-until", "T"), ("zpg-until", "N")}
    assert covered == published | until | {(name, "eps") for name in METHODS_CLAIMED}
    tight = {(claim.method, claim.axis) for claim in claims if claim.two_sided and claim.instance == "circular"}
    assert tight == published | until
    assert {(claim.method, claim.axis) for claim in sharpened} == {
        *((n, a) for n in METHODS_CLAIMED for a in ("N", "M")),
        ("zpg-until", "N"),
    }
    assert {claim.exponent for claim in claims if claim.axis in "NM"} == {-0.5}
    assert {claim.exponent for claim in sharpened if claim.axis == "M"} == {-1.0}
    assert all(claim.margin == 0.05 for claim in (*claims, *sharpened, *exact_claims()))
    assert [claim.replicates for claim in stated_claims("paper")] == [8 * claim.replicates for claim in claims]


def test_selections():
    assert {claim.method for claim in stated_claims(method="zbcpg")} == {"zbcpg-1", "zbcpg-3", "zbcpg-d"}
    assert {claim.axis for claim in stated_claims(axis="M")} == {"M"}
    for call in (
        lambda: stated_claims(method="sgd"),
        lambda: stated_claims(axis="Q"),
        lambda: find("instance", "moon"),
    ):
        with pytest.raises(InputError, match="must be one of"):
            call()


@pytest.mark.parametrize("name", sorted(INSTANCES))
def test_every_instance_builds_and_its_link_is_invertible(name):
    instance = find("instance", name)
    assert instance.start.shape == (instance.policy.dim,)
    assert instance.mdp.reward_lattice is not None
    low, high = instance.link.probability(-instance.mdp.horizon), instance.link.probability(instance.mdp.horizon)
    assert 0 < low < 0.5 < high < 1
    assert math.isfinite(optimal_value(instance.mdp))


def test_circular_optimum_is_unique_and_not_degenerate():
    """What the N and M designs rest on: from every start, exact ascent ends in one maximum that curves every way."""
    from theory import policy_gradient, policy_hessian, policy_value

    instance = find("instance", "circular")
    theta = np.random.default_rng(1).uniform(0, 2 * np.pi, (64, instance.policy.dim))
    for _ in range(800):
        theta = theta + 0.5 * policy_gradient(instance.mdp, instance.policy, theta)
    values = policy_value(instance.mdp, instance.policy, theta)
    assert np.ptp(values) < 1e-6
    assert np.linalg.eigvalsh(policy_hessian(instance.mdp, instance.policy, theta)).max() < -0.1


@pytest.mark.parametrize("claim", exact_claims(), ids=lambda claim: claim.name)
def test_exact_claims_hold(claim):
    verdict = judge(fit_power_law(claim.grid, claim.values()), claim)
    assert verdict.outcome == Outcome.HOLDS
    assert verdict.tight == claim.two_sided


@pytest.mark.parametrize("claim", exact_controls(), ids=lambda claim: claim.name)
def test_planted_faults_are_caught_exactly(claim):
    assert judge(fit_power_law(claim.grid, claim.values()), claim).outcome == Outcome.VIOLATED


def test_smoothing_bias_is_of_order_two():
    """Stated order mu; opposite directions cancel the even terms, so it is mu^2."""
    for claim in exact_claims():
        if claim.name.startswith("smoothing"):
            assert fit_power_law(claim.grid, claim.values()).slope == pytest.approx(2.0, abs=0.01)


def test_every_control_is_run_and_named():
    names = [claim.name for claim in (*controls(), *exact_controls())]
    assert len(set(names)) == len(names) == 11
    assert all(name.startswith("control: ") for name in names)


def test_a_claim_outside_the_family_leaves_the_others_as_they_were():
    """Its p-values are those of a family of one, and the family's those of the family without it."""
    other = replace(SMALL, name="other", in_family=False)
    how = Execution(seed=5, jobs=1)
    both = run_claims([other, SMALL], execution=how).verdicts.set_index("claim")
    alone, without = (run_claims([claim], execution=how).verdicts.set_index("claim") for claim in (other, SMALL))
    for name, reference in (("other", alone), (SMALL.name, without)):
        for column in ("slope", "p_holds", "p_violated", "outcome", "in_family"):
            assert both.loc[name, column] == reference.loc[name, column]
    assert both["in_family"].tolist() == [False, True]
