"""Every way in which two coupled trajectories can go on: one graph for each MDP, whatever the policies are.

A node is (s1, s0, delta): both states and the difference of the returns so far. Only nodes that can be reached within
the horizon are kept. Few differences are possible where few states pay, so this is far less than all states times all
differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from scipy.sparse import coo_array, csr_array

from theory.arrays import FloatArray, IntArray, stage
from theory.errors import InputError
from theory.mdp import TabularMDP

LARGEST_PRODUCT = 5_000_000


# First node, branch and next node of some edges.
_Edges: TypeAlias = tuple[IntArray, IntArray, IntArray]


@dataclass(frozen=True, eq=False)
class Pattern:
    """Where the probabilities of branches stand in a transition matrix of compressed rows.

    Attributes
    ----------
    branches, columns : int arrays (n_entries,)
        Branch of every entry, and where it comes from.
    row_ends : int array (n_rows + 1,)
        Where the entries of each row begin: those that lead to it.
    """

    branches: IntArray
    columns: IntArray
    row_ends: IntArray


@dataclass(frozen=True, eq=False)
class CoupledStage:
    """What can happen in one step.

    A branch is (states, next states, difference of rewards). Its probability is linear in those of the joint actions.
    The same branch leads from every difference so far: these are the edges.

    Attributes
    ----------
    first, second : int arrays (n_sources,)
        States s1 and s0 of every pair of states that a branch leaves.
    shares : (n_branches, n_sources A A) matrix
        Probability of every branch given its pair of states and the actions (a1, a0).
    edges : Pattern
        Edges between nodes.
    gains : tuple of (int, Pattern)
        Every difference of rewards, in steps of the lattice, with its branches between pairs of states.
    """

    first: IntArray
    second: IntArray
    shares: csr_array
    edges: Pattern
    gains: tuple[tuple[int, Pattern], ...]


@dataclass(frozen=True, eq=False)
class CoupledSteps:
    """The graph of two coupled trajectories.

    Attributes
    ----------
    initial : array (n_nodes,)
        Law of the first node.
    initial_pairs : array (n_pairs,)
        Law of the first pair of states.
    stages : tuple of CoupledStage
        One, or one for each step.
    ends : (2 K - 1, n_nodes) matrix
        1 where a node has a difference, on the differences of `theory.return_law.difference_law`.
    """

    initial: FloatArray
    initial_pairs: FloatArray
    stages: tuple[CoupledStage, ...]
    ends: csr_array

    @property
    def n_edges(self) -> int:
        """Largest number of edges of a step."""
        return max(len(step.edges.branches) for step in self.stages)

    @property
    def n_branches(self) -> int:
        """Largest number of branches of a step."""
        return max(int(step.shares.shape[0]) for step in self.stages)


@dataclass(frozen=True, eq=False)
class _Branches:
    """Branches of one stage, ordered by their pair of states. `parts` lists shares: branch, pair of actions, value."""

    pairs: IntArray
    next_pairs: IntArray
    gains: IntArray
    parts: tuple[IntArray, IntArray, FloatArray]


@lru_cache(maxsize=16)
def coupled_steps(mdp: TabularMDP) -> CoupledSteps:
    """Graph of two trajectories that draw start and outcomes by inversion of the same uniform numbers.

    Raises
    ------
    InputError
        If the MDP has no reward lattice, or too many pairs of states and actions.
    """
    n_pairs = (mdp.n_states * mdp.n_actions) ** 2
    if n_pairs > LARGEST_PRODUCT:
        raise InputError(
            f"mdp must have (S A)^2 <= {LARGEST_PRODUCT} for the exact law under common random numbers, got {n_pairs}; "
            "use sampler='rollout' for estimates, or independent trajectories"
        )
    reach, same = mdp.largest_return_steps[-1], _representatives(mdp)
    width = 2 * reach + 1
    listed = tuple(_branches(mdp, n, same) for n in range(len(mdp.probabilities)))
    both = overlap(mdp.initial[None])[0, 0]
    s1, s0 = np.nonzero(both)
    # A node as one number: pair of states times width, plus difference.
    starts = (same[s1] * mdp.n_states + same[s0]) * width + reach
    nodes, edges = _reachable(starts, listed, mdp.horizon, width)
    pairs = np.unique(nodes // width)
    initial, initial_pairs = (
        np.bincount(np.searchsorted(among, found), both[s1, s0], len(among)).astype(np.float64)
        for among, found in ((nodes, starts), (pairs, starts // width))
    )
    stages = tuple(_stage(mdp, *each, nodes, pairs) for each in zip(listed, edges, strict=True))
    ends = csr_array((np.ones(len(nodes)), (nodes % width, np.arange(len(nodes)))), (width, len(nodes)))
    return CoupledSteps(initial, initial_pairs, stages, ends)


def overlap(laws: FloatArray) -> FloatArray:
    """Joint law of two indices drawn by inversion of one uniform number: (R, O) -> (R, R, O, O)."""
    starts, ends = intervals(laws)
    upper = np.minimum(ends[:, None, :, None], ends[None, :, None, :])
    lower = np.maximum(starts[:, None, :, None], starts[None, :, None, :])
    return np.asarray(np.maximum(upper - lower, 0.0))


def intervals(laws: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lower and upper ends of the interval of [0, 1] that inversion maps to each index of the last axis."""
    ends = np.cumsum(laws, axis=-1)
    ends = ends / ends[..., -1:]
    return np.concatenate([np.zeros_like(ends[..., :1]), ends[..., :-1]], axis=-1), ends


