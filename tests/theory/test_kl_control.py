"""Control with a price on leaving the reference, by routes that share nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from theory import InputError, TabularMDP, TabularSoftmax, chain, optimal_value, policy_value
from theory.arrays import FloatArray
from theory.enumeration import enumerate_trajectories
from theory.kl_control import kl_regularised_value, soft_optimum

S, A, H = 3, 2, 3
BETAS = (0.1, 0.7, 4.0)


def staged_mdp() -> TabularMDP:
    rng = np.random.default_rng(4)
    return TabularMDP(rng.dirichlet(np.ones(S), (H, S, A)), rng.random((H, S, A, S)), rng.dirichlet(np.ones(S)), H)


MDPS = {"staged": staged_mdp(), "chain": chain(S, H, 0.2), "deterministic": chain(S, H)}
BY_MDP = pytest.mark.parametrize("mdp", MDPS.values(), ids=MDPS)
BY_BETA = pytest.mark.parametrize("beta", BETAS)


def policies(*batch: int, stages: int = H, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).dirichlet(np.full(A, 0.5), (*batch, stages, S))


def by_enumeration(mdp: TabularMDP, table: FloatArray, reference: FloatArray, beta: float) -> float:
    """E R - beta KL of the two laws of trajectories, term by term."""
    paths = enumerate_trajectories(mdp)
    law, base = paths.probabilities(table), paths.probabilities(reference)
    return float(law @ paths.returns - beta * (law @ np.log(law / base)))


@BY_MDP
@BY_BETA
@pytest.mark.parametrize("stages", [1, H])
def test_value_is_that_of_the_trajectories(mdp: TabularMDP, beta: float, stages: int) -> None:
    tables, reference = policies(4, stages=stages), policies(stages=H + 1 - stages if stages == 1 else 1, seed=9)
    found = kl_regularised_value(mdp, tables, reference, beta)
    expected = [by_enumeration(mdp, table, reference, beta) for table in tables]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    swapped = [by_enumeration(mdp, table, np.full((1, S, A), 1 / A), beta) for table in tables]
    assert np.abs(found - swapped).min() > 1e-3


@BY_MDP
@BY_BETA
def test_no_policy_is_better_and_the_loss_is_a_divergence(mdp: TabularMDP, beta: float) -> None:
    """J* - J(pi) = beta KL(law of pi || law of the optimum), for every pi."""
    reference = policies(seed=9)
    best = soft_optimum(mdp, reference, beta)
    assert float(kl_regularised_value(mdp, best.probabilities, reference, beta)) == pytest.approx(
        float(best.value), abs=1e-13
    )
    tables = policies(200, seed=3)
    lost = float(best.value) - kl_regularised_value(mdp, tables, reference, beta)
    paths = enumerate_trajectories(mdp)
    law, optimal = paths.probabilities(tables), paths.probabilities(best.probabilities)
    divergence = (law * np.log(law / optimal)).sum(axis=-1)
    np.testing.assert_allclose(lost, beta * divergence, rtol=1e-9, atol=1e-12)
    assert lost.min() > 1e-3


@BY_MDP
@BY_BETA
def test_direct_maximisation_finds_the_same(mdp: TabularMDP, beta: float) -> None:
    """From differences of the enumerated objective alone: they leave an error of some 1e-7."""
    reference = policies(seed=9)
    policy = TabularSoftmax(S, A, H)

    def loss(theta: FloatArray) -> float:
        return -by_enumeration(mdp, policy.probabilities(theta), reference, beta)

    found = minimize(loss, np.zeros(policy.dim), method="BFGS", options={"gtol": 1e-8})
    assert -found.fun == pytest.approx(float(soft_optimum(mdp, reference, beta).value), abs=1e-6)


@BY_MDP
def test_limits_of_beta(mdp: TabularMDP) -> None:
    """No price gives the optimum of the return; a prohibitive one gives the reference."""
    reference = policies(seed=9)
    betas = np.array([1e-5, *BETAS, 1e6])
    best = soft_optimum(mdp, reference, betas)
    assert (np.diff(best.value) < 0).all()
    assert best.value[0] == pytest.approx(optimal_value(mdp), abs=1e-3)
    np.testing.assert_allclose(best.probabilities[-1], reference, rtol=0, atol=1e-5)
    stay = float(policy_value(mdp, TabularSoftmax(S, A, H), np.log(reference).ravel()))
    assert best.value[-1] == pytest.approx(stay, abs=1e-5)
    assert float(kl_regularised_value(mdp, reference, reference, 3.0)) == pytest.approx(stay, abs=1e-12)


def test_batches_are_loops() -> None:
    mdp, reference = MDPS["staged"], policies(seed=9)
    betas = np.array([[0.1], [0.7], [4.0]])
    best = soft_optimum(mdp, reference, betas)
    assert (best.value.shape, best.probabilities.shape) == ((3, 1), (3, 1, H, S, A))
    tables = policies(5)
    values = kl_regularised_value(mdp, tables, reference, betas)
    assert values.shape == (3, 5)
    for i, beta in enumerate(betas[:, 0]):
        one = soft_optimum(mdp, reference, beta)
        np.testing.assert_allclose(best.value[i, 0], one.value, rtol=0, atol=1e-14)
        np.testing.assert_allclose(best.probabilities[i, 0], one.probabilities, rtol=0, atol=1e-14)
        np.testing.assert_allclose(values[i], kl_regularised_value(mdp, tables, reference, beta), rtol=0, atol=1e-13)


def test_an_action_never_taken_costs_nothing() -> None:
    mdp, uniform = chain(S, H), np.full((1, S, A), 1 / A)
    right = np.tile([0.0, 1.0], (1, S, 1))
    # The one trajectory goes right: it has probability 2^-H under the reference.
    assert float(kl_regularised_value(mdp, right, uniform, 0.5)) == pytest.approx(H - 1 - 0.5 * H * np.log(2))


def test_errors_take_one_line() -> None:
    mdp, uniform = MDPS["chain"], np.full((1, S, A), 1 / A)
    for beta in (0.0, -1.0, np.inf, [1.0, np.nan]):
        with pytest.raises(
            InputError, match=r"^beta must be positive and finite, got [^\n]*; it is in units of return$"
        ):
            soft_optimum(mdp, uniform, beta)
    with pytest.raises(InputError, match=r"^reference must be one policy, [^\n]*least entry 0; mix in the uniform"):
        soft_optimum(mdp, np.tile([0.0, 1.0], (1, S, 1)), 1.0)
    with pytest.raises(InputError, match=r"^reference must have shape \(\.\.\., 1 or 3, 3, 2\), got \(2, 3, 2\)$"):
        soft_optimum(mdp, np.full((2, S, A), 1 / A), 1.0)
    with pytest.raises(InputError, match=r"^probabilities\[0, 0\] must sum to 1"):
        kl_regularised_value(mdp, np.full((1, S, A), 0.4), uniform, 1.0)


REFERENCE = np.full((1, 2, 2), 0.5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mdp": REFERENCE}, "mdp must be a TabularMDP such as"),
        ({"reference": np.full((1, 2, 3), 1 / 3)}, r"reference must have shape \(..., 1 or 3, 2, 2\), got \(1, 2, 3\)"),
        ({"reference": np.full((2, 2, 2), 0.5)}, r"reference must have shape \(..., 1 or 3, 2, 2\), got \(2, 2, 2\)"),
        ({"reference": np.full((2, 2), 0.5)}, "reference must have shape"),
        ({"reference": np.full((1, 1, 2, 2), 0.5)}, "reference must be one policy"),
        ({"reference": [[[1.0, 0.0], [0.5, 0.5]]]}, "reference must be one policy, .* with least entry 0; mix in"),
        ({"reference": [[[0.5, 0.5], [0.0, 1.0]]]}, "reference must be one policy, .* with least entry 0; mix in"),
        ({"reference": [[[0.5, 0.5], [0.5, 0.6]]]}, r"reference\[0, 1\] must sum to 1, got 1.1"),
        ({"beta": [0.1, 0.0]}, r"beta must be positive and finite, got 0 at \[1\]; it is in units of return"),
        ({"beta": [math.inf, 0.1]}, r"beta must be positive and finite, got inf at \[0\]"),
    ],
)
def test_what_cannot_be_regularised_is_refused(change: dict[str, Any], words: str) -> None:
    given = {"mdp": chain(2, 3), "reference": REFERENCE, "beta": 0.5} | change
    with pytest.raises(InputError, match=words):
        soft_optimum(**given)
    with pytest.raises(InputError, match=words):
        kl_regularised_value(given["mdp"], REFERENCE, given["reference"], given["beta"])


def test_policies_may_have_zeros_and_must_be_policies_of_the_mdp() -> None:
    sharp = np.array([[[0.0, 1.0], [1.0, 0.0]]])
    value = kl_regularised_value(chain(2, 3), sharp, REFERENCE, [0.5, 1.0])
    plain = policy_value(chain(2, 3), TabularSoftmax(2, 2), 800.0 * np.array([-1, 1, 1, -1]))
    np.testing.assert_allclose(value, plain - np.array([0.5, 1.0]) * 3 * math.log(2), rtol=1e-12)
    for wrong in (np.full((2, 2, 2), 0.5), np.full((1, 2, 2), 0.4), np.full((1, 3, 2), 0.5)):
        with pytest.raises(InputError, match=r"^probabilities"):
            kl_regularised_value(chain(2, 3), wrong, REFERENCE, 0.5)
