"""Exact MDPs from the transition tables of Gymnasium's toy-text environments."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from theory.arrays import FloatArray
from theory.errors import InputError
from theory.mdp import TabularMDP

# The law of one (state, action): probability of every (next state, reward).
Row = dict[tuple[int, float], float]


def from_gymnasium(env_id: str, horizon: int, **kwargs: Any) -> TabularMDP:
    """Read an environment's table ``P`` and initial law; `horizon` replaces its own time limit.

    After the end of an episode the process stays in an absorbing state with reward 0. This is the state the episode
    ends in if its own rows stay there with reward 0 (FrozenLake), and one additional last state otherwise
    (CliffWalking, Taxi). Rewards outside [0, 1] are mapped by ``reward_range = (lowest, highest)``, the absorbing 0
    included. `TabularMDP.original_return` inverts that map.

    Parameters
    ----------
    env_id : str
        Such as ``"FrozenLake-v1"``, ``"CliffWalking-v1"`` or ``"Taxi-v4"``.
    horizon : int
    **kwargs
        The environment's own options, such as ``is_slippery``, ``map_name``, ``desc`` or ``is_rainy``.

    Raises
    ------
    InputError
        If Gymnasium cannot make the environment, it has no table, or its dynamics differ from its table.
    """
    table, initial = _read(env_id, kwargs)
    n_states, n_actions = len(table), len(table[0])
    absorbing = [_absorbs(table, state) for state in range(n_states)]
    law = [[_row(table[s][a], absorbing, n_states) for a in range(n_actions)] for s in range(n_states)]
    if any(next_state == n_states for rows in law for row in rows for next_state, _ in row):
        law.append([{(n_states, 0.0): 1.0}] * n_actions)
        initial = np.append(initial, 0.0)
    shape = (len(law), n_actions, max(len(row) for rows in law for row in rows))
    probabilities, next_states, rewards = np.zeros(shape), np.zeros(shape, dtype=np.int64), np.zeros(shape)
    for s, rows in enumerate(law):
        for a, row in enumerate(rows):
            for k, ((next_state, reward), probability) in enumerate(row.items()):
                probabilities[s, a, k], next_states[s, a, k], rewards[s, a, k] = probability, next_state, reward
    lowest, highest = min(0.0, float(rewards.min())), max(0.0, float(rewards.max()))
    reward_range = (lowest, highest) if lowest < 0 or highest > 1 else (0.0, 1.0)
    return TabularMDP.from_outcomes(
        probabilities, next_states, rewards, initial / initial.sum(), horizon, reward_range=reward_range
    )


def _read(env_id: str, kwargs: dict[str, Any]) -> tuple[Any, FloatArray]:
    """Table and initial law of an environment; the environment is closed."""
    import gymnasium  # late: theory must stay light to import

    try:
        env = gymnasium.make(env_id, **kwargs)
    except (gymnasium.error.Error, ImportError, TypeError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"env_id and its options must be ones Gymnasium can make, got {env_id!r}, {kwargs}: {reason}"
        ) from error
    try:
        model: Any = env.unwrapped
        if not (hasattr(model, "P") and hasattr(model, "initial_state_distrib")):
            raise InputError(
                f"env_id must name an environment with a table P and an initial_state_distrib, got {env_id!r}; "
                "try FrozenLake-v1, CliffWalking-v1 or Taxi-v4"
            )
        if getattr(model, "fickle_passenger", False):
            raise InputError(
                "fickle_passenger must be False, got True: the destination would change outside the table P; "
                "is_rainy is supported"
            )
        return model.P, np.array(model.initial_state_distrib, dtype=np.float64)
    finally:
        env.close()


def _absorbs(table: Any, state: int) -> bool:
    """Whether every action stays in the state with reward 0."""
    return all(
        next_state == state and reward == 0
        for outcomes in table[state].values()
        for probability, next_state, reward, _ in outcomes
        if probability > 0
    )


def _row(outcomes: Any, absorbing: list[bool], end: int) -> Row:
    """Add up repeated outcomes, lead the end of the episode to an absorbing state, and normalise."""
    row: Row = defaultdict(float)
    for probability, next_state, reward, done in outcomes:
        if probability > 0:
            target = end if done and not absorbing[next_state] else int(next_state)
            row[target, float(reward)] += float(probability)
    total = sum(row.values())
    return {outcome: probability / total for outcome, probability in row.items()}
