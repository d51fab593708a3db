"""Certificates that bite: no run exceeds one, and a learner that never moves exceeds them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from experiments.catalogue.certificates import SHORT, CertificateCheck
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from experiments.catalogue.shipped_claims import certificate_checks
from experiments.commands.rate_tables import _certificate_line
from experiments.rates.cells import cells_of, run_cells
from experiments.rates.rows import point_rows
from experiments.running.execution import Execution
from theory import (
    Logistic,
    TabularMDP,
    TabularSoftmax,
    bandit,
    certificate,
    optimal_value,
    policy_value,
    smoothness_bound,
)


class Still:
    """A learner that never moves."""

    n_trajectories = n_votes = np.array(0.0)

    def begin(self, *_):
        return lambda theta, *_: theta


STILL = Method("still", "never moves", lambda *_: Still(), stacks=True)


def certificates_of(checks: list[CertificateCheck]) -> pd.DataFrame:
    rows = run_cells([cell for check in checks for cell in cells_of(check, 3)], Execution(jobs=1))
    return pd.concat([point_rows(check, rows[rows["claim"] == check.name]) for check in checks], ignore_index=True)


def test_a_learner_that_never_moves_exceeds_at_least_30() -> None:
    """Exact: its mean squared gradient norm is that of the start. Two of the methods and six instances are enough."""
    checks = [
        check for name in ("zpg", "zbcpg-1") for check in certificate_checks(name) if check.instance != "circular"
    ]
    found = certificates_of([replace(check, method=STILL, replicates=1) for check in checks])
    exceeded = found[found["ratio"] > 1]
    assert len(exceeded) >= 30
    assert exceeded["instance"].nunique() >= 5
    assert found["informative"].tolist() == (found["ratio"] > 1).tolist()
    line = _certificate_line(found)
    assert f"{len(exceeded)} exceeded; a run that never moved would exceed {len(exceeded)} on" in line


def test_learners_that_move_exceed_none() -> None:
    found = certificates_of([c for c in certificate_checks() if c.instance in ("bandit", "risky-bandit")])
    assert len(found) == 3 * 5 + 2 * 2 + 3, "with votes until the first disagreement M makes no difference"
    assert (found["ratio"] < 0.5).all()
    assert found["proved"].all()
    assert found["informative"].all()


@pytest.mark.parametrize("check", certificate_checks("zpg"), ids=lambda check: check.name)
def test_settings_are_those_that_the_bound_asks_for(check: CertificateCheck) -> None:
    """No other step or radius of a fine grid has a smaller bound, by more than the coarseness of the choice."""
    instance = find("instance", check.instance)
    dim, smoothness = instance.policy.dim, smoothness_bound(instance.mdp, instance.policy)
    points = [point for _, point in check.points()]
    assert math.isinf(points[0].n_pairs)
    assert math.isinf(points[0].n_queries)
    assert any(math.isfinite(point.n_pairs) for point in points)
    for point in points:
        assert smoothness * point.step_size * dim < 0.75
        assert point.n_iterations == points[0].n_iterations <= check.most_iterations
    by_trajectories = next(point for point in points if point.n_pairs == 1e10)

    def bound(step_size, radius):
        gap = optimal_value(instance.mdp) - policy_value(instance.mdp, instance.policy, by_trajectories.start)
        return certificate(
            value_gap=gap,
            dim=dim,
            smoothness=smoothness,
            n_iterations=by_trajectories.n_iterations,
            step_size=step_size,
            radius=radius,
            n_pairs=by_trajectories.n_pairs,
            inversion_bias=0.0,
            second_moment=float(instance.mdp.largest_return_steps[-1] / instance.mdp.require_lattice()) ** 2,
        ).total

    chosen = bound(by_trajectories.step_size, by_trajectories.radius)
    factors = np.geomspace(0.2, 1.5, 60)
    around = bound(by_trajectories.step_size * factors[:, None], by_trajectories.radius * np.geomspace(0.2, 5, 60))
    assert chosen <= 1.01 * around.min()


def test_where_nothing_would_be_said_one_short_run_is_made() -> None:
    for instance in ("frozenlake", "circular-frozenlake"):
        ((_, point),) = CertificateCheck("check", "zpg", instance).points()
        assert point.n_iterations == SHORT
    never = TabularMDP(np.ones((1, 2, 1)), np.zeros((1, 2)), [1.0], 3)
    flat = Instance("flat", "", never, TabularSoftmax(1, 2), np.zeros(2), Logistic())
    found = certificates_of([CertificateCheck("check", "zpg", flat)])
    assert found[["mean", "bound", "informative"]].iloc[0].tolist() == [0, 0, False]


def test_large_tables_of_votes_are_left_out() -> None:
    fine = bandit([0.1, 0.9], horizon=400)
    instance = Instance("fine", "", fine, TabularSoftmax(1, 2), np.zeros(2), Logistic(200))
    points = CertificateCheck("check", "zpg", instance, most_iterations=10**6).points()
    assert {point.n_queries for _, point in points} == {math.inf}
