"""Exact law of the votes on a pair of trajectories, and of the value difference they are turned into.

The votes on a pair depend only on the difference delta of its two returns. So their law is a table with one row per
possible delta, built once. The policies decide the law of delta.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, xlog1py, xlogy

from theory.arrays import FloatArray
from theory.errors import InputError, require_kind
from theory.inversions import Inversion, Trimmed
from theory.links import Link
from theory.mdp import TabularMDP
from theory.vote_tables import VoteTable, lattice_of_means, possible_differences

# Vote and pair counts are 64-bit integers.
LARGEST_COUNT = 2**62
# Numbers in a table of votes: 800 MB.
LARGEST_TABLE = 10**8


@dataclass(frozen=True)
class VoteModel:
    """How the raters vote on a pair, and how their votes are read.

    Parameters
    ----------
    link : Link
        Link sigma that the algorithm inverts.
    n_queries : int or inf
        Votes per pair, M.
    inversion : Inversion, default Trimmed()
        How a vote count becomes a value.
    rater_link : Link, optional
        Link of the raters; by default `link`. Another one models a wrong link.
    repeated : bool, default False
        Whether the M votes of a pair are one rater's vote, repeated. This models perfectly correlated votes.
    random_order : bool, default False
        Whether each pair is shown in random order, and the reading negated if it was swapped. The reading of a pair of
        equal returns then has mean 0, also under a link that is not symmetric.

    Raises
    ------
    InputError
        If `link` or `rater_link` is not a Link, if `n_queries` is not a whole number of at least 1 or infinity, if it
        is infinite and `repeated`, or if another argument is of another kind.
    """

    link: Link
    n_queries: float
    inversion: Inversion = field(default_factory=Trimmed)
    rater_link: Link | None = None
    repeated: bool = False
    random_order: bool = False

    def __post_init__(self) -> None:
        require_kind("link", self.link, Link, "Logistic()")
        if self.rater_link is not None:
            require_kind("rater_link", self.rater_link, Link, "Logistic()")
        require_count("n_queries", self.n_queries)
        require_kind("inversion", self.inversion, Inversion, "Trimmed()")
        require_kind("repeated", self.repeated, bool, "True")
        require_kind("random_order", self.random_order, bool, "True")
        if self.repeated and math.isinf(self.n_queries):
            raise InputError("n_queries must be finite when one rater's vote is repeated, got inf; 1 has the same law")

    @property
    def raters(self) -> Link:
        """Link of the raters."""
        return self.rater_link or self.link

    def table(self, mdp: TabularMDP, batch_size: int = 1) -> VoteTable:
        """Law of the votes for every difference of returns, or of means of `batch_size` returns, that is possible.

        Raises
        ------
        InputError
            If the MDP has no reward lattice, the link saturates on [-H, H], the trim is out of its range, or the table
            is too large.
        """
        return _vote_table(self, *lattice_of_means(mdp, batch_size), mdp.horizon)

    def read(self, counts: FloatArray, horizon: int) -> FloatArray:
        """Values f(b) of vote counts b, any shape. `n_queries` must be finite."""
        return self.inversion.values(self.link, counts, int(self.n_queries), horizon)

    def read_limit(self, differences: FloatArray, horizon: int) -> FloatArray:
        """Values read from infinitely many independent votes, for differences of returns."""
        self.inversion.check(self.link, horizon)
        if self.rater_link is None and self.inversion.consistent:
            return differences
        return self.inversion.limit(self.link, np.asarray(self.raters.probability(differences)), horizon)


def bias_at(model: VoteModel, difference: ArrayLike, horizon: int) -> FloatArray:
    """Link-inversion bias E[f | delta] - delta at differences of returns, as an exact finite sum.

    Parameters
    ----------
    model : VoteModel
    difference : array (...,)
        delta, in [-H, H].
    horizon : int
        H, which bounds the trim.
    """
    differences = np.asarray(difference, dtype=np.float64)
    if model.random_order:
        fixed = replace(model, random_order=False)
        return np.asarray((bias_at(fixed, differences, horizon) - bias_at(fixed, -differences, horizon)) / 2)
    if math.isinf(model.n_queries):
        return np.asarray(model.read_limit(differences, horizon) - differences)
    values, law, _ = _reading(model, differences.ravel(), horizon)
    return np.asarray((law @ values).reshape(differences.shape) - differences)


def require_count(name: str, value: Any) -> None:
    """Require a whole number of at least 1, or infinity.

    Raises
    ------
    InputError
        If it is anything else, or finite and above 2^62.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if isinstance(value, float | np.floating):
        whole = math.isinf(value) or float(value).is_integer()
    if not (whole and value >= 1):
        raise InputError(f"{name} must be a whole number of at least 1 or math.inf, got {value}")
    if LARGEST_COUNT < value < math.inf:
        raise InputError(f"{name} must be at most {LARGEST_COUNT} or math.inf, got {value}; math.inf is exact")


