"""Tables of the law of what is read from a pair, by the difference of its returns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.arrays import FloatArray
from theory.errors import require_integer, require_kind
from theory.mdp import MDP_EXAMPLE, TabularMDP


@dataclass(frozen=True, eq=False)
class VoteTable:
    """Law of the value f read from the votes on a pair, for every possible difference of returns.

    Attributes
    ----------
    differences : array (n_differences,)
        Possible delta = R1 - R0, ascending.
    outcomes : array (n_outcomes,)
        Possible values f.
    probabilities : array (n_differences, n_outcomes) or None
        P(f | delta). None stands for the identity: at delta number k, f is outcome number k.
    mean, variance : arrays (n_differences,)
        E[f | delta] and Var[f | delta].
    clipped : array (n_differences,)
        Probability that the vote share is at the trim or beyond it, or that votes stop at a cap.
    votes : array (n_differences,)
        Expected number of votes on a pair.
    asked : array (n_outcomes,)
        Number of votes on a pair that is read as each outcome.
    """

    differences: FloatArray
    outcomes: FloatArray
    probabilities: FloatArray | None
    mean: FloatArray
    variance: FloatArray
    clipped: FloatArray
    votes: FloatArray
    asked: FloatArray

    def __post_init__(self) -> None:
        # Tables are cached and shared.
        for array in vars(self).values():
            if array is not None:
                array.setflags(write=False)

    @property
    def bias(self) -> FloatArray:
        """Link-inversion bias b_M(delta) = E[f | delta] - delta, for every delta."""
        return self.mean - self.differences

    @property
    def largest_bias(self) -> float:
        """The constant beta_M = max over delta of |b_M(delta)|."""
        return float(np.abs(self.bias).max())

    @property
    def largest_second_moment(self) -> float:
        """The constant s_M^2 = max over delta of E[f^2 | delta]."""
        return float((self.variance + self.mean**2).max())

    @property
    def same_votes(self) -> bool:
        """Whether every pair gets the same number of votes."""
        return bool((self.asked == self.asked[0]).all())

    def outcome_law(self, difference_law: NDArray[Any]) -> NDArray[Any]:
        """Law of f under a law of delta: (..., n_differences) -> (..., n_outcomes)."""
        return difference_law if self.probabilities is None else difference_law @ self.probabilities


def return_table(mdp: TabularMDP, batch_size: int = 1) -> VoteTable:
    """Table of feedback that shows the returns: f = delta.

    Raises
    ------
    InputError
        If the MDP has no reward lattice.
    """
    return _identity_table(*lattice_of_means(mdp, batch_size))


def lattice_of_means(mdp: TabularMDP, batch_size: int) -> tuple[int, int]:
    """Steps of the lattice of means of `batch_size` returns in one unit of return, and in the largest return."""
    require_kind("mdp", mdp, TabularMDP, MDP_EXAMPLE)
    require_integer("batch_size", batch_size, 1)
    return batch_size * mdp.require_lattice(), batch_size * mdp.largest_return_steps[-1]


def possible_differences(lattice: int, n_steps: int) -> FloatArray:
    """Differences of two returns of at most n_steps / lattice, ascending."""
    return np.arange(-n_steps, n_steps + 1) / lattice


@lru_cache(maxsize=64)
def _identity_table(lattice: int, n_steps: int) -> VoteTable:
    differences = possible_differences(lattice, n_steps)
    zero = np.zeros_like(differences)
    return VoteTable(differences, differences, None, differences, zero, zero, zero, zero)
