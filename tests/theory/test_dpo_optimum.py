"""DPO with infinitely much data: its loss by brute force, and the theorem on where its minimum is the optimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from theory import (
    LINKS,
    ComplementaryLogLog,
    InputError,
    Link,
    Logistic,
    Probit,
    TabularMDP,
    bandit,
    chain,
    occupancy,
)
from theory.arrays import FloatArray
from theory.dpo_loss import population_loss
from theory.dpo_optimum import default_starts, dpo_optimum, minimise
from theory.enumeration import Trajectories, enumerate_trajectories
from theory.kl_control import kl_regularised_value, soft_optimum

# Scales at which no link saturates on returns of up to 4.
ALL_LINKS: dict[str, Link] = {name: link(8.0 if name == "linear" else 1.5) for name, link in LINKS.items()}
BY_LINK = pytest.mark.parametrize("link", ALL_LINKS.values(), ids=ALL_LINKS)


def deterministic(seed: int, n_states: int = 3, n_actions: int = 2, horizon: int = 3) -> TabularMDP:
    """Time-dependent: one successor and one reward for every (stage, state, action), one first state."""
    rng = np.random.default_rng(seed)
    moves = np.eye(n_states)[rng.integers(n_states, size=(horizon, n_states, n_actions))]
    return TabularMDP(moves, rng.random((horizon, n_states, n_actions)), np.eye(n_states)[1], horizon)


def from_states(initial: list[float]) -> TabularMDP:
    """Deterministic chain with several first states."""
    mdp = chain(3, 4)
    return TabularMDP.from_outcomes(mdp.probabilities, mdp.next_states, mdp.rewards, initial, 4)


def determined_bandit() -> TabularMDP:
    means = np.array([0.1, 0.35, 0.6, 1.0])
    return TabularMDP(np.ones((1, 4, 1)), means[None], [1.0], 1)


EXACT = {
    "chain": chain(3, 4),
    "staged": deterministic(1),
    "bandit": determined_bandit(),
    "five": deterministic(3, 2, 3),
}
BY_EXACT = pytest.mark.parametrize("mdp", EXACT.values(), ids=EXACT)


def uniform(mdp: TabularMDP) -> FloatArray:
    return np.full((1, mdp.n_states, mdp.n_actions), 1 / mdp.n_actions)


def some_policy(mdp: TabularMDP, seed: int = 9) -> FloatArray:
    return np.random.default_rng(seed).dirichlet(np.full(mdp.n_actions, 3.0), (mdp.horizon, mdp.n_states))


def logits(mdp: TabularMDP, *batch: int, seed: int = 5) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(*batch, mdp.horizon * mdp.n_states * mdp.n_actions))


def loss_term_by_term(
    mdp: TabularMDP, theta: FloatArray, reference: FloatArray, beta: float, link: Link, raters: Link
) -> float:
    """Double loop over trajectories; the policy is that of the logits."""
    odds = np.exp(theta.reshape(mdp.horizon, mdp.n_states, mdp.n_actions))
    paths = enumerate_trajectories(mdp)
    law = paths.probabilities(reference)
    implied = beta * np.log(paths.probabilities(odds / odds.sum(axis=-1, keepdims=True)) / law)
    total = 0.0
    for p1, r1, g1 in zip(law, paths.returns, implied, strict=True):
        for p0, r0, g0 in zip(law, paths.returns, implied, strict=True):
            share, sigma = float(raters.probability(r1 - r0)), float(link.probability(g1 - g0))
            total -= p1 * p0 * (share * np.log(sigma) + (1 - share) * np.log(1 - sigma))
    return total


@pytest.mark.parametrize(
    ("link", "raters"),
    [(Logistic(1.5), None), (ComplementaryLogLog(3.0), None), (Logistic(1.5), ComplementaryLogLog(3.0))],
    ids=["symmetric", "not", "mixed"],
)
@pytest.mark.parametrize("mdp", [chain(2, 3, 0.3), bandit([0.2, 0.5, 0.9], horizon=2)], ids=["chain", "bandit"])
def test_loss_is_that_of_a_double_loop(mdp: TabularMDP, link: Link, raters: Link | None) -> None:
    """Merging trajectories with the same visits, and pairs with their mirror image, changes nothing."""
    reference, theta = some_policy(mdp), logits(mdp)
    loss = population_loss(mdp, reference, 0.4, link, raters=raters)
    expected = loss_term_by_term(mdp, theta, reference, 0.4, link, raters or link)
    assert float(loss(theta)[0]) == pytest.approx(expected, abs=1e-13)
    assert len(loss.visits) < len(enumerate_trajectories(mdp).returns)
    assert loss.weights.sum() == pytest.approx(1, abs=1e-13)


@BY_LINK
def test_derivatives_are_central_differences(link: Link) -> None:
    mdp = chain(3, 3, 0.3)
    loss = population_loss(mdp, some_policy(mdp), 0.5, link)
    theta = logits(mdp)
    step = 1e-5 * np.eye(theta.size)
    (above, steeper), (below, flatter) = loss(theta + step), loss(theta - step)
    gradient = loss(theta)[1]
    np.testing.assert_allclose(gradient, (above - below) / 2e-5, rtol=0, atol=1e-9)
    np.testing.assert_allclose(loss.hessian(theta), (steeper - flatter) / 2e-5, rtol=0, atol=1e-8)
    assert np.linalg.norm(gradient) > 1e-3
    assert np.linalg.norm(loss.hessian(theta)) > 1e-3


def test_batches_are_loops() -> None:
    mdp = chain(2, 3, 0.3)
    loss = population_loss(mdp, uniform(mdp), 0.5, Logistic())
    thetas = logits(mdp, 2, 3)
    values, gradients = loss(thetas)
    for index in np.ndindex(2, 3):
        value, gradient = loss(thetas[index])
        assert values[index] == pytest.approx(float(value), abs=1e-14)
        np.testing.assert_allclose(gradients[index], gradient, rtol=0, atol=1e-14)


@BY_EXACT
@BY_LINK
@pytest.mark.parametrize("beta", [0.2, 1.0])
def test_the_minimum_is_the_optimum_where_nothing_is_left_to_luck(mdp: TabularMDP, link: Link, beta: float) -> None:
    reference = some_policy(mdp)
    found = dpo_optimum(mdp, reference, beta, link)
    assert abs(found.gap) < 1e-10
    assert found.gradient_norm < 1e-12
    assert found.agreement == 1
    assert found.optimum - found.reference_value > 1e-3
    best = soft_optimum(mdp, reference, beta).probabilities
    loss = population_loss(mdp, reference, beta, link)
    reached = occupancy(mdp, loss.policy, np.zeros(loss.policy.dim)) > 0
    np.testing.assert_allclose(found.probabilities[reached], best[reached], rtol=0, atol=1e-7)
    # The other way round, without a search: at the soft optimum the loss is flat.
    assert np.linalg.norm(loss(np.log(best).ravel())[1]) < 1e-13


STOCHASTIC = {
    "slippery chain": (chain(3, 4, 0.1), Logistic(1.0), 1e-1),
    "slippery chain, another link": (chain(3, 4, 0.1), Probit(2.0), 1e-2),
    "two first states": (from_states([0.5, 0.5, 0.0]), Logistic(1.0), 1e-2),
    "Bernoulli bandit, sharp raters": (bandit([0.1, 0.3, 0.5, 0.7, 0.9]), Logistic(0.2), 3e-2),
    "Bernoulli bandit": (bandit([0.1, 0.3, 0.5, 0.7, 0.9]), Logistic(1.0), 2e-4),
}


@pytest.mark.parametrize(("mdp", "link", "least"), STOCHASTIC.values(), ids=STOCHASTIC)
def test_the_minimum_is_not_the_optimum_where_luck_decides(mdp: TabularMDP, link: Link, least: float) -> None:
    """Moves, first states and rewards: a bandit is no exception.

    The last gap is small because its link is nearly linear between -1 and 1.
    """
    found = dpo_optimum(mdp, uniform(mdp), 0.3, link)
    assert found.gap > least
    assert found.gradient_norm < 1e-12
    paths: Trajectories = enumerate_trajectories(mdp)
    law = paths.probabilities(found.probabilities)
    aim = paths.probabilities(soft_optimum(mdp, uniform(mdp), 0.3).probabilities)
    assert found.gap == pytest.approx(0.3 * float(law @ np.log(law / aim)), rel=1e-9)


def test_a_first_state_alone_is_no_luck() -> None:
    assert abs(dpo_optimum(from_states([0.0, 1.0, 0.0]), uniform(chain(3, 4)), 0.3, Logistic()).gap) < 1e-10


FAULTS: dict[str, tuple[float, Link | None]] = {
    "beta twice as large": (2.0, None),
    "another link": (1.0, Probit(1.0)),
    "another scale": (1.0, Logistic(2.0)),
}


@pytest.mark.parametrize(("factor", "raters"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("mdp", [EXACT["chain"], EXACT["bandit"]], ids=["chain", "bandit"])
def test_a_planted_fault_opens_the_gap(mdp: TabularMDP, factor: float, raters: Link | None) -> None:
    beta = 0.5
    found = dpo_optimum(mdp, uniform(mdp), factor * beta, Logistic(1.0), raters=raters)
    aim = float(soft_optimum(mdp, uniform(mdp), beta).value)
    assert aim - float(kl_regularised_value(mdp, found.probabilities, uniform(mdp), beta)) > 1e-3
    assert found.gradient_norm < 1e-12


def test_a_reversed_vote_opens_the_gap() -> None:
    mdp = chain(3, 4)
    loss = population_loss(mdp, uniform(mdp), 0.5, Logistic())
    reversed_votes = replace(loss, shares=1 - loss.shares)
    table = loss.policy.probabilities(minimise(reversed_votes, np.zeros(loss.policy.dim)))
    best = soft_optimum(mdp, uniform(mdp), 0.5)
    assert float(best.value - kl_regularised_value(mdp, table, uniform(mdp), 0.5)) > 1


def test_a_saddle_is_left() -> None:
    """Actions do nothing, so the reference is the optimum and the loss is flat there, but not least.

    A choice of action far from the reference lowers the average log ratio of a state, which explains its bad luck.
    """
    mdp = chain(3, 4, 0.5)
    loss = population_loss(mdp, uniform(mdp), 0.1, Logistic())
    start = np.zeros(loss.policy.dim)
    assert np.linalg.norm(loss(start)[1]) < 1e-15
    free = np.ix_(loss.free, loss.free)
    assert np.linalg.eigvalsh(loss.hessian(start)[free])[0] < -1e-3
    found = dpo_optimum(mdp, uniform(mdp), 0.1, Logistic(), starts=[start])
    assert found.optimum == pytest.approx(found.reference_value, abs=1e-12)
    assert found.gap > 0.08
    assert found.loss < float(loss(start)[0]) - 0.02
    assert np.linalg.eigvalsh(loss.hessian(minimise(loss, start))[free])[0] > 0


def test_starts_that_end_elsewhere_are_counted_and_not_kept() -> None:
    mdp = chain(3, 4, 0.25)
    found = dpo_optimum(mdp, uniform(mdp), 0.1, Logistic())
    assert found.agreement == 0.75
    worst = dpo_optimum(mdp, uniform(mdp), 0.1, Logistic(), starts=default_starts(mdp, uniform(mdp), 0.1)[-1:])
    assert worst.loss > found.loss + 1e-3
    assert worst.gradient_norm < 1e-12


def test_no_random_start_ends_lower() -> None:
    """The minima that the figure shows, where the loss has most of them; the starts are a fixed draw of 20 a beta."""
    mdp = chain(3, 4, 0.25)
    for beta in (0.1, 0.3):
        loss = population_loss(mdp, uniform(mdp), beta, Logistic())
        ends = [float(loss(minimise(loss, 2 * start))[0]) for start in logits(mdp, 20)]
        assert min(ends) > dpo_optimum(mdp, uniform(mdp), beta, Logistic()).loss - 1e-12
        assert beta > 0.1 or max(ends) > min(ends) + 1e-3


def test_one_action_leaves_nothing_to_choose() -> None:
    mdp = TabularMDP(np.full((2, 1, 2), 0.5), [[0.0], [1.0]], [1.0, 0.0], 3)
    assert dpo_optimum(mdp, np.ones((1, 2, 1)), 1.0, Logistic()).gap == 0


def test_errors_take_one_line() -> None:
    mdp = chain(2, 2)
    with pytest.raises(InputError, match=r"^mdp must have at most 10000 trajectories [^\n]*$"):
        population_loss(chain(3, 8, 0.2), np.full((1, 3, 2), 0.5), 1.0, Logistic())
    with pytest.raises(InputError, match=r"^mdp must have at most 2000 patterns of visited [^\n]* got 2048; [^\n]*$"):
        population_loss(chain(3, 11), np.full((1, 3, 2), 0.5), 1.0, Logistic())
    with pytest.raises(InputError, match=r"^beta must be one number, got shape \(2,\); build one loss for each$"):
        population_loss(mdp, uniform(mdp), [1.0, 2.0], Logistic())  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^starts must hold at least one vector of logits, got none; [^\n]*$"):
        dpo_optimum(mdp, uniform(mdp), 1.0, Logistic(), starts=[])
    with pytest.raises(InputError, match=r"^start must have shape \(8,\), one logit per [^\n]*, got \(4,\)$"):
        dpo_optimum(mdp, uniform(mdp), 1.0, Logistic(), starts=[np.zeros(4)])


def test_free_logits_are_those_within_reach_of_all_actions_but_the_first() -> None:
    """The chain starts at its left end: one state is reached at the first step, two at the second."""
    loss = population_loss(chain(3, 2), np.full((1, 3, 2), 0.5), 1.0, Logistic())
    free = np.zeros(12, dtype=bool)
    free[loss.free] = True
    assert free.reshape(2, 3, 2).tolist() == [
        [[False, True], [False, False], [False, False]],
        [[False, True], [False, True], [False, False]],
    ]
