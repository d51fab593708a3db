"""Exact law of the return, and of the difference of two independent returns, on the reward lattice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory.arrays import FloatArray, stage
from theory.batching import columns, rows
from theory.errors import InputError
from theory.mdp import TabularMDP
from theory.memory import keep_pages
from theory.policies import Policy
from theory.validation import check_rows, finite_array
from theory.values import real_parameters

# The recursion holds arrays (branches, K, B); a larger batch is cut into pieces of about this many numbers.
WORKING_SET = 2**24


@dataclass(frozen=True, eq=False)
class ReturnDistribution:
    """Law of the return R(tau) under a batch of policies.

    Attributes
    ----------
    values : array (K,)
        Possible returns ``0, 1/m, 2/m, ...``, up to the largest over all policies.
    probabilities : array (..., K)
    """

    values: FloatArray
    probabilities: FloatArray

    @property
    def mean(self) -> FloatArray:
        """Expected return, shape (...,)."""
        mean: FloatArray = self.probabilities @ self.values
        return mean

    @property
    def variance(self) -> FloatArray:
        """Variance of the return, shape (...,)."""
        deviations = self.values - self.mean[..., None]
        variance: FloatArray = (self.probabilities * deviations**2).sum(axis=-1)
        return variance


def return_distribution(mdp: TabularMDP, policy: Policy, theta: ArrayLike) -> ReturnDistribution:
    """Law of the return by forward recursion over (state, return so far), in O(H nnz(P) m H) per policy.

    Parameters
    ----------
    mdp : TabularMDP
        It must have a reward lattice.
    policy : Policy
    theta : array (..., dim)

    Raises
    ------
    InputError
        If the MDP has no reward lattice; the message names a reward that does not fit.
    """
    theta = real_parameters(mdp, policy, theta)
    keep_pages()
    pi = columns(policy.probabilities(theta), 3)
    n_returns = mdp.largest_return_steps[-1] + 1
    n_branches = max(len(branches.states) for branches in mdp.reward_branches)
    piece = max(1, WORKING_SET // (n_returns * n_branches))
    laws = [return_law_columns(mdp, pi[..., start : start + piece]) for start in range(0, pi.shape[-1], piece)]
    law = laws[0] if len(laws) == 1 else np.concatenate(laws, axis=-1)
    return ReturnDistribution(np.arange(n_returns) / mdp.require_lattice(), rows(law, theta.shape[:-1]))


def difference_law(law: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """Law of R1 - R0 for independent R1 ~ `law` and R0 ~ `other`, (..., K) and (..., K) -> (..., 2 K - 1).

    Entry ``k`` is the probability of a difference of ``k - (K - 1)`` steps of the lattice: a cross-correlation.

    Raises
    ------
    InputError
        If they are not laws, or of other lengths.
    """
    given = []
    for name, value in (("law", law), ("other", other)):
        array = finite_array(name, value)
        check_rows(name, array[None])
        given.append(array)
    if given[0].shape[-1] != given[1].shape[-1]:
        raise InputError(
            f"law and other must have the same length, got {given[0].shape[-1]} and {given[1].shape[-1]}; "
            "pad the shorter one with zeros"
        )
    return cross_correlation(*given)


def cross_correlation(law: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """As `difference_law`, for laws that this package has worked out."""
    batch = np.broadcast_shapes(law.shape[:-1], other.shape[:-1])
    first, second = (columns(np.broadcast_to(a, (*batch, a.shape[-1])), 1) for a in (law, other))
    n_returns = len(first)
    mirrored = np.ascontiguousarray(second[::-1])
    correlation = np.zeros((2 * n_returns - 1, first.shape[-1]))
    for k in range(n_returns):
        correlation[k : k + n_returns] += first[k] * mirrored
    return rows(correlation, batch)


def law_of_mean(law: NDArray[Any], n: int) -> NDArray[Any]:
    """Law of the mean of n independent copies, (..., K) -> (..., n (K - 1) + 1), on a lattice n times as fine.

    An n-fold convolution, by Fourier transform; the error of a probability is of order 1e-16.
    """
    size = n * (law.shape[-1] - 1) + 1
    length = 1 << (size - 1).bit_length()
    convolved = np.fft.irfft(np.fft.rfft(law, length, axis=-1) ** n, length, axis=-1)[..., :size]
    return np.asarray(np.maximum(convolved, 0.0))


def return_law_columns(mdp: TabularMDP, pi: NDArray[Any]) -> NDArray[Any]:
    """(1 or H, S, A, B) action probabilities -> (K, B) law of the return."""
    n_batch = pi.shape[-1]
    flat = pi.reshape(len(pi), -1, n_batch)
    reach = mdp.largest_return_steps
    mass = np.repeat(mdp.initial[:, None, None], n_batch, axis=2)
    # A stationary policy on a stationary MDP takes its branches with the same probabilities at every step.
    n_distinct = 1 if len(pi) == len(mdp.reward_branches) == 1 else mdp.horizon
    for h in range(mdp.horizon):
        branches = stage(mdp.reward_branches, h)
        if h < n_distinct:
            taken = stage(flat, h)[branches.state_actions, None]
        shifted = np.zeros((len(branches.states), reach[h + 1] + 1, n_batch))
        for reward, members in branches.rewards:
            # Columns beyond the reach hold no mass.
            width = max(0, min(mass.shape[1], shifted.shape[1] - reward))
            np.multiply(
                mass[branches.states[members], :width],
                taken[members],
                out=shifted[members, reward : reward + width],
            )
        kernel = branches.successors if h + 1 < mdp.horizon else branches.totals
        mass = (kernel @ shifted.reshape(len(shifted), -1)).reshape(-1, *shifted.shape[1:])
    law: NDArray[Any] = mass[0]
    return law
