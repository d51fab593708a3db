"""Loss of direct preference optimisation with infinitely much data, by enumeration of the pairs of trajectories."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax

from theory.arrays import FloatArray, IntArray
from theory.enumeration import enumerate_trajectories
from theory.errors import InputError, require_kind
from theory.kl_control import check_beta, check_reference
from theory.likelihood import cross_entropy, cross_entropy_curvature
from theory.links import Link
from theory.mdp import TabularMDP
from theory.policies import TabularSoftmax
from theory.validation import check_width, finite_array

# The pairs of patterns are held in memory.
LARGEST_PATTERNS = 2_000


@dataclass(frozen=True, eq=False)
class DpoLoss:
    """Expected loss over pairs of independent trajectories of the reference, -log sigma(beta (g1 - g0)) per vote.

    g = sum_h log pi_h(a_h | s_h) / reference. Trajectories that visit the same (stage, state, action) have the same g.
    Their votes are averaged into one share, which changes nothing because the loss is linear in the share.

    Attributes
    ----------
    visits : array (K, H S A)
        The distinct patterns of visits.
    first, second : int arrays (P,)
        The pairs of patterns; with symmetric links each pair is listed in one order only.
    weights, shares : arrays (P,)
        Probability of the pair, and share of the votes for the first.
    link : Link
        The link that the learner assumes.
    kl_weight : float
        beta.
    policy : TabularSoftmax
        Time-dependent.
    log_reference : array (1 or H, S, A)
    """

    visits: FloatArray
    first: IntArray
    second: IntArray
    weights: FloatArray
    shares: FloatArray
    link: Link
    kl_weight: float
    policy: TabularSoftmax
    log_reference: FloatArray

    def __call__(self, theta: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Loss, (...,), and its gradient, (..., dim), at logits (..., dim)."""
        logits = finite_array("theta", theta)
        check_width(logits, self.policy.dim)
        difference, table = self._differences(logits)
        loss, slope = cross_entropy(self.link, difference, self.shares)
        pulled = self._pull(self.kl_weight * self.weights * slope).reshape(table.shape)
        return loss @ self.weights, self.policy.score_product(logits, table, pulled)

    def hessian(self, theta: ArrayLike) -> FloatArray:
        """Second derivatives, (dim, dim), at logits (dim,)."""
        logits = np.asarray(theta, dtype=np.float64)
        difference, table = self._differences(logits)
        slope = cross_entropy(self.link, difference, self.shares)[1]
        curvature = cross_entropy_curvature(self.link, difference, self.shares)
        pairs = np.zeros((len(self.visits),) * 2)
        pairs[self.first, self.second] = self.kl_weight**2 * self.weights * curvature
        pairs += pairs.T
        laplacian = np.diag(pairs.sum(axis=1)) - pairs
        n_actions = self.policy.n_actions
        # d log pi(a) / d logit(b) = [a = b] - pi(b), whose own derivative, d / d logit(c), is pi(b) (pi(c) - [b = c]).
        choice = table.reshape(-1, n_actions)
        jacobian = _blocks(np.eye(n_actions) - choice[:, None, :])
        total = self._pull(self.kl_weight * self.weights * slope).reshape(choice.shape).sum(axis=1)
        own = choice[:, :, None] * (choice[:, None, :] - np.eye(n_actions))
        spread = self.visits @ jacobian
        return np.asarray(spread.T @ laplacian @ spread + _blocks(total[:, None, None] * own))

    @cached_property
    def free(self) -> IntArray:
        """Indices of the logits to optimise: states within reach, all actions but the first."""
        reached = self.visits.any(axis=0).reshape(-1, self.policy.n_actions)
        reached[:, 0] = False
        return np.flatnonzero(reached)

    def _differences(self, logits: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return differences that the policy implies, (..., P), and its probabilities, (..., H, S, A)."""
        core = (self.policy.horizon or 1, self.policy.n_states, self.policy.n_actions)
        log_policy = log_softmax(logits.reshape(*logits.shape[:-1], *core), axis=-1)
        ratio = (log_policy - self.log_reference).reshape(*logits.shape[:-1], -1)
        implied = self.kl_weight * ratio @ self.visits.T
        return implied[..., self.first] - implied[..., self.second], np.exp(log_policy)

    def _pull(self, slopes: FloatArray) -> FloatArray:
        """Transpose of the differences: (..., P) -> (..., H S A)."""
        flat = slopes.reshape(-1, slopes.shape[-1])
        number = len(self.visits)
        net = np.stack([np.bincount(self.first, s, number) - np.bincount(self.second, s, number) for s in flat])
        return (net @ self.visits).reshape(*slopes.shape[:-1], -1)


def population_loss(
    mdp: TabularMDP, reference: ArrayLike, beta: float, link: Link, *, raters: Link | None = None
) -> DpoLoss:
    """Build the expected loss over pairs of trajectories drawn independently from the reference.

    Parameters
    ----------
    mdp : TabularMDP
        With at most 10,000 trajectories.
    reference : array (1 or H, S, A)
        Action probabilities, all positive.
    beta : float
        Positive, in units of return.
    link : Link
        The link that the learner assumes.
    raters : Link, optional
        The link of the raters; by default the same.

    Raises
    ------
    InputError
        If the MDP has too many trajectories, the reference is not a positive policy of it, or beta is not positive.
    """
    table = check_reference(mdp, reference)
    weight = check_beta(beta)
    if weight.ndim:
        raise InputError(f"beta must be one number, got shape {weight.shape}; build one loss for each")
    voted = link if raters is None else raters
    require_kind("link", link, Link, "Logistic()")
    require_kind("raters", voted, Link, "Logistic()")
    paths = enumerate_trajectories(mdp)
    visits, pattern = np.unique(paths.visits.reshape(len(paths.returns), -1), axis=0, return_inverse=True)
    if len(visits) > LARGEST_PATTERNS:
        raise InputError(
            f"mdp must have at most {LARGEST_PATTERNS} patterns of visited (state, action) to pair them, "
            f"got {len(visits)}; shorten the horizon or use fewer states or actions"
        )
    returns, level = np.unique(paths.returns, return_inverse=True)
    joint = np.zeros((len(visits), len(returns)))
    np.add.at(joint, (pattern.ravel(), level.ravel()), paths.probabilities(table))
    chance = joint.sum(axis=1)
    given = joint / chance[:, None]
    share = given @ np.asarray(voted.probability(returns[:, None] - returns)) @ given.T
    if link.symmetric and voted.symmetric:
        first, second = np.triu_indices(len(visits))
        twice = np.where(first == second, 1, 2)
    else:
        first, second = (index.ravel() for index in np.indices(share.shape))
        twice = np.ones(1)
    return DpoLoss(
        visits=visits,
        first=first,
        second=second,
        weights=twice * chance[first] * chance[second],
        shares=share[first, second],
        link=link,
        kl_weight=float(weight),
        policy=TabularSoftmax(mdp.n_states, mdp.n_actions, mdp.horizon),
        log_reference=np.log(table),
    )


def _blocks(squares: NDArray[Any]) -> FloatArray:
    """Block-diagonal matrix of squares (N, A, A)."""
    number, size, _ = squares.shape
    matrix = np.zeros((number, size, number, size))
    matrix[np.arange(number), :, np.arange(number)] = squares
    return matrix.reshape(number * size, number * size)