@lru_cache(maxsize=64)
def _vote_table(model: VoteModel, lattice: int, n_steps: int, horizon: int) -> VoteTable:
    differences = possible_differences(lattice, n_steps)
    if model.random_order:
        return _in_random_order(_vote_table(replace(model, random_order=False), lattice, n_steps, horizon))
    if math.isinf(model.n_queries):
        read = model.read_limit(differences, horizon)
        zero = np.zeros_like(differences)
        shares = np.asarray(model.raters.probability(differences))
        clipped = model.inversion.clips(model.link, shares, horizon).astype(np.float64)
        return VoteTable(differences, read, None, read, zero, clipped, zero + math.inf, zero + math.inf)
    if differences.size * model.n_queries > LARGEST_TABLE:
        raise InputError(
            f"n_queries must be at most {LARGEST_TABLE // differences.size} for {differences.size} differences of "
            f"returns, got {model.n_queries:g}; math.inf is exact and costs nothing"
        )
    values, count_law, clips = _reading(model, differences, horizon)
    # Counts with the same value, such as those at the trim, are one outcome.
    outcomes, group = np.unique(values, return_inverse=True)
    law = np.zeros((differences.size, outcomes.size))
    np.add.at(law.T, group, count_law.T)
    mean = law @ outcomes
    variance = (law * (outcomes - mean[:, None]) ** 2).sum(axis=1)
    votes = np.full_like(mean, model.n_queries)
    asked = np.full_like(outcomes, model.n_queries)
    return VoteTable(differences, outcomes, law, mean, variance, count_law @ clips, votes, asked)


def _in_random_order(table: VoteTable) -> VoteTable:
    """With probability 1/2 the pair is swapped: its difference changes sign, and so does the reading."""
    if table.probabilities is None and np.array_equal(table.outcomes, -table.outcomes[::-1]):
        return table
    law = np.eye(table.differences.size) if table.probabilities is None else table.probabilities
    outcomes, group = np.unique(np.concatenate([table.outcomes, -table.outcomes]), return_inverse=True)
    both = np.zeros((table.differences.size, outcomes.size))
    np.add.at(both.T, group, np.concatenate([law, law[::-1]], axis=1).T / 2)
    mean = both @ outcomes
    return VoteTable(
        differences=table.differences,
        outcomes=outcomes,
        probabilities=both,
        mean=mean,
        variance=(both * (outcomes - mean[:, None]) ** 2).sum(axis=1),
        clipped=(table.clipped + table.clipped[::-1]) / 2,
        votes=table.votes,
        asked=np.full_like(outcomes, table.asked[0]),  # a panel has the same number of votes on every pair
    )


def _reading(model: VoteModel, differences: FloatArray, horizon: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Value of each vote count, law of the count (n_differences, counts), and whether each count is clipped, 0 or 1."""
    n = int(model.n_queries)
    counts = np.array([0.0, n]) if model.repeated else np.arange(n + 1.0)
    law = _binomial(1 if model.repeated else n, np.asarray(model.raters.probability(differences)))
    clips = model.inversion.clips(model.link, counts / n, horizon)
    return model.read(counts, horizon), law, clips.astype(np.float64)


def _binomial(n: int, p: FloatArray) -> FloatArray:
    """Probabilities of Binomial(n, p), (K,) -> (K, n + 1)."""
    b = np.arange(n + 1)
    log_count = gammaln(n + 1) - gammaln(b + 1) - gammaln(n - b + 1)
    pmf = np.exp(log_count + xlogy(b, p[:, None]) + xlog1py(n - b, -p[:, None]))
    # The relative error of gammaln for large arguments is common to the row.
    normalised: FloatArray = pmf / pmf.sum(axis=1, keepdims=True)
    return normalised
