"""Smoothness constants, the certificate, and the schedules of the rates."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from theory import (
    SHARPENED_RATE,
    STATED_RATE,
    CircularPolicy,
    InputError,
    LogLinearSoftmax,
    Policy,
    Rate,
    Schedule,
    TabularMDP,
    TabularSoftmax,
    bandit,
    certificate,
    chain,
    garnet,
    hessian_norm,
    policy_gradient,
    policy_hessian,
    sharpened_schedule,
    smoothness_bound,
    stated_schedule,
)

GARNET = garnet(4, 3, 2, 3, np.random.default_rng(1))
FEATURES = np.random.default_rng(2).normal(size=(4, 3, 2))
INSTANCES = [
    pytest.param(bandit([0.0, 1.0]), TabularSoftmax(1, 2), id="bandit"),
    pytest.param(bandit([0.0, 1.0], horizon=4), TabularSoftmax(1, 2), id="repeated-bandit"),
    pytest.param(bandit([0.0, 0.5, 1.0], horizon=3), CircularPolicy(1, 3, 2.0), id="circular-bandit"),
    pytest.param(GARNET, TabularSoftmax(4, 3), id="garnet"),
    pytest.param(GARNET, TabularSoftmax(4, 3, 3), id="time-dependent"),
    pytest.param(GARNET, LogLinearSoftmax(FEATURES), id="log-linear"),
    pytest.param(GARNET, CircularPolicy(4, 3, 1.5), id="circular"),
    pytest.param(chain(3, 5, slip=0.1), TabularSoftmax(3, 2), id="chain"),
]


@pytest.mark.parametrize(("mdp", "policy"), INSTANCES)
def test_smoothness_bound_holds(mdp: TabularMDP, policy: Policy) -> None:
    """At 200 random points the operator norm of the exact Hessian stays below L, and it is not negligible."""
    bound = smoothness_bound(mdp, policy)
    rng = np.random.default_rng(3)
    theta = rng.choice([0.3, 1.0, 3.0], (200, 1)) * rng.normal(size=(200, policy.dim))
    largest = hessian_norm(mdp, policy, theta).max()
    assert bound / 1000 < largest <= bound
    other = rng.permutation(theta)
    gaps = np.linalg.norm(policy_gradient(mdp, policy, theta) - policy_gradient(mdp, policy, other), axis=1)
    assert (gaps <= bound * np.linalg.norm(theta - other, axis=1)).all()


@pytest.mark.parametrize(("mdp", "policy"), INSTANCES)
def test_hessian_norm_is_the_operator_norm(mdp: TabularMDP, policy: Policy) -> None:
    theta = np.random.default_rng(4).normal(size=(2, 3, policy.dim))
    norm = hessian_norm(mdp, policy, theta)
    expected = np.linalg.norm(policy_hessian(mdp, policy, theta), ord=2, axis=(-2, -1))
    np.testing.assert_allclose(norm, expected, rtol=1e-10, atol=1e-14)


def test_smoothness_bounds_in_closed_form() -> None:
    assert smoothness_bound(GARNET, TabularSoftmax(4, 3)) == 9 / 2
    assert smoothness_bound(GARNET, CircularPolicy(4, 3, 1.5)) == pytest.approx(9 * (1.5 + 1.5**2), rel=1e-14)
    line = LogLinearSoftmax([[[0.0], [3.0]]])
    assert smoothness_bound(bandit([0.2, 0.4], horizon=2), line) == pytest.approx(2 * (9 / 4 + 9 / 4), rel=1e-14)


TERMS = {
    "value_gap": 1.5,
    "dim": 6,
    "smoothness": 2.0,
    "n_iterations": 100,
    "step_size": 0.01,
    "radius": 0.25,
    "n_pairs": 50,
    "inversion_bias": 0.03,
    "second_moment": 4.0,
}


def test_certificate_by_hand() -> None:
    bound = certificate(**TERMS)
    assert float(bound.transient) == pytest.approx(3.0, rel=1e-14)  # 2 * 1.5 / (0.01 * 100)
    assert float(bound.bias) == pytest.approx(2.5 * 6 * (0.25 + 0.12) ** 2, rel=1e-14)
    assert float(bound.noise) == pytest.approx(6 * 4 / (4 * 0.0625 * 50), rel=1e-14)
    assert float(bound.total) == pytest.approx(3.0 + 15 * 0.37**2 + 1.92, rel=1e-14)
    assert bound.proved
    formula = certificate(**TERMS, proved=False)
    assert not formula.proved
    for name in ("transient", "bias", "noise", "total"):
        assert getattr(formula, name) == getattr(bound, name)


def test_certificate_broadcasts() -> None:
    pairs, iterations = np.array([10.0, 100.0, math.inf]), np.array([[10], [1000]])
    bound = certificate(**{**TERMS, "n_pairs": pairs, "n_iterations": iterations})
    assert bound.total.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        one = certificate(**{**TERMS, "n_pairs": pairs[j], "n_iterations": iterations[i, 0]})
        assert bound.total[i, j] == pytest.approx(float(one.total), rel=1e-14)
    assert bound.noise[..., 2] == 0


def test_step_at_the_limit_is_certified_and_above_it_refused() -> None:
    limit = 1 / (4 * TERMS["smoothness"] * TERMS["dim"])
    certificate(**{**TERMS, "step_size": limit})
    for step in (limit * 1.001, [limit / 2, limit * 2]):
        with pytest.raises(InputError, match=r"step_size must be at most 1 / \(4 L d\) = 0.0208333 for a certificate"):
            certificate(**{**TERMS, "step_size": step})
        assert not certificate(**{**TERMS, "step_size": step}, proved=False).proved


def test_stated_schedule_by_hand() -> None:
    found = stated_schedule(dim=4, horizon=3, n_pairs=[9.0, 1e8], n_queries=256)
    np.testing.assert_allclose(found.radius**2, [0.5, 1 / 16], rtol=1e-14)  # 3 / sqrt(36), then 1 / sqrt(256)
    assert float(found.step_size) == 0.25
    scaled = stated_schedule(dim=4, horizon=3, n_pairs=9, n_queries=256, radius_scale=2.0, step_scale=[0.5, 1.0])
    assert float(scaled.radius) == pytest.approx(2 * math.sqrt(0.5), rel=1e-14)
    np.testing.assert_allclose(scaled.step_size, [0.125, 0.25], rtol=1e-14)


def test_sharpened_schedule_by_hand() -> None:
    found = sharpened_schedule(dim=4, horizon=3, n_pairs=[100.0, 1e8], n_queries=256)
    np.testing.assert_allclose(found.radius**2, [0.1, 1 / 256], rtol=1e-14)
    assert float(found.step_size) == 0.25


@pytest.mark.parametrize("schedule", [stated_schedule, sharpened_schedule])
def test_an_axis_at_infinity_leaves_the_other_one(schedule: Callable[..., Schedule]) -> None:
    for axis, other in (("n_pairs", "n_queries"), ("n_queries", "n_pairs")):
        alone = schedule(dim=2, horizon=3, **{axis: math.inf, other: np.array([10.0, 1000.0])})
        assert (np.diff(alone.radius) < 0).all()
        assert (alone.radius > 0).all()


@pytest.mark.parametrize("rate", [STATED_RATE, SHARPENED_RATE], ids=["stated", "sharpened"])
def test_exponents_are_those_of_the_certificate_under_the_schedule(rate: Rate) -> None:
    """Each axis and the balanced path have their slope when beta_M is of order M^-1/2 (stated) or M^-1 (sharpened)."""
    inversion = {"stated": 0.5, "sharpened": 1.0}["stated" if rate is STATED_RATE else "sharpened"]

    def total(n_iterations: float, n_pairs: float, n_queries: float) -> float:
        plan = rate.schedule(dim=5, horizon=3, n_pairs=n_pairs, n_queries=n_queries)
        bound = certificate(
            value_gap=1.0,
            dim=5,
            smoothness=1.0,
            n_iterations=n_iterations,
            step_size=plan.step_size,
            radius=plan.radius,
            n_pairs=n_pairs,
            inversion_bias=n_queries**-inversion,
            second_moment=1.0,
            proved=False,
        )
        return float(bound.total)

    inf = math.inf
    paths: dict[str, Callable[[float], float]] = {
        "T": lambda x: total(x, 1e60, 1e60),
        "N": lambda x: total(inf, x, inf),
        "M": lambda x: total(inf, inf, x),
        "eps": lambda x: total(1 / x, x**-2, x**-rate.queries_power),
    }
    for axis, path in paths.items():
        first, second = (1e-5, 1e-6) if axis == "eps" else (1e10, 1e12)
        slope = math.log(path(second) / path(first)) / math.log(second / first)
        assert slope == pytest.approx(rate.exponents[axis], abs=1e-3), axis
