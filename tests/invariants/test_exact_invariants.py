"""What must not change: searched over random problems, 8 examples of each by default and 1,000 in the long run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from searches import AMOUNTS, LATTICE, N_ACTIONS, N_STATES, SEEDS, outcomes, problem, search

from estimators import Blocks, ExactFeedback, Gpomdp, Reinforce, ZerothOrder
from estimators.feedback import preferences
from theory import (
    LINKS,
    HaldaneAnscombe,
    Jackknife,
    Logistic,
    MajoritySign,
    Policy,
    TabularMDP,
    TabularSoftmax,
    Trimmed,
    UntilDisagreement,
    VoteModel,
    difference_law,
    kl_regularised_value,
    occupancy,
    optimal_value,
    policy_gradient,
    policy_hessian,
    policy_value,
    return_distribution,
    soft_optimum,
)
from theory.arrays import FloatArray
from theory.common_random_numbers import coupled_difference_law
from theory.values import expected_rewards

SHAPES = {"seed": SEEDS, "horizon": st.integers(1, 4), "staged": st.booleans(), "timed": st.booleans()}
NEAR = {"rtol": 1e-11, "atol": 1e-12}
FIELDS = (
    "mean", "bias_smoothing", "bias_inversion", "variance_direction", "variance_trajectory", "variance_query", "mse",
    "clip_rate",
)  # fmt: skip
ESTIMATORS = {
    "coordinates": ZerothOrder(Blocks(1), preferences(3, 5, Logistic(3.0)), 0.4),
    "blocks": ZerothOrder(Blocks(2), preferences(3, 2, Logistic(3.0), inversion=Jackknife()), 0.4, n_directions=2),
    "exact": ZerothOrder(Blocks(1), ExactFeedback(), 0.7, symmetric=True),
    "reinforce": Reinforce(4, "best"),
    "gpomdp": Gpomdp(4, "value"),
}


def moments(estimator: Any, mdp: TabularMDP, policy: Policy, theta: FloatArray) -> dict[str, FloatArray]:
    found = estimator.moments(mdp, policy, theta)
    return {name: getattr(found, name) for name in FIELDS}


def numbers(mdp: TabularMDP, policy: Policy, theta: FloatArray) -> dict[str, FloatArray]:
    """What is worked out of a policy in an MDP and has no axis of states or parameters."""
    law = return_distribution(mdp, policy, theta)
    reference = policy.probabilities(theta[0])
    return {
        "value": policy_value(mdp, policy, theta),
        "law": law.probabilities,
        "mean": law.mean,
        "variance": law.variance,
        "rewards": expected_rewards(mdp, policy, theta),
        "optimum": np.array(optimal_value(mdp)),
        "soft": soft_optimum(mdp, reference, [0.1, 2.0]).value,
        "regularised": kl_regularised_value(mdp, policy.probabilities(theta), reference, 0.5),
    }


def assert_same(found: dict[str, FloatArray], expected: dict[str, FloatArray], **near: float) -> None:
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, err_msg=name, **(NEAR | near))


@AMOUNTS
def test_names_of_states_and_actions_do_not_matter(n_examples: int) -> None:
    def check(seed: int, horizon: int, staged: bool, timed: bool) -> None:
        rng = np.random.default_rng(seed)
        mdp, policy, theta = problem(rng, horizon, staged, timed)
        states, actions = rng.permutation(N_STATES), rng.permutation(N_ACTIONS)

        def moved(array: FloatArray) -> FloatArray:
            return array[..., states, :, :][..., actions, :]

        def turned(array: FloatArray) -> FloatArray:
            core = array.reshape(*array.shape[:-1], -1, N_STATES, N_ACTIONS)
            return core[..., states, :][..., actions].reshape(array.shape)

        other = TabularMDP.from_outcomes(
            moved(mdp.probabilities), np.argsort(states)[moved(mdp.next_states)], moved(mdp.rewards),
            mdp.initial[states], horizon,
        )  # fmt: skip
        assert_same(numbers(other, policy, turned(theta)), numbers(mdp, policy, theta))
        np.testing.assert_allclose(
            policy_gradient(other, policy, turned(theta)), turned(policy_gradient(mdp, policy, theta)), **NEAR
        )
        np.testing.assert_allclose(occupancy(other, policy, turned(theta)), occupancy(mdp, policy, theta)[..., states])
        for estimator in ESTIMATORS.values():
            before, after = (
                moments(estimator, *given) for given in ((mdp, policy, theta), (other, policy, turned(theta)))
            )
            vectors = ("mean", "bias_smoothing", "bias_inversion")
            before |= {name: turned(before[name]) for name in vectors}
            assert_same(after, before, rtol=1e-8, atol=1e-8)

    search(n_examples, check, **SHAPES)


@AMOUNTS
def test_a_batch_is_its_rows(n_examples: int) -> None:
    def check(seed: int, horizon: int, staged: bool, timed: bool, common: bool) -> None:
        rng = np.random.default_rng(seed)
        mdp, policy, theta = problem(rng, horizon, staged, timed, 4)
        batch = theta.reshape(2, 1, 2, -1)
        functions: list[Callable[..., FloatArray]] = [
            policy_value, policy_gradient, policy_hessian, occupancy, expected_rewards,
            lambda *given: return_distribution(*given).probabilities,
            lambda m, p, t: coupled_difference_law(m, p, t, -t),
            lambda m, p, t: kl_regularised_value(m, p.probabilities(t), p.probabilities(theta[0]), 0.3),
        ]  # fmt: skip
        for function in functions:
            together = function(mdp, policy, batch)
            alone = np.stack([function(mdp, policy, row) for row in theta])
            np.testing.assert_allclose(together, alone.reshape(2, 1, 2, *alone.shape[1:]), **NEAR)
        estimator = ZerothOrder(
            Blocks(2), preferences(2, 3, Logistic(3.0), common_random_numbers=common), [[[0.3, 0.6]]]
        )
        for given in (estimator, ESTIMATORS["blocks"], ESTIMATORS["reinforce"]):
            together = moments(given, mdp, policy, batch)
            for k, row in enumerate(theta):
                one = replace(given, radius=0.6 if k % 2 else 0.3) if given is estimator else given
                own = moments(one, mdp, policy, row)
                assert_same({name: value[k // 2, 0, k % 2] for name, value in together.items()}, own, rtol=1e-9)

    search(n_examples, check, common=st.booleans(), **SHAPES)


@AMOUNTS
def test_a_law_written_step_by_step_is_the_same(n_examples: int) -> None:
    """A stationary MDP repeated H times, and a policy that has the same parameters at every step."""

    def check(seed: int, horizon: int) -> None:
        rng = np.random.default_rng(seed)
        mdp, policy, theta = problem(rng, horizon, False, False)
        repeated = TabularMDP.from_outcomes(
            *(np.repeat(part, horizon, axis=0) for part in (mdp.probabilities, mdp.next_states, mdp.rewards)),
            mdp.initial, horizon,
        )  # fmt: skip
        timed = TabularSoftmax(N_STATES, N_ACTIONS, horizon)
        many = np.tile(theta, horizon)
        expected, gradient = numbers(mdp, policy, theta), policy_gradient(mdp, policy, theta)
        for other, which, point in ((repeated, policy, theta), (repeated, timed, many), (mdp, timed, many)):
            assert_same(numbers(other, which, point), expected)
            slope = policy_gradient(other, which, point).reshape(3, -1, policy.dim).sum(axis=1)
            np.testing.assert_allclose(slope, gradient, **NEAR)
            np.testing.assert_allclose(
                coupled_difference_law(other, which, point, -point),
                coupled_difference_law(mdp, policy, theta, -theta),
                **NEAR,
            )

    search(n_examples, check, seed=SEEDS, horizon=st.integers(1, 4))


@AMOUNTS
def test_outcomes_split_in_two_and_states_out_of_reach_change_nothing(n_examples: int) -> None:
    def check(seed: int, horizon: int, staged: bool, share: float) -> None:
        rng = np.random.default_rng(seed)
        mdp, policy, theta = problem(rng, horizon, staged, False)
        parts = np.repeat(mdp.probabilities, 2, axis=-1) * [share, 1 - share, share, 1 - share]
        split = TabularMDP.from_outcomes(
            parts, np.repeat(mdp.next_states, 2, axis=-1), np.repeat(mdp.rewards, 2, axis=-1), mdp.initial, horizon
        )
        expected = numbers(mdp, policy, theta)
        assert_same(numbers(split, policy, theta), expected)
        coupled = coupled_difference_law(mdp, policy, theta, -theta)
        np.testing.assert_allclose(coupled_difference_law(split, policy, theta, -theta), coupled, **NEAR)

        def widened(array: FloatArray, fill: float) -> FloatArray:
            return np.concatenate([array, np.full_like(array[:, :1], fill)], axis=1)

        wider = TabularMDP.from_outcomes(
            widened(mdp.probabilities, 1 / 2), widened(mdp.next_states, 0), widened(mdp.rewards, 0.0),
            [*mdp.initial, 0.0], horizon,
        )  # fmt: skip
        more = TabularSoftmax(N_STATES + 1, N_ACTIONS)
        point = np.concatenate([theta, rng.normal(size=(3, N_ACTIONS))], axis=1)
        assert_same(numbers(wider, more, point), {k: v for k, v in expected.items() if k != "regularised"})
        slope = policy_gradient(wider, more, point)
        np.testing.assert_allclose(slope[:, : policy.dim], policy_gradient(mdp, policy, theta), **NEAR)
        assert not slope[:, policy.dim :].any()
        np.testing.assert_allclose(coupled_difference_law(wider, more, point, -point), coupled, **NEAR)

    search(n_examples, check, seed=SEEDS, horizon=st.integers(1, 4), staged=st.booleans(), share=st.floats(0.1, 0.9))


@AMOUNTS
def test_rewards_all_shifted_alike_leave_every_difference(n_examples: int) -> None:
    """Half rewards, then a half more: gradients, laws of differences and moments stay, values move by H / 2.

    Trims depend on the horizon only, so that moments of clipped votes stay as well. A constant reward has no gradient.
    """

    def check(seed: int, horizon: int, staged: bool, timed: bool) -> None:
        rng = np.random.default_rng(seed)
        full, policy, theta = problem(rng, horizon, staged, timed)
        law = full.probabilities, full.next_states
        low, high, flat = (
            TabularMDP.from_outcomes(*law, rewards, full.initial, horizon)
            for rewards in (full.rewards / 2, full.rewards / 2 + 0.5, np.full_like(full.rewards, 0.75))
        )
        np.testing.assert_allclose(
            policy_value(high, policy, theta), policy_value(low, policy, theta) + horizon / 2, **NEAR
        )
        np.testing.assert_allclose(policy_value(low, policy, theta), policy_value(full, policy, theta) / 2, **NEAR)
        for function in (policy_gradient, policy_hessian):
            np.testing.assert_allclose(function(high, policy, theta), function(low, policy, theta), atol=1e-12)
            np.testing.assert_allclose(function(flat, policy, theta), 0, atol=1e-12)
        assert soft_optimum(high, policy.probabilities(theta[0]), 0.4).value == pytest.approx(
            soft_optimum(low, policy.probabilities(theta[0]), 0.4).value + horizon / 2, rel=1e-12
        )
        for name, estimator in ESTIMATORS.items():
            if name == "reinforce" or isinstance(estimator, ZerothOrder):
                assert_same(
                    moments(estimator, high, policy, theta),
                    moments(estimator, low, policy, theta),
                    rtol=1e-8,
                    atol=1e-8,
                )
        gap = coupled_difference_law(flat, policy, theta, -theta)
        np.testing.assert_allclose(gap[:, gap.shape[-1] // 2], 1, rtol=1e-12)

    search(n_examples, check, **SHAPES)


INVERSIONS = {
    "trimmed": Trimmed(),
    "haldane": HaldaneAnscombe(),
    "jackknife": Jackknife(),
    "sign": MajoritySign(),
}


@AMOUNTS
def test_a_symmetric_link_is_as_likely_to_err_either_way(n_examples: int) -> None:
    """Readings of a difference and of its negative mirror each other, and so do gradients of swapped pairs."""

    def check(seed: int, kind: str, votes: int, inversion: str, horizon: int, shuffled: bool) -> None:
        rng = np.random.default_rng(seed)
        link = LINKS[kind](float(rng.uniform(1.2, 5)) * horizon)
        mdp, policy, theta = problem(rng, horizon, False, False, 2)
        models: list[Any] = [VoteModel(link, votes, INVERSIONS[inversion], random_order=shuffled)]
        if link.symmetric:
            models.append(UntilDisagreement(link, 6))
        for model in models:
            table = model.table(mdp)
            mirrored = link.symmetric or (shuffled and isinstance(model, VoteModel))
            if not mirrored:
                continue
            size = np.abs(table.outcomes).max()
            np.testing.assert_allclose(table.mean, -table.mean[::-1], atol=1e-11 * size)
            for part in (table.variance, table.votes, table.clipped):
                np.testing.assert_allclose(part, part[::-1], rtol=1e-9, atol=1e-11)
            law = difference_law(*return_distribution(mdp, policy, theta).probabilities)
            np.testing.assert_allclose(law @ table.mean, -(law[::-1] @ table.mean), atol=1e-11 * size)

    search(
        n_examples, check, seed=SEEDS, kind=st.sampled_from(sorted(LINKS)), votes=st.integers(1, 9),
        inversion=st.sampled_from(sorted(INVERSIONS)), horizon=st.integers(1, 3), shuffled=st.booleans(),
    )  # fmt: skip


@AMOUNTS
def test_link_and_returns_in_another_unit_give_the_same_votes(n_examples: int) -> None:
    """Rewards in halves with a link of half the scale: readings and gradients halve, variances are a quarter."""

    def check(seed: int, kind: str, votes: int, inversion: str, horizon: int, common: bool) -> None:
        rng = np.random.default_rng(seed)
        scale = float(rng.uniform(2.5, 6)) * horizon
        full, policy, theta = problem(rng, horizon, False, False)
        half = TabularMDP.from_outcomes(full.probabilities, full.next_states, full.rewards / 2, full.initial, horizon)
        trim = 0.01 * float(rng.random())
        reading = Trimmed(trim, enforce=False) if inversion == "trimmed" else INVERSIONS[inversion]
        if inversion == "jackknife":
            reading = Jackknife(Trimmed(trim, enforce=False))
        # The sign has no unit.
        unit = 1.0 if inversion == "sign" else 2.0
        found = [
            ZerothOrder(
                Blocks(1),
                preferences(3, votes, LINKS[kind](size), inversion=reading, common_random_numbers=common),
                0.5,
            ).moments(mdp, policy, theta)
            for mdp, size in ((full, scale), (half, scale / 2))
        ]
        np.testing.assert_allclose(found[0].mean, unit * found[1].mean, rtol=1e-8, atol=1e-8)
        for name in ("variance_direction", "variance_trajectory", "variance_query"):
            first, second = (getattr(each, name) for each in found)
            np.testing.assert_allclose(first, unit**2 * second, rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(found[0].clip_rate, found[1].clip_rate, atol=1e-12)
        np.testing.assert_allclose(found[0].gradient, 2 * found[1].gradient, rtol=1e-7, atol=1e-8)

    search(
        n_examples, check, seed=SEEDS, kind=st.sampled_from(["logistic", "probit", "cauchit", "cloglog"]),
        votes=st.integers(1, 6), inversion=st.sampled_from(sorted(INVERSIONS)), horizon=st.integers(1, 3),
        common=st.booleans(),
    )  # fmt: skip


@AMOUNTS
def test_laws_are_laws_and_agree_with_values(n_examples: int) -> None:
    def check(seed: int, horizon: int, staged: bool, timed: bool) -> None:
        rng = np.random.default_rng(seed)
        mdp, policy, theta = problem(rng, horizon, staged, timed)
        value = policy_value(mdp, policy, theta)
        law = return_distribution(mdp, policy, theta)
        gaps = np.arange(1 - len(law.values), len(law.values)) / mdp.require_lattice()
        assert mdp.require_lattice() in range(1, LATTICE + 1)
        independent = difference_law(law.probabilities, law.probabilities[::-1])
        coupled = coupled_difference_law(mdp, policy, theta, theta[::-1])
        for each in (law.probabilities, independent, coupled, occupancy(mdp, policy, theta)):
            assert (each >= -1e-15).all()
            np.testing.assert_allclose(each.sum(axis=-1), 1, rtol=1e-12)
        np.testing.assert_allclose(law.mean, value, **NEAR)
        for each in (independent, coupled):
            np.testing.assert_allclose(each @ gaps, value - value[::-1], atol=1e-12)
        # Between policies of the same parameters nothing is left of the difference.
        same = coupled_difference_law(mdp, policy, theta, theta)
        np.testing.assert_allclose(same[:, len(law.values) - 1], 1, rtol=1e-12)
        assert (value <= optimal_value(mdp) + 1e-12).all()
        assert (law.variance >= 0).all()
        np.testing.assert_allclose(expected_rewards(mdp, policy, theta).sum(axis=-1), value, **NEAR)
        reference = policy.probabilities(theta[0])
        soft = soft_optimum(mdp, reference, 0.3)
        priced = kl_regularised_value(mdp, policy.probabilities(theta), reference, 0.3)
        assert (priced <= soft.value + 1e-12).all()
        assert kl_regularised_value(mdp, soft.probabilities, reference, 0.3) == pytest.approx(soft.value, rel=1e-11)
        assert priced[0] == pytest.approx(value[0], abs=1e-12)

    search(n_examples, check, **SHAPES)


def test_outcomes_of_the_search_reach_the_edges() -> None:
    """The random problems have rows without a second outcome, and the lowest and the highest reward."""
    law, _, rewards = outcomes(np.random.default_rng(0), (4,))
    assert (law == 0).any()
    assert {0.0, 1.0} <= set(rewards.ravel())
