"""Feedback: estimates of the value difference of two policies from pairs of trajectories."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from estimators.moments import DifferenceMoments
from estimators.pair_feedback import PairFeedback, Sampler
from estimators.streams import Streams
from estimators.vote_draws import Readings, read_votes, vote_shares
from theory.arrays import FloatArray, IntArray
from theory.errors import InputError, require_integer, require_kind
from theory.inversions import Inversion, MajoritySign, Trimmed
from theory.link_families import Logistic
from theory.links import Link
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.until_disagreement import UntilDisagreement
from theory.validation import count_array
from theory.values import policy_value
from theory.vote_tables import VoteTable, return_table
from theory.votes import VoteModel

PREFERENCE_EXAMPLE = "PreferenceFeedback(32, 'rollout', VoteModel(Logistic(), 5))"


@runtime_checkable
class Feedback(Protocol):
    """Estimates V(first) - V(second), and gives the exact moments of the estimate."""

    @property
    def n_pairs(self) -> FloatArray:
        """Pairs of trajectories per difference, N; broadcasts against the batch."""

    @property
    def n_queries(self) -> float | FloatArray:
        """Votes per pair, M; 0 without votes."""

    @property
    def batch_size(self) -> int | IntArray:
        """Trajectories a side of a vote, D; 1 if single trajectories are compared."""

    def difference(
        self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray, streams: Streams
    ) -> FloatArray:
        """Estimate of V(first) - V(second), (..., dim) and (..., dim) -> (...,).

        If the number of votes is random, add those that were asked to ``streams.tally``.
        """

    def moments(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> DifferenceMoments:
        """Exact moments of that estimate, each (...,)."""

    def expected_votes(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> FloatArray:
        """Expected number of votes of that estimate, (...,): n_pairs times n_queries where every pair gets as many."""


@dataclass(frozen=True, eq=False)
class ExactFeedback:
    """The exact difference of values, without trajectories or votes."""

    n_pairs: FloatArray = field(default_factory=lambda: np.array(0.0), init=False)
    n_queries: float = field(default=0.0, init=False)
    batch_size: int = field(default=1, init=False)

    def difference(
        self,
        mdp: TabularMDP,
        policy: Policy,
        first: FloatArray,
        second: FloatArray,
        streams: Streams,  # noqa: ARG002
    ) -> FloatArray:
        """V(first) - V(second), (...,)."""
        first_value, second_value = policy_value(mdp, policy, np.stack([first, second]))
        return np.asarray(first_value - second_value)

    def moments(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> DifferenceMoments:
        """Moments without bias or variance."""
        first_value, second_value = policy_value(mdp, policy, np.stack([first, second]))
        exact = np.asarray(first_value - second_value)
        zero = np.zeros_like(exact)
        return DifferenceMoments(exact, exact, zero, zero, zero)

    def expected_votes(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> FloatArray:  # noqa: ARG002
        """None."""
        return np.zeros(np.broadcast_shapes(first.shape[:-1], second.shape[:-1]))


@dataclass(frozen=True, eq=False)
class PreferenceFeedback(PairFeedback):
    """Votes on pairs of trajectories, mapped to values by an inversion: steps 2 to 4 of ZPG and ZBCPG.

    Parameters
    ----------
    n_pairs : int, inf or array
        Pairs N; an array broadcasts against the batch (law sampler).
    sampler : {"law", "rollout"}
    votes : VoteModel or UntilDisagreement
        Link, votes per pair, and how they are read.
    common_random_numbers : bool, default False
        Whether the two trajectories of a pair use the same uniform numbers.
    batch_size : int, default 1
        Trajectories a side of a vote, D: raters compare the mean returns of two batches.
    """

    votes: VoteModel | UntilDisagreement

    def __post_init__(self) -> None:
        super().__post_init__()
        require_kind("votes", self.votes, (VoteModel, UntilDisagreement), "VoteModel(Logistic(), 5)")

    @property
    def n_queries(self) -> float:
        """Votes per pair, M. If it is not fixed, the expected number where the two returns are equal."""
        return self.votes.n_queries

    def table(self, mdp: TabularMDP) -> VoteTable:
        """Exact law of the value read from the votes, for every difference of returns, or of mean returns."""
        return self.votes.table(mdp, self.batch_size)

    def read(self, mdp: TabularMDP, differences: FloatArray, rng: Generator) -> Readings:
        """Draw the votes on each pair, given the differences of returns, and read them."""
        return read_votes(self.votes, differences, mdp.horizon, rng)

    def shares(self, differences: FloatArray, rng: Generator) -> FloatArray:
        """Draw the share of votes for the first trajectory, given the differences of returns, any shape.

        Raises
        ------
        InputError
            If the number of votes is not fixed, or the order of the pairs is random.
        """
        return vote_shares(self._panel, differences, rng)

    def reading(self, inversion: Inversion) -> PreferenceFeedback:
        """The same pairs and raters, with another inversion of the votes.

        Raises
        ------
        InputError
            If the number of votes is not fixed.
        """
        return replace(self, votes=replace(self._panel, inversion=inversion))

    def until_disagreement(self, cap: int | None = None) -> PreferenceFeedback:
        """The same pairs, links and raters, asked one by one until the first that disagrees."""
        return replace(self, votes=UntilDisagreement(self.votes.link, cap, self.votes.rater_link))

    def as_batches(self, size: int | None = None) -> PreferenceFeedback:
        """The same trajectories and as many votes, on comparisons of batches by their mean returns, read as signs.

        By default there is one comparison of all N against N, with N M votes, and its sign is that of their majority:
        the feedback of ZSPO, which needs no link.

        Parameters
        ----------
        size : int, optional
            Trajectories a side of a comparison, D. The signs of the N / D comparisons are averaged.

        Raises
        ------
        InputError
            If the number of pairs is not one finite number and a multiple of `size`, or that of votes is not fixed.
        """
        if self.n_pairs.ndim > 0 or np.isinf(self.n_pairs):
            raise InputError(f"n_pairs must be one finite number to make batches, got {self.n_pairs.tolist()}")
        n, panel = int(self.n_pairs), self._panel
        together = n if size is None else size
        require_integer("size", together, 1)
        if n % together:
            raise InputError(f"size must divide the number of pairs, {n}, got {together}")
        votes = replace(panel, n_queries=together * panel.n_queries, inversion=MajoritySign())
        return replace(self, n_pairs=np.asarray(n // together), batch_size=together * self.batch_size, votes=votes)

    def in_random_order(self) -> PreferenceFeedback:
        """The same pairs and raters; each pair is shown in random order, and a swapped reading negated."""
        return replace(self, votes=replace(self._panel, random_order=True))

    def require_finite(self) -> None:
        """Require one finite number of pairs, for methods that simulate trajectories.

        Raises
        ------
        InputError
            If `n_pairs` is infinite or an array.
        """
        if self.n_pairs.ndim > 0 or np.isinf(self.n_pairs):
            raise InputError(
                f"n_pairs must be one finite number for methods that simulate trajectories, got {self.n_pairs.tolist()}"
            )

    @property
    def _panel(self) -> VoteModel:
        if not isinstance(self.votes, VoteModel):
            raise InputError(f"votes must be a VoteModel, with a fixed number of votes, for this use, got {self.votes}")
        return self.votes


@dataclass(frozen=True, eq=False)
class ReturnFeedback(PairFeedback):
    """Differences of the returns, the limit of preference feedback with infinitely many votes."""

    sampler: Sampler = "law"
    n_queries: float = field(default=0.0, init=False)

    def table(self, mdp: TabularMDP) -> VoteTable:
        """Identity: the value is the difference."""
        return return_table(mdp, self.batch_size)

    def read(self, mdp: TabularMDP, differences: FloatArray, rng: Generator) -> Readings:  # noqa: ARG002
        """The differences, unchanged."""
        return Readings(differences, np.zeros_like(differences))


def SignFeedback(  # noqa: N802  (named like the other feedbacks)
    n_pairs: ArrayLike,
    n_queries: float,
    link: Link | None = None,
    sampler: Sampler = "law",
    *,
    batch_size: int = 1,
) -> PreferenceFeedback:
    """Majority sign of the votes on each pair of batches instead of the inverted link: ZSPO's feedback.

    ZSPO takes the sign of one comparison of two batches: n_pairs = 1 and D = `batch_size`. With more pairs the signs
    are averaged, which is another algorithm.

    Parameters
    ----------
    n_pairs : int, inf or array
    n_queries : int or inf
    link : Link, default Logistic()
        Link of the raters; the algorithm does not use it.
    sampler : {"law", "rollout"}
    batch_size : int, default 1
        Trajectories a side of a vote, D.

    References
    ----------
    Zhang and Ying, arXiv:2506.03066.
    """
    votes = VoteModel(Logistic() if link is None else link, n_queries, MajoritySign())
    return PreferenceFeedback(count_array("n_pairs", n_pairs), sampler, votes, batch_size=batch_size)


def preferences(
    n_pairs: ArrayLike,
    n_queries: float,
    link: Link,
    trim: float | None = None,
    sampler: Sampler = "law",
    inversion: Inversion | None = None,
    common_random_numbers: bool = False,
) -> PreferenceFeedback:
    """Preference feedback from numbers: see `PreferenceFeedback` and `theory.votes.VoteModel`."""
    votes = VoteModel(link, n_queries, Trimmed(trim) if inversion is None else inversion)
    return PreferenceFeedback(
        count_array("n_pairs", n_pairs), sampler, votes, common_random_numbers=common_random_numbers
    )
