"""Smoothness constants and the finite-sample certificate, with every constant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from theory.arrays import FloatArray
from theory.errors import InputError
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.validation import first_entry
from theory.values import policy_hessian


def smoothness_bound(mdp: TabularMDP, policy: Policy) -> float:
    """Proved smoothness constant of V: L <= (H^2 / 2) (F + G^2).

    F and G^2 are the policy's `score_bounds`. The proof centres returns at H/2, which does not change the Hessian of V,
    and uses that scores of different steps are martingale differences.
    """
    hessian, score = policy.score_bounds
    return mdp.horizon**2 / 2 * (hessian + score)


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
        2 (V* - V_1) / (alpha T), from the start.
    bias : array
        (5/2) d (L mu / 2 + beta_M / mu)^2, from smoothing and link inversion.
    noise : array
        d s_M^2 / (4 mu^2 N), from trajectories and votes.
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

    With |v| = 1, E[v v'] = I/d and x = L mu / 2 + beta_M / mu, the bias of an estimate is at most sqrt(d) x,
    its second moment at most 2 d |grad V|^2 + 2 d^2 x^2 + d^2 s_M^2 / (mu^2 N). Put into the ascent inequality of an
    L-smooth V and summed over t, with alpha <= 1 / (4 L d), they give

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
        False gives the same formula for any L and any step: a prediction, not a theorem.

    Raises
    ------
    InputError
        If `proved` and a step exceeds 1 / (4 L d).
    """
    step, mu = np.asarray(step_size, dtype=np.float64), np.asarray(radius, dtype=np.float64)
    largest = 1 / (4 * smoothness * dim) if smoothness > 0 else np.inf
    too_large = step > largest * (1 + 1e-12)
    if proved and too_large.any():
        raise InputError(
            f"step_size must be at most 1 / (4 L d) = {largest:.6g} for a certificate, "
            f"got {first_entry(step, too_large)}; proved=False gives a prediction"
        )
    return Bound(
        transient=2 * np.asarray(value_gap) / (step * np.asarray(n_iterations)),
        bias=2.5 * dim * (smoothness * mu / 2 + np.asarray(inversion_bias) / mu) ** 2,
        noise=dim * np.asarray(second_moment) / (4 * mu**2 * np.asarray(n_pairs)),
        proved=proved,
    )
