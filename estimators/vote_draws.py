"""Draws of single votes, for simulated trajectories."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from theory.arrays import FloatArray, IntArray
from theory.errors import InputError
from theory.links import upper_tail
from theory.until_disagreement import UntilDisagreement
from theory.votes import LARGEST_COUNT, VoteModel


class Readings(NamedTuple):
    """What is read from pairs, and the number of votes asked on each; arrays of one shape."""

    values: FloatArray
    votes: FloatArray


def read_votes(votes: VoteModel | UntilDisagreement, differences: FloatArray, horizon: int, rng: Generator) -> Readings:
    """Draw the votes on each pair, given the differences of returns, and read them, any shape."""
    if isinstance(votes, UntilDisagreement):
        for_first, run, asked = vote_runs(votes, differences, rng)
        first, second = votes.values(int(run.max(initial=1)))
        return Readings(np.where(for_first, first[run - 1], second[run - 1]), asked.astype(np.float64))
    sign = 1 - 2 * rng.integers(2, size=differences.shape) if votes.random_order else 1
    shown, asked_each = sign * differences, np.full(differences.shape, float(votes.n_queries))
    if np.isinf(votes.n_queries):
        return Readings(np.asarray(sign * votes.read_limit(shown, horizon)), asked_each)
    return Readings(np.asarray(sign * votes.read(_counts(votes, shown, rng), horizon)), asked_each)


def vote_shares(votes: VoteModel, differences: FloatArray, rng: Generator) -> FloatArray:
    """Draw the share of votes for the first trajectory, given the differences of returns, any shape.

    Raises
    ------
    InputError
        If the order of the pairs is random: a share then depends on the order.
    """
    if votes.random_order:
        raise InputError("votes must be shown in a fixed order for shares of votes, got random_order=True")
    if np.isinf(votes.n_queries):
        return np.asarray(votes.raters.probability(differences))
    return _counts(votes, differences, rng) / votes.n_queries


def vote_runs(
    votes: UntilDisagreement, differences: FloatArray, rng: Generator
) -> tuple[NDArray[np.bool_], IntArray, IntArray]:
    """Whether the first vote on each pair is for the first trajectory, how many agree with it, and how many are asked.

    The first vote agrees with itself. One more is asked than agree, unless a cap stops the votes.
    """
    p, q = np.asarray(votes.raters.probability(differences)), upper_tail(votes.raters, differences)
    longest = votes.longest_run(p, q)
    for_first = rng.random(differences.shape) < p
    # A probability that rounds to 0 is a run up to the cap.
    run = rng.geometric(np.maximum(np.where(for_first, q, p), 1 / LARGEST_COUNT))
    run = np.minimum(run, longest)
    return for_first, run, run + (run < longest)


def _counts(votes: VoteModel, differences: FloatArray, rng: Generator) -> FloatArray:
    preferred = np.asarray(votes.raters.probability(differences))
    n = int(votes.n_queries)
    counts = rng.binomial(1, preferred) * n if votes.repeated else rng.binomial(n, preferred)
    return counts.astype(np.float64)
