"""Smoothness constants and the finite-sample certificate, with every constant."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from theory.arrays import FloatArray, stage
from theory.errors import InputError, require_integer, require_kind, require_number
from theory.mdp import MDP_EXAMPLE, TabularMDP
from theory.policies import Policy
from theory.validation import finite_array, first_entry, not_negative_array, positive_array
from theory.values import check_fit, policy_hessian

# A certificate needs c = L alpha d below the first; predictions take the constants of the second, whatever the step.
LARGEST_C, PREDICTED_C = 0.75, 0.25


def return_range(mdp: TabularMDP) -> tuple[float, float]:
    """Smallest and largest return that any policy can produce, by backward induction; no reward lattice is needed."""
    require_kind("mdp", mdp, TabularMDP, MDP_EXAMPLE)
    lowest, highest = np.zeros(mdp.n_states), np.zeros(mdp.n_states)
    for h in reversed(range(mdp.horizon)):
        possible, paid = stage(mdp.probabilities, h) > 0, stage(mdp.rewards, h)
        successors = stage(mdp.next_states, h)
        lowest = np.where(possible, paid + lowest[successors], np.inf).min(axis=(1, 2))
        highest = np.where(possible, paid + highest[successors], -np.inf).max(axis=(1, 2))
    first = mdp.initial > 0
    return float(lowest[first].min()), float(highest[first].max())


def smoothness_bound(mdp: TabularMDP, policy: Policy) -> float:
    """Proved smoothness constant of V: L <= min(H (H + 1) / 4, B H / 2) (F + G^2).

    F and G^2 are the policy's `score_bounds`, B the length of `return_range`. Since B <= H, the simpler constant
    (H^2 / 2) (F + G^2) is never the least. The proofs are in ``docs/theory/certificate.md``.
    """
    check_fit(mdp, policy)
    hessian, score = policy.score_bounds
    lowest, highest = return_range(mdp)
    horizon = mdp.horizon
    return min(horizon * (horizon + 1) / 4, horizon * (highest - lowest) / 2) * (hessian + score)


def hessian_norm(mdp: TabularMDP, policy: Policy, theta: ArrayLike) -> FloatArray:
    """Operator norm of the exact Hessian of V at theta, (..., dim) -> (...,)."""
    norm: FloatArray = np.abs(np.linalg.eigvalsh(policy_hessian(mdp, policy, theta))).max(axis=-1)
    return norm


@dataclass(frozen=True, eq=False)
class Bound:
    """An upper bound of (1/T) sum_t E|grad V(theta_t)|^2, in three parts; the arrays broadcast.

    Attributes
    ----------
    transient : array
        (V* - V_1) / (alpha T), from the start; it and the other two are divided by 3/4 - c.
    bias : array
        (1 + c) d (L mu / 2 + beta_M / mu)^2, from smoothing and link inversion.
    noise : array
        c d s_M^2 / (2 mu^2 N), from trajectories and votes.
    proved : bool
        True for a certificate, False for a prediction.
    """

    transient: FloatArray
    bias: FloatArray
    noise: FloatArray
    proved: bool

    @property
    def total(self) -> FloatArray:
        """The sum of the three parts."""
        return self.transient + self.bias + self.noise


def certificate(
    *,
    value_gap: ArrayLike,
    dim: int,
    smoothness: float,
    n_iterations: ArrayLike,
    step_size: ArrayLike,
    radius: ArrayLike,
    n_pairs: ArrayLike,
    inversion_bias: ArrayLike,
    second_moment: ArrayLike,
    proved: bool = True,
) -> Bound:
    """Finite-sample bound of (1/T) sum_t E|grad V(theta_t)|^2 for pairs at theta + mu v against theta.

    With |v| = 1, E[v v'] = I/d, x = L mu / 2 + beta_M / mu and c = L alpha d < 3/4 it is

        ((V* - V_1) / (alpha T) + (1 + c) d x^2 + c d s_M^2 / (2 mu^2 N)) / (3/4 - c);

    the proof is in ``docs/theory/certificate.md``. It grows with c. At c = 1/4 it is
    2 (V* - V_1) / (alpha T) + (5/2) d x^2 + d s_M^2 / (4 mu^2 N).

    Parameters
    ----------
    value_gap : array
        An upper bound of V* - V(theta_1).
    dim : int
        Number of parameters d.
    smoothness : float
        L, a proved bound such as `smoothness_bound`.
    n_iterations, step_size, radius, n_pairs : arrays
        T, alpha, mu and N.
    inversion_bias, second_moment : arrays
        beta_M and s_M^2: `VoteTable.largest_bias` and `VoteTable.largest_second_moment`; both 0 for exact differences.
    proved : bool, default True
        False gives the formula of c = 1/4 for any L and any step: a prediction, not a theorem.

    Raises
    ------
    InputError
        If a number is out of its range, or if `proved` and a step is not below 3 / (4 L d).
    """
    require_integer("dim", dim, 1)
    require_number("smoothness", smoothness, "be finite and not negative", lambda number: 0 <= number < math.inf)
    require_kind("proved", proved, bool, "True")
    step, mu = positive_array("step_size", step_size), positive_array("radius", radius)
    iterations, pairs = (
        positive_array("n_iterations", n_iterations, infinite=True),
        positive_array("n_pairs", n_pairs, infinite=True),
    )
    gap, second = finite_array("value_gap", value_gap), not_negative_array("second_moment", second_moment)
    c = smoothness * step * dim if proved else np.full_like(step, PREDICTED_C)
    too_large = c >= LARGEST_C
    if too_large.any():
        raise InputError(
            f"step_size must be below 3 / (4 L d) = {LARGEST_C / (smoothness * dim):.6g} for a certificate, "
            f"got {first_entry(step, too_large)}; proved=False gives a prediction"
        )
    bias = smoothness * mu / 2 + not_negative_array("inversion_bias", inversion_bias) / mu
    return Bound(
        transient=gap / (step * iterations) / (LARGEST_C - c),
        bias=(1 + c) * dim * bias**2 / (LARGEST_C - c),
        noise=c * dim * second / (2 * mu**2 * pairs) / (LARGEST_C - c),
        proved=proved,
    )
