"""Exact law of the difference of the returns of two policies under common random numbers.

Two trajectories with the same uniform numbers are one Markov chain on pairs of states and the difference so far. Its
graph depends on the MDP alone (`theory.coupled_steps`). The two policies give the probabilities on its edges. Where
nearly every difference is possible, the pairs of states are followed instead, each with a window of differences.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from theory.arrays import FloatArray, stage
from theory.batching import columns, rows
from theory.coupled_steps import CoupledStage, CoupledSteps, Pattern, coupled_steps, intervals
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.values import real_parameters

# Edges, or differences of pairs of states, followed at a time: they must fit the processor's cache.
WORKING_SET = 2**16
# Windows take less time from this number of differences on, if at least this share of them can be reached.
WIDE, FULL = 8, 0.5


def coupled_difference_law(mdp: TabularMDP, policy: Policy, first: NDArray[Any], second: NDArray[Any]) -> FloatArray:
    """Law of R1 - R0 when both policies draw start, actions and outcomes by inversion of the same uniforms.

    Parameters
    ----------
    mdp : TabularMDP
        It must have a reward lattice.
    policy : Policy
    first, second : arrays (..., dim)

    Returns
    -------
    array (..., 2 K - 1)
        On the differences of `theory.return_law.difference_law`.

    Raises
    ------
    InputError
        If the MDP has no reward lattice, or too many pairs of states and actions.
    """
    first, second = np.broadcast_arrays(real_parameters(mdp, policy, first), real_parameters(mdp, policy, second))
    graph = coupled_steps(mdp)
    pi = [columns(policy.probabilities(theta), 3) for theta in (first, second)]
    n_batch, windows = pi[0].shape[-1], takes_windows(mdp)
    law = np.empty((graph.ends.shape[0], n_batch))
    piece = max(1, WORKING_SET // (len(graph.initial_pairs) * len(law) if windows else graph.n_edges))
    for k in range(0, n_batch, piece):
        both = [p[..., k : k + piece] for p in pi]
        law[:, k : k + piece] = _windows(mdp, graph, *both) if windows else _edges(mdp, graph, *both)
    return rows(law, first.shape[:-1])


def takes_windows(mdp: TabularMDP) -> bool:
    """Whether windows of differences take less time than edges between nodes."""
    graph, reach = coupled_steps(mdp), mdp.largest_return_steps
    width = 2 * reach[-2] + 1
    return width >= WIDE and graph.n_edges >= FULL * width * graph.n_branches


def _edges(mdp: TabularMDP, graph: CoupledSteps, first: FloatArray, second: FloatArray) -> FloatArray:
    """Twice (1 or H, S, A, B) action probabilities -> (2 K - 1, B) law of the difference, node by node."""
    n_batch, kernel = first.shape[-1], None
    mass = np.tile(graph.initial, n_batch)
    for h in range(mdp.horizon):
        step = stage(graph.stages, h)
        if kernel is None or len(graph.stages) > 1 or len(first) > 1:
            kernel = _blocks(step.edges, _shares(step, stage(first, h), stage(second, h)))
        mass = kernel @ mass
    return np.asarray(graph.ends @ mass.reshape(n_batch, -1).T)


def _windows(mdp: TabularMDP, graph: CoupledSteps, first: FloatArray, second: FloatArray) -> FloatArray:
    """The same, pair of states by pair of states; each holds all differences from -reach to reach."""
    n_batch, kernels, reach = first.shape[-1], None, mdp.largest_return_steps
    mass = np.tile(graph.initial_pairs, n_batch)[:, None]
    for h in range(mdp.horizon):
        step = stage(graph.stages, h)
        if kernels is None or len(graph.stages) > 1 or len(first) > 1:
            shares = _shares(step, stage(first, h), stage(second, h))
            kernels = [(gain, _blocks(pattern, shares)) for gain, pattern in step.gains]
        width, wider = 2 * reach[h] + 1, 2 * reach[h + 1] + 1
        moved = np.zeros((len(mass), wider))
        for gain, kernel in kernels:
            shift = gain + reach[h + 1] - reach[h]
            # Differences beyond the reach have no mass: of a gain that is possible only later, all are.
            low, high = max(0, -shift), min(width, wider - shift)
            if low < high:
                moved[:, low + shift : high + shift] += (kernel @ mass)[:, low:high]
        mass = moved
    return np.asarray(mass.reshape(n_batch, -1, mass.shape[-1]).sum(axis=1).T)


def _shares(step: CoupledStage, first: FloatArray, second: FloatArray) -> FloatArray:
    """Probability of every branch, twice (S, A, B) -> (B, n_branches)."""
    return np.ascontiguousarray((step.shares @ _joint_actions(step, first, second)).T)


def _blocks(pattern: Pattern, shares: FloatArray) -> csr_array:
    """Transition matrix with one block along the diagonal for each member of the batch.

    Blocks make one product of all members. Each block is so small that a product with it stays in the cache.
    """
    n_batch, n_rows, n_entries = len(shares), len(pattern.row_ends) - 1, len(pattern.branches)
    block = np.arange(n_batch, dtype=np.int32)[:, None]
    indices = pattern.columns.astype(np.int32) + block * np.int32(n_rows)
    starts = pattern.row_ends[:-1].astype(np.int32) + block * np.int32(n_entries)
    structure = indices.ravel(), np.append(starts, np.int32(n_batch * n_entries))
    return csr_array((shares[:, pattern.branches].ravel(), *structure), shape=(n_batch * n_rows, n_batch * n_rows))


def _joint_actions(step: CoupledStage, first: FloatArray, second: FloatArray) -> FloatArray:
    """Joint probabilities of actions by inversion of one uniform number: twice (S, A, B) -> (n_sources A A, B)."""
    # Axes of the intervals: (S, B, A).
    begin, end = zip(*(intervals(np.moveaxis(pi, 1, -1)) for pi in (first, second)), strict=True)
    ends, starts = ([np.ascontiguousarray(np.moveaxis(each, -1, 1)) for each in side] for side in (end, begin))
    joint = np.minimum(ends[0][step.first][:, :, None], ends[1][step.second][:, None])
    joint -= np.maximum(starts[0][step.first][:, :, None], starts[1][step.second][:, None])
    np.maximum(joint, 0.0, out=joint)
    return np.asarray(joint.reshape(-1, joint.shape[-1]))
