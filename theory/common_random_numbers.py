"""Exact law of the difference of the returns of two policies under common random numbers.

Two trajectories with the same uniform numbers are one Markov chain on pairs of states and the difference so far. Its
graph depends on the MDP alone (`theory.coupled_steps`). The two policies give the probabilities on its edges.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from theory.arrays import FloatArray, IntArray, stage
from theory.batching import columns, rows
from theory.coupled_steps import CoupledStage, CoupledSteps, coupled_steps, intervals
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.values import real_parameters

# Edges followed at a time: their probabilities must fit the processor's cache.
WORKING_SET = 2**16


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
    n_batch = pi[0].shape[-1]
    piece = max(1, WORKING_SET // max(len(step.origins) for step in graph.stages))
    law = np.empty((graph.ends.shape[0], n_batch))
    for k in range(0, n_batch, piece):
        law[:, k : k + piece] = _follow(graph, mdp.horizon, *(p[..., k : k + piece] for p in pi))
    return rows(law, first.shape[:-1])


def _follow(graph: CoupledSteps, horizon: int, first: FloatArray, second: FloatArray) -> FloatArray:
    """Twice (1 or H, S, A, B) action probabilities -> (2 K - 1, B) law of the difference."""
    n_batch, n_nodes = first.shape[-1], len(graph.initial)
    mass = np.tile(graph.initial, n_batch)
    kernel = None
    for h in range(horizon):
        if kernel is None or len(graph.stages) > 1 or len(first) > 1:
            kernel = _kernel(stage(graph.stages, h), stage(first, h), stage(second, h))
        mass = kernel @ mass
    return np.asarray(graph.ends @ mass.reshape(n_batch, n_nodes).T)


def _kernel(step: CoupledStage, first: FloatArray, second: FloatArray) -> csr_array:
    """Transposed transition matrix between nodes, one block for each member of the batch.

    Blocks make one product of all members. Each block is so small that a product with it stays in the cache.
    """
    n_batch, n_nodes = first.shape[-1], len(step.row_ends) - 1
    shares = np.ascontiguousarray((step.shares @ _joint_actions(step, first, second)).T)
    return csr_array(
        (shares[:, step.branches].ravel(), *_block_structure(step, n_batch)),
        shape=(n_batch * n_nodes, n_batch * n_nodes),
    )


def _block_structure(step: CoupledStage, n_batch: int) -> tuple[IntArray, IntArray]:
    """Columns and row ends of a matrix of equal blocks along the diagonal."""
    n_nodes, n_edges, block = len(step.row_ends) - 1, len(step.origins), np.arange(n_batch, dtype=np.int32)[:, None]
    starts = (step.row_ends[:-1].astype(np.int32) + block * np.int32(n_edges)).ravel()
    return (step.origins.astype(np.int32) + block * np.int32(n_nodes)).ravel(), np.append(starts, n_batch * n_edges)


def _joint_actions(step: CoupledStage, first: FloatArray, second: FloatArray) -> FloatArray:
    """Joint probabilities of actions by inversion of one uniform number: twice (S, A, B) -> (n_sources A A, B)."""
    # Axes of the intervals: (S, B, A).
    begin, end = zip(*(intervals(np.moveaxis(pi, 1, -1)) for pi in (first, second)), strict=True)
    ends, starts = ([np.ascontiguousarray(np.moveaxis(each, -1, 1)) for each in side] for side in (end, begin))
    joint = np.minimum(ends[0][step.first][:, :, None], ends[1][step.second][:, None])
    joint -= np.maximum(starts[0][step.first][:, :, None], starts[1][step.second][:, None])
    np.maximum(joint, 0.0, out=joint)
    return np.asarray(joint.reshape(-1, joint.shape[-1]))
