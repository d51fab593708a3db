"""What raters add along a path: the size of what is read, its variance, and the number of votes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.planning.drift_path import DriftPath
from experiments.planning.settings import Panel
from theory.arrays import FloatArray
from theory.return_law import difference_law, return_distribution

# Points of a path, and directions at each, at which the law of the votes is worked out.
N_POINTS, MOST_DIRECTIONS = 8, 64


@dataclass(frozen=True, eq=False)
class Reading:
    """One panel along a path; arrays (n,) or (n, directions), one row per interval of the path.

    Attributes
    ----------
    panel : Panel
    ratio : array (n,)
        c of E[f | v] = offset + c (V(theta + mu v) - V(theta)), the best fit over directions.
    offset : array (n,)
        E f for two equal policies; not 0 under links that are not symmetric.
    votes : array (n,)
        Expected votes on a pair.
    trajectory, query : arrays (n,)
        Mean over directions of Var E[f | delta], and of E Var[f | delta], of one pair.
    """

    panel: Panel
    ratio: FloatArray
    offset: FloatArray
    votes: FloatArray
    trajectory: FloatArray
    query: FloatArray


def readings(path: DriftPath, panels: Sequence[Panel]) -> list[Reading]:
    """Readings of several panels along a path, from the same laws of returns."""
    instance, v = path.instance, path.law.directions
    n = len(path.middles)
    at = np.unique(np.linspace(0, n - 1, N_POINTS).round().astype(int))
    half = len(v) // 2
    # Pairs of opposite directions, spread evenly over the set.
    chosen = np.unique(np.linspace(0, half - 1, min(half, MOST_DIRECTIONS // 2)).round().astype(int))
    kept = v[np.concatenate([chosen, chosen + half])]
    moved = path.middles[at, None] + path.radius * np.concatenate([kept, np.zeros((1, kept.shape[1]))])
    returns = return_distribution(instance.mdp, instance.policy, moved).probabilities
    law = difference_law(returns, np.broadcast_to(returns[:, -1:], returns.shape))
    found = []
    for panel in panels:
        table = panel.votes.table(instance.mdp)
        mean, exact = law @ table.mean, law @ table.differences
        offset, difference = mean[:, -1], exact[:, :-1]
        ratio = ((mean[:, :-1] - offset[:, None]) * difference).sum(axis=1) / (difference**2).sum(axis=1)
        trajectory = (law * (table.mean - mean[..., None]) ** 2).sum(axis=-1)[:, :-1].mean(axis=1)
        query, votes = ((law @ part)[:, :-1].mean(axis=1) for part in (table.variance, table.votes))
        parts = (np.interp(np.arange(n), at, part) for part in (ratio, offset, votes, trajectory, query))
        found.append(Reading(panel, *parts))
    return found
