"""Exact first and second moments of REINFORCE and GPOMDP, by recursions over the state.

REINFORCE needs of a trajectory its return R and its score S = sum_h grad log pi(a_h|s_h). For each state the recursion
carries E[R^i], E[R^i S] and E[R^i |S|^2] of the steps so far, i = 0, 1, 2. These are moments, not laws, so no reward
lattice is needed. GPOMDP's estimate G = sum_h r_h S_h needs E[S], E|S|^2, E[G], E[G.S] and E|G|^2.
The second moment matrices carry products such as E[R^i S S'] in place of the squared lengths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.arrays import FloatArray, stage
from theory.mdp import TabularMDP
from theory.policies import Policy


@dataclass(frozen=True, eq=False)
class ScoreMoments:
    """Joint moments of the return R and the score S of one trajectory.

    Attributes
    ----------
    returns : array (3,)
        E[R^i], i = 0, 1, 2.
    scores : array (3, dim)
        E[R^i S]; the second is the gradient of V.
    norms : array (3,)
        E[R^i |S|^2].
    """

    returns: FloatArray
    scores: FloatArray
    norms: FloatArray

    @property
    def best_baseline(self) -> float:
        """The constant that minimises E|(R - b) S|^2: E[R |S|^2] / E|S|^2."""
        return float(self.norms[1] / self.norms[0])

    def second_moment(self, baseline: float) -> float:
        """E|(R - b) S|^2."""
        return float(self.norms[2] - 2 * baseline * self.norms[1] + baseline**2 * self.norms[0])


def reinforce_moments(mdp: TabularMDP, policy: Policy, theta: FloatArray) -> ScoreMoments:
    """Joint moments of return and score under one policy, theta of shape (dim,)."""
    scores, pi = _scores(policy, theta)
    n_states, dim = mdp.n_states, policy.dim
    returns = np.zeros((3, n_states))
    returns[0] = mdp.initial
    vectors = np.zeros((3, n_states, dim))
    norms = np.zeros((3, n_states))
    for h in range(mdp.horizon):
        score, weight = stage(scores, h), stage(pi, h)
        # The action adds its score ...
        tilted = vectors[:, :, None, :] + returns[:, :, None, None] * score
        squared = (
            norms[:, :, None]
            + 2 * np.einsum("isd,sad->isa", vectors, score)
            + returns[:, :, None] * (score**2).sum(axis=-1)
        )
        taken = returns[:, :, None] * weight, tilted * weight[:, :, None], squared * weight
        # ... and the outcome adds its reward and leads to the next state.
        returns, vectors, norms = (_advance(mdp, h, x) for x in taken)
    return ScoreMoments(returns.sum(axis=1), vectors.sum(axis=1), norms.sum(axis=1))


def gpomdp_moments(
    mdp: TabularMDP, policy: Policy, theta: FloatArray, baselines: FloatArray
) -> tuple[FloatArray, float]:
    """Mean vector and second moment E|G|^2 of G = sum_h (r_h - b_h) sum_{k <= h} score_k, theta of shape (dim,).

    Parameters
    ----------
    mdp : TabularMDP
    policy : Policy
    theta : array (dim,)
    baselines : array (H,)
        b_h, subtracted from the reward of step h.
    """
    scores, pi = _scores(policy, theta)
    n_states, dim = mdp.n_states, policy.dim
    mass = mdp.initial.copy()
    score_sum, estimate = np.zeros((n_states, dim)), np.zeros((n_states, dim))
    score_norm, product, second = np.zeros(n_states), np.zeros(n_states), np.zeros(n_states)
    for h in range(mdp.horizon):
        score, weight = stage(scores, h), stage(pi, h)
        squared = (score**2).sum(axis=-1)
        new_score = (score_sum[:, None] + mass[:, None, None] * score) * weight[..., None]
        new_norm = (
            score_norm[:, None] + 2 * np.einsum("sd,sad->sa", score_sum, score) + mass[:, None] * squared
        ) * weight
        new_product = (product[:, None] + np.einsum("sd,sad->sa", estimate, score)) * weight
        old_estimate = estimate[:, None] * weight[..., None]
        old_second = second[:, None] * weight
        p, r = _outcomes(mdp, h, baselines[h])
        mass = _arrive(mdp, h, p * (mass[:, None] * weight)[..., None])
        score_sum = _arrive(mdp, h, p[..., None] * new_score[:, :, None])
        score_norm = _arrive(mdp, h, p * new_norm[..., None])
        estimate = _arrive(mdp, h, p[..., None] * (old_estimate[:, :, None] + r[..., None] * new_score[:, :, None]))
        product = _arrive(mdp, h, p * (new_product[..., None] + r * new_norm[..., None]))
        second = _arrive(
            mdp, h, p * (old_second[..., None] + 2 * r * new_product[..., None] + r**2 * new_norm[..., None])
        )
    return estimate.sum(axis=0), float(second.sum())


def reinforce_second_moment(mdp: TabularMDP, policy: Policy, theta: FloatArray, baseline: float) -> FloatArray:
    """Matrix E[(R - b)^2 S S'], (dim, dim), theta of shape (dim,); its trace is `ScoreMoments.second_moment`."""
    scores, pi = _scores(policy, theta)
    n_states, dim = mdp.n_states, policy.dim
    returns = np.zeros((3, n_states))
    returns[0] = mdp.initial
    vectors = np.zeros((3, n_states, dim))
    products = np.zeros((3, n_states, dim, dim))
    for h in range(mdp.horizon):
        score, weight = stage(scores, h), stage(pi, h)
        mass = returns[:, :, None] * weight
        before = vectors[:, :, None, :] * weight[:, :, None]
        grown = products[:, :, None] * weight[:, :, None, None] + _with_score(before, mass, score)
        taken = mass, before + mass[..., None] * score, grown
        returns, vectors, products = (_advance(mdp, h, x) for x in taken)
    # E[(R - b)^2 S S'] from E[R^i S S'].
    return np.tensordot(np.array([baseline**2, -2 * baseline, 1.0]), products.sum(axis=1), axes=1)


def gpomdp_second_moment(mdp: TabularMDP, policy: Policy, theta: FloatArray, baselines: FloatArray) -> FloatArray:
    """Matrix E[G G'], (dim, dim), of the estimate of `gpomdp_moments`, theta of shape (dim,)."""
    scores, pi = _scores(policy, theta)
    n_states, dim = mdp.n_states, policy.dim
    mass = mdp.initial.copy()
    score_sum, estimate = np.zeros((n_states, dim)), np.zeros((n_states, dim))
    # E[S S'], E[G S'] and E[G G'] of the steps so far.
    score_score, cross, second = (np.zeros((n_states, dim, dim)) for _ in range(3))
    for h in range(mdp.horizon):
        score, weight = stage(scores, h), stage(pi, h)
        at, wide = mass[:, None] * weight, weight[:, :, None, None]
        before = score_sum[:, None] * weight[..., None]
        old_estimate = estimate[:, None] * weight[..., None]
        new_score_score = score_score[:, None] * wide + _with_score(before[None], at[None], score)[0]
        new_cross = cross[:, None] * wide + old_estimate[..., None] * score[:, :, None, :]
        new_score, old_second = before + at[..., None] * score, second[:, None] * wide
        both = new_cross + new_cross.swapaxes(-1, -2)
        p, r = _outcomes(mdp, h, baselines[h])
        mass, score_sum, estimate, score_score, cross, second = (
            _pay(mdp, h, p, r, *powers)
            for powers in (
                (at,),
                (new_score,),
                (old_estimate, new_score),
                (new_score_score,),
                (new_cross, new_score_score),
                (old_second, both, new_score_score),
            )
        )
    return np.asarray(second.sum(axis=0))


def _scores(policy: Policy, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Scores (1 or H, S, A, dim) and probabilities (1 or H, S, A) at one theta."""
    probabilities = policy.probabilities(theta)
    size = probabilities.size
    one_hot = np.eye(size).reshape(size, *probabilities.shape)
    repeated = np.broadcast_to(theta, (size, policy.dim))
    many = np.broadcast_to(probabilities, one_hot.shape)
    return policy.score_product(repeated, many, one_hot).reshape(*probabilities.shape, policy.dim), probabilities


def _with_score(vectors: FloatArray, mass: FloatArray, score: FloatArray) -> FloatArray:
    """The change v s' + s v' + m s s' of m S S' when the score s is added to S, where v = m S.

    Arrays (n, S, A, dim), (n, S, A) and (S, A, dim) -> (n, S, A, dim, dim).
    """
    half = (vectors + mass[..., None] * score / 2)[..., None] * score[..., None, :]
    return np.asarray(half + half.swapaxes(-1, -2))


def _pay(mdp: TabularMDP, h: int, p: FloatArray, r: FloatArray, *powers: FloatArray) -> FloatArray:
    """Sum over i of r^i powers[i], each (S, A, ...), by next state, (S, ...)."""
    tail = (1,) * (powers[0].ndim - 2)
    carried = [(p * r**i).reshape(*p.shape, *tail) * power[:, :, None] for i, power in enumerate(powers)]
    return _arrive(mdp, h, np.asarray(sum(carried)))


def _outcomes(mdp: TabularMDP, h: int, baseline: float) -> tuple[FloatArray, FloatArray]:
    return stage(mdp.probabilities, h), stage(mdp.rewards, h) - baseline


def _arrive(mdp: TabularMDP, h: int, carried: NDArray[Any]) -> FloatArray:
    """Add up values of the outcomes, (S, A, O, ...), by next state, (S, ...)."""
    total = np.zeros((mdp.n_states, *carried.shape[3:]))
    np.add.at(total, stage(mdp.next_states, h), carried)
    return total


def _advance(mdp: TabularMDP, h: int, taken: NDArray[Any]) -> FloatArray:
    """Moments with R^i, (3, S, A, ...), to moments with (R + r)^i by next state, (3, S, ...)."""
    p, r = _outcomes(mdp, h, 0.0)
    tail = (1,) * (taken.ndim - 3)
    moved = []
    for i in range(3):
        grown = sum(
            math.comb(i, j) * (p * r ** (i - j)).reshape(*p.shape, *tail) * taken[j][:, :, None] for j in range(i + 1)
        )
        moved.append(_arrive(mdp, h, np.asarray(grown)))
    return np.stack(moved)
