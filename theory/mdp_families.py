"""Families of small MDPs: bandits, chains, gridworlds and random ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory.arrays import IntArray
from theory.errors import InputError, require_integer, require_number
from theory.mdp import TabularMDP
from theory.validation import real_array

# Row and column steps of left, down, right, up. The neighbours of an action in this cycle are at right angles to it.
MOVES = ((0, -1), (1, 0), (0, 1), (-1, 0))
CELLS = "S.GH#"


def bandit(means: ArrayLike, horizon: int = 1) -> TabularMDP:
    """One state and Bernoulli rewards: the return counts successes.

    Parameters
    ----------
    means : array (A,)
        Probability that each action pays 1, otherwise it pays 0.
    horizon : int, default 1
        Number of pulls.

    Raises
    ------
    InputError
        If `means` is not a vector of probabilities.
    """
    mean = real_array("means", means)
    if mean.ndim != 1 or mean.size == 0 or not ((mean >= 0) & (mean <= 1)).all():
        raise InputError(f"means must be a vector of probabilities in [0, 1], got {mean.tolist()}")
    law = np.stack([1 - mean, mean], axis=-1)[None]
    rewards = np.broadcast_to([0.0, 1.0], law.shape)
    return TabularMDP.from_outcomes(law, np.zeros(law.shape, dtype=np.int64), rewards, [1.0], horizon)


def chain(n_states: int, horizon: int, slip: float = 0.0) -> TabularMDP:
    """States in a row, actions left (0) and right (1), the start at the left end, reward at the right end.

    An action moves one state in its direction, or with probability `slip` in the other; at an end it stays. Every step
    to the last state pays 1, also from the last state, so without slip the optimum is
    ``max(0, horizon - n_states + 2)``.

    Parameters
    ----------
    n_states : int
        At least 2.
    horizon : int
    slip : float, default 0
        Probability in [0, 1].

    Raises
    ------
    InputError
        If an argument is out of its range.

    References
    ----------
    The chain walk of Lagoudakis and Parr, *Least-squares policy iteration*, JMLR 4 (2003), with one rewarded end.
    """
    require_integer("n_states", n_states, 2)
    _require_probability("slip", slip)
    ways = np.array([[-1, 1], [1, -1]])
    next_states = np.clip(np.arange(n_states)[:, None, None] + ways, 0, n_states - 1)
    law = np.broadcast_to([1 - slip, slip], next_states.shape)
    rewards = (next_states == n_states - 1).astype(np.float64)
    return TabularMDP.from_outcomes(law, next_states, rewards, np.eye(n_states)[0], horizon)


def gridworld(cells: str | Sequence[str], horizon: int, slip: float = 0.0) -> TabularMDP:
    """Grid drawn in text: reach a goal, avoid holes.

    ``S`` start (one of several is drawn uniformly), ``.`` free, ``G`` goal, ``H`` hole, ``#`` wall. The states are the
    cells other than walls, row by row; the actions are left, down, right, up. A step into a goal pays 1. Goals and
    holes are absorbing, with reward 0. A move into a wall or the border stays.

    Parameters
    ----------
    cells : str or sequence of str
        The rows; one string is split into lines.
    horizon : int
    slip : float, default 0
        Probability in [0, 1] of a move at a right angle to the action, each side equally likely; 2/3 gives the slippery
        FrozenLake.

    Raises
    ------
    InputError
        If the rows differ in length, hold another character or no start, or `slip` is not a probability.
    """
    grid = _parse_grid(cells)
    _require_probability("slip", slip)
    free = grid != "#"
    kind = grid[free]
    n_states = kind.size
    index = np.full(grid.shape, -1)
    index[free] = np.arange(n_states)
    moved = np.stack([_neighbours(index, *move)[free] for move in MOVES], axis=-1)
    absorbing = ((kind == "G") | (kind == "H"))[:, None]
    moved = np.where(absorbing | (moved < 0), np.arange(n_states)[:, None], moved)
    action = np.arange(len(MOVES))
    sides = np.stack([action, action - 1, (action + 1) % len(MOVES)], axis=-1)
    chances = np.array([1 - slip, slip / 2, slip / 2])
    possible = chances > 0
    next_states = moved[:, sides[:, possible]]
    rewards = ((kind[next_states] == "G") & ~absorbing[..., None]).astype(np.float64)
    law = np.broadcast_to(chances[possible], next_states.shape)
    start = (kind == "S") / np.count_nonzero(kind == "S")
    return TabularMDP.from_outcomes(law, next_states, rewards, start, horizon)


def garnet(
    n_states: int, n_actions: int, branching: int, horizon: int, rng: np.random.Generator, lattice: int = 1
) -> TabularMDP:
    """Random sparse MDP: each (s, a) has `branching` distinct successors with Dirichlet(1, ..., 1) probabilities.

    The reward of (s, a) is uniform on {0, 1/lattice, ..., 1} and the initial law uniform on the states.

    Parameters
    ----------
    n_states, n_actions : int
    branching : int
        At most `n_states`.
    horizon : int
    rng : numpy.random.Generator
        Owned by the caller. No other function of the package draws.
    lattice : int, default 1
        Rewards are multiples of 1/lattice.

    Raises
    ------
    InputError
        If an argument is out of its range.

    References
    ----------
    Archibald, McKinnon and Thomas, *On the generation of Markov decision processes*, JORS 46 (1995); the name from
    Bhatnagar, Sutton, Ghavamzadeh and Lee, *Natural actor-critic algorithms*, Automatica 45 (2009).
    """
    sizes = {"n_states": n_states, "n_actions": n_actions, "branching": branching, "lattice": lattice}
    for name, value in sizes.items():
        require_integer(name, value, 1)
    if branching > n_states:
        raise InputError(f"branching must be at most n_states = {n_states}, got {branching}")
    if not isinstance(rng, np.random.Generator):
        raise InputError(
            f"rng must be a numpy.random.Generator, got {type(rng).__name__}; pass np.random.default_rng(0)"
        )
    order = np.tile(np.arange(n_states), (n_actions, 1))
    # One state at a time needs memory of A S, not S^2 A; a view would keep all of it.
    next_states = np.stack([rng.permuted(order, axis=1)[:, :branching].copy() for _ in range(n_states)])
    law = rng.dirichlet(np.ones(branching), size=(n_states, n_actions))
    rewards = rng.integers(lattice, size=(n_states, n_actions, 1), endpoint=True) / lattice
    initial = np.full(n_states, 1 / n_states)
    return TabularMDP.from_outcomes(law, next_states, np.broadcast_to(rewards, law.shape), initial, horizon)


def _parse_grid(cells: str | Sequence[str]) -> NDArray[np.str_]:
    rows = cells.split() if isinstance(cells, str) else list(cells) if isinstance(cells, Iterable) else [cells]
    if not all(isinstance(row, str | list | tuple | np.ndarray) for row in rows):
        raise InputError(f"cells must be text or rows of text, got {cells!r}; write for example 'S.G'")
    widths = {len(row) for row in rows}
    if len(widths) != 1 or 0 in widths:
        raise InputError(f"cells must be rows of one common length of at least 1, got lengths {[len(r) for r in rows]}")
    grid = np.array([list(row) for row in rows])
    unknown = np.argwhere(~np.isin(grid, list(CELLS)))
    if unknown.size:
        row, column = unknown[0].tolist()
        raise InputError(
            f"cells must consist of characters of {CELLS}, got {str(grid[row, column])!r} in row {row}, column {column}"
        )
    if not (grid == "S").any():
        raise InputError("cells must hold at least one start S, got none; mark where episodes begin")
    return grid


def _neighbours(index: IntArray, down: int, right: int) -> IntArray:
    """State in the next cell of each cell, -1 for a wall or the border."""
    n_rows, n_columns = index.shape
    bordered = np.pad(index, 1, constant_values=-1)
    neighbours: IntArray = bordered[1 + down : 1 + down + n_rows, 1 + right : 1 + right + n_columns]
    return neighbours


def _require_probability(name: str, value: float) -> None:
    require_number(name, value, "be a probability in [0, 1]", lambda number: 0 <= number <= 1)
