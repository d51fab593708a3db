"""Transition matrices: dense when small, where one matrix product is fastest, and compressed rows when large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from theory.arrays import FloatArray, IntArray

Kernel: TypeAlias = FloatArray | csr_array

# A larger matrix with a smaller share of non-zero entries is stored sparse.
DENSE_ENTRIES = 2**14
DENSE_SHARE = 0.2


def build(values: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any], shape: tuple[int, int]) -> Kernel:
    """Matrix with `values` added up at (rows, columns)."""
    live = values > 0
    if _is_small(int(np.count_nonzero(live)), shape):
        return _dense(values, rows, columns, shape)
    return coo_array((values[live], (rows[live], columns[live])), shape=shape).tocsr()


def build_rows(values: NDArray[Any], columns: NDArray[Any], n_columns: int) -> Kernel:
    """As `build`, with the entries of each row along the last axis; the rows have the order of the other axes."""
    values, columns = (array.reshape(-1, array.shape[-1]) for array in (values, columns))
    shape = (len(values), n_columns)
    live = values > 0
    if _is_small(int(np.count_nonzero(live)), shape):
        return _dense(values.ravel(), np.repeat(np.arange(shape[0]), values.shape[1]), columns.ravel(), shape)
    ends = np.concatenate([[0], np.cumsum(np.count_nonzero(live, axis=1))])
    # Rows in order need no sorting, which takes most of the time otherwise.
    sparse = csr_array((values[live], columns[live], ends), shape=shape)
    sparse.sum_duplicates()
    return sparse


def transpose(kernel: Kernel) -> Kernel:
    """Transposed copy, stored by rows."""
    return kernel.T.tocsr() if isinstance(kernel, csr_array) else np.ascontiguousarray(kernel.T)


def _is_small(n_values: int, shape: tuple[int, int]) -> bool:
    """Whether a matrix with so many values, some perhaps at one place, is stored dense."""
    entries = shape[0] * shape[1]
    return entries <= DENSE_ENTRIES or n_values > DENSE_SHARE * entries


def _dense(values: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any], shape: tuple[int, int]) -> FloatArray:
    entries = np.bincount(rows * shape[1] + columns, values, shape[0] * shape[1])
    return np.asarray(entries, dtype=np.float64).reshape(shape)


@dataclass(frozen=True, eq=False)
class RewardBranches:
    """The joint law p(s', r | s, a) of one stage, listed by distinct (r, s, a), rewards in ascending order.

    Attributes
    ----------
    states, state_actions : int arrays (n_branches,)
        The state s of each branch, and the flat index of its (s, a).
    rewards : tuple of (int, slice)
        Each distinct reward, in steps of the reward lattice, and the branches that pay it.
    successors : (S, n_branches) matrix
        p(s', r | s, a).
    totals : array (1, n_branches)
        p(r | s, a), which is enough for the last step.
    """

    states: IntArray
    state_actions: IntArray
    rewards: tuple[tuple[int, slice], ...]
    successors: Kernel
    totals: FloatArray


def branch(probabilities: NDArray[Any], next_states: NDArray[Any], steps: NDArray[Any]) -> RewardBranches:
    """List one stage's outcomes, each array (S, A, O), by distinct (reward, state, action)."""
    n_states, n_actions, _ = probabilities.shape
    live = probabilities > 0
    pairs = np.broadcast_to(np.arange(n_states * n_actions).reshape(n_states, n_actions, 1), live.shape)[live]
    keys = steps[live] * (n_states * n_actions) + pairs
    distinct, inverse = np.unique(keys, return_inverse=True)
    paid, state_actions = np.divmod(distinct, n_states * n_actions)
    shape = (n_states, distinct.size)
    edges = [(int(r), slice(*np.searchsorted(paid, [r, r + 1]).tolist())) for r in np.unique(paid)]
    return RewardBranches(
        states=state_actions // n_actions,
        state_actions=state_actions,
        rewards=tuple(edges),
        successors=build(probabilities[live], next_states[live], inverse, shape),
        totals=np.bincount(inverse, probabilities[live], distinct.size)[None].astype(np.float64),
    )
