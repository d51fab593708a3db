"""The d claim: its exponent and its level are predicted exactly, and depend on how tr(A) grows, A = -Hessian of V."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import stdtr

from experiments.catalogue.claims import Point
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.catalogue.shipped_claims import stated_claims
from experiments.rates.cells import cells_of, run_cells
from experiments.rates.run_claims import measured
from experiments.running.execution import Execution
from experiments.statistics.power_law import fit_power_law
from theory import policy_hessian, return_distribution

CLAIM = next(claim for claim in stated_claims(axis="d"))


def curvature(instance: Instance) -> np.ndarray:
    """A = -Hessian of V at the optimum, where the runs start."""
    return -policy_hessian(instance.mdp, instance.policy, instance.start)


def variance(instance: Instance) -> float:
    """Var(R1 - R0) of a pair at the optimum."""
    return 2 * float(return_distribution(instance.mdp, instance.policy, instance.start).variance)


def predicted_floor(instance: Instance, point: Point) -> float:
    """Stationary E|grad V|^2 for A = a I, to leading order: noise, alpha d s^2 tr(A) / (mu^2 N (2 - alpha d a)), with
    the noise of the curvature along v, (mu a / 2)^2 a step, added to s^2 / (mu^2 N).
    """
    dim, a = instance.policy.dim, curvature(instance)[0, 0]
    noise = variance(instance) / (point.radius**2 * point.n_pairs) + (point.radius * a / 2) ** 2
    return point.step_size * dim * noise * a * dim / (2 - point.step_size * dim * a)


def test_hessian_is_a_multiple_of_the_identity_and_the_same_law_for_every_d() -> None:
    instances = [find("instance", name) for name, _ in CLAIM.points()]
    for instance in instances:
        matrix = curvature(instance)
        np.testing.assert_allclose(matrix, curvature(instances[0])[0, 0] * np.eye(len(matrix)), atol=1e-9)
        assert variance(instance) == pytest.approx(variance(instances[0]), rel=1e-9)
        assert instance.mdp.horizon == 16


@pytest.mark.parametrize(("family", "grid", "exponent"), [("circular-steps", (1, 2, 4, 8, 16), 1.5),
                                                          ("circular-bandits", (4, 8, 16, 32), 0.5)])  # fmt: skip
def test_predicted_exponent_is_that_of_the_trace_times_the_root_of_d(
    family: str, grid: tuple[int, ...], exponent: float
) -> None:
    """c s^2 tr(A) sqrt(d) / (2 H sqrt(N)), the floor for small steps: the stated d^(3/2) where tr(A) grows with d."""
    instances = [find("instance", f"{family}-{dim}") for dim in grid]
    floors = [
        variance(one) * np.trace(curvature(one)) * math.sqrt(one.policy.dim) / one.mdp.horizon for one in instances
    ]
    assert fit_power_law(grid, floors).slope == pytest.approx(exponent, abs=1e-6)


@pytest.mark.slow
def test_measured_floors_are_the_predicted_ones() -> None:
    """No free constant. False-alarm rate 1e-6 a point; sees a level off by 15% with probability 0.9 or more."""
    values = measured(run_cells(cells_of(CLAIM, 41), Execution(jobs=1)))
    for level, (name, point) in zip(values, CLAIM.points(), strict=True):
        ratio = level / predicted_floor(find("instance", name), point)
        t = (ratio.mean() - 1) / (ratio.std(ddof=1) / math.sqrt(ratio.size))
        assert stdtr(ratio.size - 1, -abs(t)) > 5e-7, (name, ratio.mean())
