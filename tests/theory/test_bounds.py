"""Smoothness constants, the certificate, and the schedules of the rates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from theory import (
    SHARPENED_RATE,
    STATED_RATE,
    UNBIASED_RATE,
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
    gridworld,
    hessian_norm,
    policy_gradient,
    policy_hessian,
    return_range,
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
    pytest.param(gridworld(["S.", ".G"], 8, 0.1), TabularSoftmax(4, 4), id="gridworld"),
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
    """H (H + 1) / 4 is the least on the garnet, B H / 2 where returns differ by less than (H + 1) / 2."""
    assert return_range(GARNET) == (0.0, 3.0)
    assert smoothness_bound(GARNET, TabularSoftmax(4, 3)) == 3
    assert smoothness_bound(GARNET, CircularPolicy(4, 3, 1.5)) == pytest.approx(6 * (1.5 + 1.5**2), rel=1e-14)
    line = LogLinearSoftmax([[[0.0], [3.0]]])
    assert smoothness_bound(bandit([0.2, 0.4], horizon=2), line) == pytest.approx(1.5 * (9 / 4 + 9 / 4), rel=1e-14)
    goal = gridworld("S.G", 10, 0.1)
    assert return_range(goal) == (0.0, 1.0)
    assert smoothness_bound(goal, TabularSoftmax(3, 4)) == 5


def test_returns_that_cannot_differ_leave_nothing_to_learn() -> None:
    paid = TabularMDP(np.ones((1, 2, 1)), np.full((1, 2), 0.3), [1.0], 4)
    assert return_range(paid) == pytest.approx((1.2, 1.2), rel=1e-14)
    assert smoothness_bound(paid, TabularSoftmax(1, 2)) == pytest.approx(0, abs=1e-14)
    assert certificate(**{**TERMS, "smoothness": 0.0, "step_size": 1e9}).proved


@pytest.mark.parametrize("seed", range(20))
def test_range_of_returns_is_that_of_all_trajectories(seed: int) -> None:
    """Random laws that depend on the step, with impossible outcomes, impossible starts and rewards off any lattice."""
    rng = np.random.default_rng(seed)
    shape = (3, 3, 2, 2)
    law = rng.dirichlet(np.ones(2), shape[:-1]) * (rng.random(shape) < 0.7)
    law[..., 0] += law.sum(axis=-1) == 0
    law /= law.sum(axis=-1, keepdims=True)
    initial = np.array([0.0, 0.4, 0.6])
    successors, rewards = rng.integers(3, size=shape), rng.random(shape)
    mdp = TabularMDP.from_outcomes(law, successors, rewards, initial, 3)
    ends = {(s, 0.0) for s in (1, 2)}
    for h in range(3):
        ends = {
            (int(successors[h, s, a, o]), total + rewards[h, s, a, o])
            for s, total in ends
            for a, o in np.argwhere(law[h, s] > 0)
        }
    returns = [total for _, total in ends]
    assert return_range(mdp) == pytest.approx((min(returns), max(returns)), rel=1e-14)


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
    """c = L alpha d = 0.12, 3/4 - c = 0.63, x = L mu / 2 + beta_M / mu = 0.37."""
    bound = certificate(**TERMS)
    assert float(bound.transient) == pytest.approx(1.5 / 0.63, rel=1e-14)
    assert float(bound.bias) == pytest.approx(1.12 * 6 * 0.37**2 / 0.63, rel=1e-14)
    assert float(bound.noise) == pytest.approx(0.12 * 6 * 4 / (2 * 0.0625 * 50) / 0.63, rel=1e-14)
    assert float(bound.total) == pytest.approx((1.5 + 6.72 * 0.1369 + 0.4608) / 0.63, rel=1e-14)
    assert bound.proved


def test_prediction_is_the_certificate_of_a_quarter() -> None:
    """At c = 1/4: 2 gap / (alpha T) + (5/2) d x^2 + d s^2 / (4 mu^2 N); and so for every step of a prediction."""
    quarter = {**TERMS, "step_size": 1 / 48}
    bound = certificate(**quarter)
    assert float(bound.transient) == pytest.approx(2 * 1.5 * 48 / 100, rel=1e-14)
    assert float(bound.bias) == pytest.approx(2.5 * 6 * 0.37**2, rel=1e-14)
    assert float(bound.noise) == pytest.approx(6 * 4 / (4 * 0.0625 * 50), rel=1e-14)
    for step in (1e-3, 1 / 48, 5.0):
        formula = certificate(**{**TERMS, "step_size": step}, proved=False)
        assert not formula.proved
        assert float(formula.transient) == pytest.approx(2 * 1.5 / (step * 100), rel=1e-14)
        for name in ("bias", "noise"):
            assert float(getattr(formula, name)) == pytest.approx(float(getattr(bound, name)), rel=1e-14)


@pytest.mark.parametrize("c", [0.01, 0.3, 0.7])
@pytest.mark.parametrize("slope", [1.3, 2 * math.sqrt(6) * 0.37])
def test_certificate_is_attained_where_nothing_in_its_proof_is_slack(c: float, slope: float) -> None:
    """Every inequality met with equality, at every iterate, but |grad| sqrt(d) x <= |grad|^2 / 4 + d x^2.

    That one is an equality too at the second slope, and there the certificate is |grad|^2 itself.
    """
    dim, smoothness, radius, n_pairs, x = 6, 2.0, 0.25, 50, 0.37
    step = c / (smoothness * dim)
    size = 2 * dim * slope**2 + 2 * dim**2 * x**2 + dim**2 * TERMS["second_moment"] / (radius**2 * n_pairs)
    gain = step * slope * (slope - math.sqrt(dim) * x) - smoothness * step**2 / 2 * size
    bound = certificate(**{**TERMS, "value_gap": TERMS["n_iterations"] * gain, "step_size": step})
    slack = (slope / 2 - math.sqrt(dim) * x) ** 2
    assert float(bound.total) == pytest.approx(slope**2 + slack / (0.75 - c), rel=1e-12)


def test_certificate_broadcasts() -> None:
    pairs, iterations = np.array([10.0, 100.0, math.inf]), np.array([[10], [1000]])
    bound = certificate(**{**TERMS, "n_pairs": pairs, "n_iterations": iterations})
    assert bound.total.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        one = certificate(**{**TERMS, "n_pairs": pairs[j], "n_iterations": iterations[i, 0]})
        assert bound.total[i, j] == pytest.approx(float(one.total), rel=1e-14)
    assert bound.noise[..., 2] == 0


def test_step_at_the_limit_is_refused_and_below_it_certified() -> None:
    limit = 3 / (4 * TERMS["smoothness"] * TERMS["dim"])
    certificate(**{**TERMS, "step_size": limit * 0.999})
    for step in (limit, limit * 1.001, [limit / 2, limit * 2]):
        with pytest.raises(InputError, match=r"step_size must be below 3 / \(4 L d\) = 0.0625 for a certificate"):
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


@pytest.mark.parametrize("rate", [STATED_RATE, SHARPENED_RATE, UNBIASED_RATE], ids=["stated", "sharpened", "unbiased"])
def test_exponents_are_those_of_the_certificate_under_the_schedule(rate: Rate) -> None:
    """Each axis and the balanced path have their slope, with beta_M of order M^-1/2 (stated), M^-1 (sharpened) or 0."""
    inversion = {id(STATED_RATE): 0.5, id(SHARPENED_RATE): 1.0}.get(id(rate), math.inf)

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
            inversion_bias=0.0 if math.isinf(inversion) else n_queries**-inversion,
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
        if axis not in rate.exponents:
            continue
        first, second = (1e-5, 1e-6) if axis == "eps" else (1e10, 1e12)
        slope = math.log(path(second) / path(first)) / math.log(second / first)
        assert slope == pytest.approx(rate.exponents[axis], abs=1e-3), axis


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("dim", [0, 1.5, True]),
        ("smoothness", [-1e-300, math.inf, math.nan, [1.0]]),
        ("proved", [1, None]),
        ("step_size", [0.0, math.inf, math.nan]),
        ("radius", [0.0, math.inf, -1.0]),
        ("n_iterations", [0.0, math.nan, -math.inf]),
        ("n_pairs", [0.0, math.nan, -math.inf]),
        ("value_gap", [math.inf, math.nan]),
        ("second_moment", [-1e-300, math.inf]),
        ("inversion_bias", [-1e-300, math.nan]),
    ],
)
def test_terms_of_a_certificate_are_refused_at_both_ends_and_in_arrays(name: str, bad: list[Any]) -> None:
    for value in bad:
        single = name in ("dim", "smoothness", "proved")
        for given in (value,) if single else (value, [value, TERMS[name]], [TERMS[name], value]):
            with pytest.raises(InputError, match=f"^{name} must (be|not be) "):
                certificate(**(TERMS | {name: given}))


def test_terms_of_a_certificate_pass_at_their_ends() -> None:
    smallest = {"dim": 1, "smoothness": 0, "second_moment": 0.0, "inversion_bias": 0.0, "value_gap": -1.0}
    assert float(certificate(**(TERMS | smallest)).total) == pytest.approx(-1 / 0.75)
    endless = certificate(**(TERMS | {"n_iterations": [math.inf, 100], "n_pairs": [[math.inf], [50]]}))
    assert (endless.transient[0], endless.noise[0, 0]) == (0, 0)
    np.testing.assert_allclose(endless.total[1, 1], certificate(**TERMS).total)
    edge = 0.75 / 12
    for steps in ([edge, 0.01], [0.01, edge]):
        with pytest.raises(InputError, match=r"step_size must be below 3 / \(4 L d\) = 0.0625 .* got 0.0625 at"):
            certificate(**(TERMS | {"step_size": steps}))
    assert certificate(**(TERMS | {"step_size": float(np.nextafter(edge, 0))})).proved
    assert not certificate(**(TERMS | {"step_size": [edge, 1.0], "proved": False})).proved
