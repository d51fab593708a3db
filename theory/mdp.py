"""The episodic MDP, stored as the joint law p_h(s', r | s, a) of next state and reward."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import transition_matrices
from theory.arrays import FloatArray, IntArray, stage
from theory.errors import InputError, require_integer
from theory.reward_lattice import LARGEST_LATTICE, common_denominator
from theory.validation import (
    array_of,
    check_rows,
    check_stages,
    dense_rewards,
    finite_array,
    first_entry,
    frozen,
    reward_limits,
    staged,
)

MDP_EXAMPLE = "chain(5, 8)"  # what messages suggest


@dataclass(frozen=True, init=False, eq=False, repr=False)
class TabularMDP:
    """Finite-horizon MDP with a joint law of next state and reward.

    The stored form lists, for every (stage, state, action), its possible outcomes: memory grows with the number of
    outcomes, not with ``S**2 A``. A leading stage axis of length 1 means that the law is the same at every step.

    Parameters
    ----------
    transitions : array (S, A, S) or (H, S, A, S)
        Probability of each next state; every row sums to 1.
    rewards : array (S, A), (S, A, S), or either with a leading H
        Reward of (state, action) or of (state, action, next state); an (n, n, n) array is read as (S, A, S). Use
        `from_outcomes` if one (state, action, next state) can pay several rewards: their mean would keep the value but
        not the law of the return.
    initial : array (S,)
        Law of the first state.
    horizon : int
        Number of steps H.
    reward_range : (float, float), default (0, 1)
        Lowest and highest possible reward, in the unit of `rewards`; this range is mapped affinely to [0, 1].

    Attributes
    ----------
    probabilities : array (1 or H, S, A, O)
    next_states : int array (1 or H, S, A, O)
    rewards : array (1 or H, S, A, O)
        In [0, 1]. Padding outcomes have probability 0.

    Raises
    ------
    InputError
        If an array is not real and finite or has a wrong shape, a probability is negative, a row does not sum to 1, a
        reward is outside its range, or `horizon` is not an integer of at least 1.
    """

    probabilities: FloatArray
    next_states: IntArray
    rewards: FloatArray
    initial: FloatArray
    horizon: int
    reward_range: tuple[float, float]

    def __init__(
        self,
        transitions: ArrayLike,
        rewards: ArrayLike,
        initial: ArrayLike,
        horizon: int,
        *,
        reward_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        require_integer("horizon", horizon, 1)
        dense = finite_array("transitions", transitions)
        if dense.ndim not in (3, 4) or dense.shape[-3] != dense.shape[-1]:
            raise InputError(f"transitions must have shape (S, A, S) or (H, S, A, S), got {dense.shape}")
        check_rows("transitions", dense)
        paid = dense_rewards(finite_array("rewards", rewards), dense.shape)
        check_stages(dense.shape[:-3], horizon)
        check_stages(paid.shape[:-3], horizon)
        stages = np.broadcast_shapes(dense.shape[:-3], paid.shape[:-3])
        dense = np.broadcast_to(dense, stages + dense.shape[-3:])
        paid = np.broadcast_to(paid, dense.shape)
        # Keep the support only; the row with the most successors sets the number of outcomes.
        n_outcomes = max(1, int((dense > 0).sum(axis=-1).max()))
        order = np.argsort(dense <= 0, axis=-1, kind="stable")[..., :n_outcomes]
        chosen = np.take_along_axis(dense, order, axis=-1)
        self._store(
            chosen,
            np.where(chosen > 0, order, 0),
            np.take_along_axis(paid, order, axis=-1),
            initial,
            horizon,
            reward_range,
        )

    @classmethod
    def from_outcomes(
        cls,
        probabilities: ArrayLike,
        next_states: ArrayLike,
        rewards: ArrayLike,
        initial: ArrayLike,
        horizon: int,
        *,
        reward_range: tuple[float, float] = (0.0, 1.0),
    ) -> TabularMDP:
        """Build from the joint law p(s', r | s, a).

        Parameters
        ----------
        probabilities, next_states, rewards : arrays (S, A, O) or (H, S, A, O)
            Probability, next state and reward of each outcome. Outcomes of probability 0 are padding.
        initial, horizon, reward_range
            As for the constructor.

        Raises
        ------
        InputError
            As the constructor, and if a next state is not one of ``0 .. S - 1``.
        """
        require_integer("horizon", horizon, 1)
        law = finite_array("probabilities", probabilities)
        if law.ndim not in (3, 4):
            raise InputError(f"probabilities must have shape (S, A, O) or (H, S, A, O), got {law.shape}")
        successors = array_of("next_states", next_states)
        paid = finite_array("rewards", rewards)
        for name, array in (("next_states", successors), ("rewards", paid)):
            if array.shape != law.shape:
                raise InputError(f"{name} must have the shape of probabilities, {law.shape}, got {array.shape}")
        check_rows("probabilities", law)
        check_stages(law.shape[:-3], horizon)
        mdp = object.__new__(cls)
        mdp._store(law, successors, paid, initial, horizon, reward_range)
        return mdp

    def _store(
        self,
        probabilities: FloatArray,
        next_states: NDArray[Any],
        rewards: FloatArray,
        initial: ArrayLike,
        horizon: int,
        reward_range: tuple[float, float],
    ) -> None:
        """Do the checks of both constructors, and freeze."""
        n_states = probabilities.shape[-3]
        live = probabilities > 0
        if not np.issubdtype(next_states.dtype, np.integer):
            raise InputError(f"next_states must be integers from 0 to {n_states - 1}, got {next_states.dtype}")
        next_states = np.where(live, next_states, 0)
        strays = (next_states < 0) | (next_states >= n_states)
        if strays.any():
            wrong = first_entry(next_states, strays)
            raise InputError(f"next_states must be integers from 0 to {n_states - 1}, got {wrong}")
        start = finite_array("initial", initial)
        if start.shape != (n_states,):
            raise InputError(f"initial must have shape ({n_states},), got {start.shape}")
        check_rows("initial", start)
        low, high = reward_limits(reward_range)
        outside = live & ((rewards < low) | (rewards > high))
        if outside.any():
            raise InputError(
                f"rewards must lie in [{low:g}, {high:g}], got {first_entry(rewards, outside)}; "
                "pass reward_range=(lowest, highest) to have them mapped to [0, 1]"
            )
        unit = np.where(live, (rewards - low) / (high - low), 0.0)
        fields: dict[str, Any] = {
            # Sums of rows may be off by rounding, which samplers refuse.
            "probabilities": frozen(staged(probabilities / probabilities.sum(axis=-1, keepdims=True))),
            "next_states": frozen(staged(next_states).astype(np.int64)),
            "rewards": frozen(staged(unit)),
            "initial": frozen(start / start.sum()),
            "horizon": int(horizon),
            "reward_range": (low, high),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        stages = "" if self.stationary else ", time-dependent"
        return f"TabularMDP(n_states={self.n_states}, n_actions={self.n_actions}, horizon={self.horizon}{stages})"

    def __getstate__(self) -> dict[str, Any]:
        """What defines it. What was worked out of it stays behind, so a used MDP is packed and hashed as a new one."""
        derived = {name for name in self.__dict__ if isinstance(getattr(type(self), name, None), cached_property)}
        return {name: value for name, value in self.__dict__.items() if name not in derived}

    @property
    def n_states(self) -> int:
        """Number of states S."""
        return int(self.probabilities.shape[1])

    @property
    def n_actions(self) -> int:
        """Number of actions A."""
        return int(self.probabilities.shape[2])

    @property
    def stationary(self) -> bool:
        """Whether the law is the same at every step."""
        return bool(self.probabilities.shape[0] == 1)

    def original_return(self, value: ArrayLike) -> FloatArray:
        """Map a return or value of the rewards in [0, 1] back to the unit the rewards were given in."""
        low, high = self.reward_range
        return low * self.horizon + (high - low) * np.asarray(value, dtype=np.float64)

    @cached_property
    def reward_lattice(self) -> int | None:
        """Smallest m such that every reward is a multiple of 1/m; None if there is none up to 10,000."""
        denominator, culprit = self._lattice_search
        return denominator if culprit is None else None

    def on_lattice(self, returns: ArrayLike) -> FloatArray:
        """Round sums of rewards to the lattice, if there is one, so that equal returns compare as equal."""
        exact = np.asarray(returns, dtype=np.float64)
        lattice = self.reward_lattice
        return exact if lattice is None else np.rint(exact * lattice) / lattice

    @cached_property
    def _lattice_search(self) -> tuple[int, float | None]:
        """Common denominator of the rewards, and the first reward that fits no lattice, or None."""
        return common_denominator(np.unique(self.rewards[self.probabilities > 0]))

    def require_lattice(self) -> int:
        """`reward_lattice`, which must exist.

        Raises
        ------
        InputError
            If there is no reward lattice; the message names a reward that does not fit.
        """
        lattice = self.reward_lattice
        if lattice is None:
            reward = self._lattice_search[1]
            wrong = first_entry(self.rewards, (self.rewards == reward) & (self.probabilities > 0))
            raise InputError(
                f"rewards must be multiples of 1/m with m <= {LARGEST_LATTICE} for the exact law of the return, "
                f"got {wrong}; round the rewards or use sampler='rollout'"
            )
        return lattice

    @cached_property
    def largest_return_steps(self) -> tuple[int, ...]:
        """Largest sum of rewards after 0, 1, ..., H steps over all policies, in steps of the lattice.

        Raises
        ------
        InputError
            If the MDP has no reward lattice.
        """
        steps = np.rint(self.rewards * self.require_lattice())
        best = np.where(self.initial > 0, 0.0, -np.inf)
        largest = [0]
        for h in range(self.horizon):
            possible = stage(self.probabilities, h) > 0
            collected = np.where(possible, best[:, None, None] + stage(steps, h), -np.inf)
            best = np.full(self.n_states, -np.inf)
            np.maximum.at(best, stage(self.next_states, h).ravel(), collected.ravel())
            largest.append(int(best.max()))
        return tuple(largest)

    @cached_property
    def expected_reward(self) -> FloatArray:
        """Mean reward of (stage, state, action), shape (1 or H, S, A)."""
        return frozen((self.probabilities * self.rewards).sum(axis=-1))

    @cached_property
    def successor_kernels(self) -> tuple[transition_matrices.Kernel, ...]:
        """Per stage the (S A, S) matrix of p(s' | s, a)."""
        laws = zip(self.probabilities, self.next_states, strict=True)
        return tuple(transition_matrices.build_rows(p, to, self.n_states) for p, to in laws)

    @cached_property
    def successor_kernels_by_action(self) -> tuple[transition_matrices.Kernel, ...]:
        """The same with rows (a, s), shape (A S, S): what is done over actions then runs along the states."""
        laws = zip(self.probabilities.swapaxes(1, 2), self.next_states.swapaxes(1, 2), strict=True)
        return tuple(transition_matrices.build_rows(p, to, self.n_states) for p, to in laws)

    @cached_property
    def predecessor_kernels(self) -> tuple[transition_matrices.Kernel, ...]:
        """Per stage the transpose of the successor matrix, (S, S A)."""
        return tuple(transition_matrices.transpose(kernel) for kernel in self.successor_kernels)

    @cached_property
    def reward_branches(self) -> tuple[transition_matrices.RewardBranches, ...]:
        """Per stage, p(s', r | s, a) by distinct (r, s, a), rewards in steps of the lattice.

        Raises
        ------
        InputError
            If the MDP has no reward lattice.
        """
        steps = np.rint(self.rewards * self.require_lattice()).astype(np.int64)
        return tuple(
            transition_matrices.branch(*law) for law in zip(self.probabilities, self.next_states, steps, strict=True)
        )
