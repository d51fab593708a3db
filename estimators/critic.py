"""A learned critic: values of (step, state) fitted to sampled returns, and advantages from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from estimators.visits import still_to_come
from theory.arrays import FloatArray, IntArray
from theory.errors import require_number, require_positive


@dataclass(frozen=True)
class LearnedCritic:
    """A value for every (step, state), and generalised advantage estimates, without discount.

    Advantages come from the values fitted before, so that no trajectory is its own baseline. Then the values are fitted
    to the new returns.

    Parameters
    ----------
    trace : float, default 0.95
        Lambda in [0, 1]. 1 trusts the sampled rewards alone, 0 the values of the next states alone.
    memory : float, default 8
        Number of visits that the values fitted before count for, above 0.

    Raises
    ------
    InputError
        If a parameter is out of its range.

    References
    ----------
    Schulman, Moritz, Levine, Jordan and Abbeel, *High-dimensional continuous control using generalized advantage
    estimation* (2016).
    """

    trace: float = 0.95
    memory: float = 8.0

    def __post_init__(self) -> None:
        require_number("trace", self.trace, "lie in [0, 1]", lambda number: 0 <= number <= 1, "; 0.95 is usual")
        require_positive("memory", self.memory, "; 8 visits are the default")

    def advantages(self, values: FloatArray, states: IntArray, rewards: FloatArray) -> FloatArray:
        """Sum over k of trace^k times the surprise k steps later: reward, plus next value, minus value.

        Parameters
        ----------
        values : array (..., H, S)
            The value after the last step is 0.
        states : int array (H, ..., n)
        rewards : array (H, ..., n)

        Returns
        -------
        array (H, ..., n)
        """
        seen = np.moveaxis(np.take_along_axis(values, np.moveaxis(states, 0, -2), -1), -2, 0)
        surprise = rewards - seen
        surprise[:-1] += seen[1:]
        for h in reversed(range(len(surprise) - 1)):
            surprise[h] += self.trace * surprise[h + 1]
        return surprise

    def fit(self, values: FloatArray, states: IntArray, rewards: FloatArray) -> FloatArray:
        """Mean of the returns still to come, over the visits and `memory` visits with the old value; (..., H, S).

        The arguments are those of `advantages`.
        """
        size, n_states = values.size, values.shape[-1]
        # Cells (run, step, state) in the order of `values`.
        first = np.moveaxis(np.arange(size // n_states).reshape(values.shape[:-1]), -1, 0)[..., None] * n_states
        cell = (first + states).ravel()
        counts = np.bincount(cell, minlength=size).reshape(values.shape)
        sums = np.bincount(cell, still_to_come(rewards).ravel(), size).reshape(values.shape)
        return np.asarray((self.memory * values + sums) / (self.memory + counts))