def _representatives(mdp: TabularMDP) -> IntArray:
    """The state that stands for each state: absorbing states that pay the same, whatever is done, are one, (S,)."""
    live = mdp.probabilities > 0
    stays = ((mdp.next_states == np.arange(mdp.n_states)[:, None, None]) | ~live).all(axis=(0, 2, 3))
    steps = np.rint(mdp.rewards * mdp.require_lattice())
    least = np.where(live, steps, np.inf).min(axis=(2, 3))
    fixed = stays & (least == np.where(live, steps, -np.inf).max(axis=(2, 3))).all(axis=0)
    same = np.arange(mdp.n_states)
    if fixed.any():
        first, which = np.unique(least[:, fixed], axis=1, return_index=True, return_inverse=True)[1:]
        same[fixed] = np.flatnonzero(fixed)[first][which.ravel()]
    return same


def _branches(mdp: TabularMDP, n: int, same: IntArray) -> _Branches:
    """Branches of stage n between states that stand for themselves."""
    kept = np.flatnonzero(same == np.arange(mdp.n_states))
    n_actions, n_outcomes = mdp.n_actions, mdp.probabilities.shape[-1]
    state = np.repeat(kept, n_actions)
    successor = same[mdp.next_states[n, kept]].reshape(-1, n_outcomes)
    steps = np.rint(mdp.rewards[n, kept] * mdp.require_lattice()).astype(np.int64).reshape(-1, n_outcomes)
    joint = overlap(mdp.probabilities[n, kept].reshape(-1, n_outcomes))
    x1, x0, o1, o0 = np.nonzero(joint)
    pair = state[x1] * mdp.n_states + state[x0]
    next_pair = successor[x1, o1] * mdp.n_states + successor[x0, o0]
    keys = np.stack([pair, next_pair, steps[x1, o1] - steps[x0, o0]])
    distinct, branch = np.unique(keys, axis=1, return_inverse=True)
    actions = (x1 % n_actions) * n_actions + x0 % n_actions
    return _Branches(distinct[0], distinct[1], distinct[2], (branch.ravel(), actions, joint[x1, x0, o1, o0]))


def _reachable(
    starts: IntArray, listed: tuple[_Branches, ...], horizon: int, width: int
) -> tuple[IntArray, list[_Edges]]:
    """Nodes that can be reached, ascending, and the edges of every stage."""
    frontier = known = np.unique(starts)
    found: tuple[list[_Edges], ...] = tuple([] for _ in listed)
    for h in range(horizon):
        branches = stage(listed, h)
        begin, end = (np.searchsorted(branches.pairs, frontier // width, side) for side in ("left", "right"))
        count = end - begin
        origin = np.repeat(frontier, count)
        branch = np.arange(len(origin)) + np.repeat(begin - (np.cumsum(count) - count), count)
        node = branches.next_pairs[branch] * width + origin % width + branches.gains[branch]
        stage(found, h).append((origin, branch, node))
        reached = np.unique(node)
        # With one law for all steps, a node that was met before has its edges already.
        frontier = np.setdiff1d(reached, known, assume_unique=True) if len(listed) == 1 else reached
        known = np.union1d(known, reached)
    return known, [(_joined(parts, 0), _joined(parts, 1), _joined(parts, 2)) for parts in found]


def _joined(parts: list[_Edges], k: int) -> IntArray:
    return np.concatenate([part[k] for part in parts])


def _stage(mdp: TabularMDP, branches: _Branches, edges: _Edges, nodes: IntArray, pairs: IntArray) -> CoupledStage:
    """The stage, without the branches and pairs of states that no edge needs."""
    origins, taken, ends = edges
    used = np.unique(taken)
    leaves, arrives, gains = branches.pairs[used], branches.next_pairs[used], branches.gains[used]
    sources = np.unique(leaves)
    branch, actions, values = branches.parts
    live = np.isin(branch, used)
    branch, n_joint = branch[live], mdp.n_actions**2
    columns = np.searchsorted(sources, branches.pairs[branch]) * n_joint + actions[live]
    shape = (len(used), len(sources) * n_joint)
    by_gain = ((int(gain), np.flatnonzero(gains == gain)) for gain in np.unique(gains))
    return CoupledStage(
        first=sources // mdp.n_states,
        second=sources % mdp.n_states,
        shares=coo_array((values[live], (np.searchsorted(used, branch), columns)), shape).tocsr(),
        edges=_pattern(np.searchsorted(used, taken), origins, ends, nodes),
        gains=tuple((gain, _pattern(which, leaves[which], arrives[which], pairs)) for gain, which in by_gain),
    )


def _pattern(branches: IntArray, origins: IntArray, ends: IntArray, among: IntArray) -> Pattern:
    """Pattern of branches from `origins` to `ends`, numbers in the ascending list `among`."""
    order = np.argsort(ends, kind="stable")
    row_ends = np.searchsorted(ends[order], np.append(among, among[-1] + 1))
    return Pattern(branches[order], np.searchsorted(among, origins[order]), row_ends)
