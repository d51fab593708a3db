"""Feedback: estimates of the value difference of two policies from pairs of trajectories."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from estimators.moments import DifferenceMoments
from estimators.rollouts import sample_returns
from estimators.streams import Streams
from estimators.vote_draws import read_votes, vote_shares
from theory.arrays import FloatArray
from theory.common_random_numbers import coupled_difference_law
from theory.errors import InputError, require_kind
from theory.inversions import Inversion, MajoritySign, Trimmed
from theory.links import Link, Logistic
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.return_law import difference_law, return_distribution
from theory.until_disagreement import UntilDisagreement
from theory.validation import real_array
from theory.values import policy_value
from theory.votes import VoteModel, VoteTable, require_count, return_table

Sampler = Literal["law", "rollout"]

PREFERENCE_EXAMPLE = "PreferenceFeedback(32, 'rollout', VoteModel(Logistic(), 5))"


class Feedback(Protocol):
    """Estimates V(first) - V(second), and gives the exact moments of the estimate."""

    @property
    def n_pairs(self) -> FloatArray:
        """Pairs of trajectories per difference, N; broadcasts against the batch."""

    @property
    def n_queries(self) -> float | FloatArray:
        """Votes per pair, M; 0 without votes."""

    def difference(
        self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray, streams: Streams
    ) -> FloatArray:
        """Estimate of V(first) - V(second), (..., dim) and (..., dim) -> (...,)."""

    def moments(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> DifferenceMoments:
        """Exact moments of that estimate, each (...,)."""


@dataclass(frozen=True)
class ExactFeedback:
    """The exact difference of values, without trajectories or votes."""

    n_pairs: FloatArray = field(default_factory=lambda: np.array(0.0), init=False)
    n_queries: float = field(default=0.0, init=False)

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


@dataclass(frozen=True, eq=False)
class _PairFeedback:
    """N independent pairs, each read as one number f; the estimate is the mean of f.

    With ``sampler="law"`` the N numbers are one multinomial draw from their exact law. Its cost does not grow with N,
    and infinitely many pairs need no draw. With ``sampler="rollout"`` every trajectory is simulated. With
    ``common_random_numbers`` both trajectories of a pair use the same uniform numbers for start, actions and outcomes.
    """

    n_pairs: FloatArray
    sampler: Sampler
    common_random_numbers: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        pairs = real_array("n_pairs", self.n_pairs)
        for n in pairs.ravel():
            require_count("n_pairs", float(n))
        if self.sampler not in ("law", "rollout"):
            raise InputError(f"sampler must be 'law' or 'rollout', got {self.sampler!r}")
        if self.sampler == "rollout" and (pairs.ndim > 0 or np.isinf(pairs).any()):
            raise InputError(
                f"n_pairs must be one finite number under sampler='rollout', got {pairs.tolist()}; use 'law'"
            )
        object.__setattr__(self, "n_pairs", pairs)

    def table(self, mdp: TabularMDP) -> VoteTable:
        """Exact law of the value read from a pair, for every difference of returns."""
        raise NotImplementedError

    def read(self, mdp: TabularMDP, differences: FloatArray, rng: Generator) -> FloatArray:
        """Draw the value read from each pair, given the differences of returns, any shape."""
        raise NotImplementedError

    def difference(
        self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray, streams: Streams
    ) -> FloatArray:
        """Estimate of V(first) - V(second), (...,).

        Raises
        ------
        InputError
            If the votes cannot be inverted on this MDP, or, with ``sampler="law"``, it has no reward lattice.
        """
        if self.sampler == "rollout":
            gaps = self._sample_gaps(mdp, policy, np.stack([first, second]), streams.trajectories)
            mean: FloatArray = self.read(mdp, gaps, streams.votes).mean(axis=-1)
            return mean
        return self.draw(mdp, self.law(mdp, policy, first, second), streams.votes)

    def moments(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> DifferenceMoments:
        """Exact moments of the estimate, as finite sums over the law of the difference.

        Raises
        ------
        InputError
            If the MDP has no reward lattice, or the votes cannot be inverted on this MDP.
        """
        return self.moments_under(mdp, self.law(mdp, policy, first, second))

    def moments_under(self, mdp: TabularMDP, law: FloatArray) -> DifferenceMoments:
        """Exact moments of the estimate, given the law of the difference, (..., n_differences)."""
        table = self.table(mdp)
        mean = law @ table.mean
        return DifferenceMoments(
            exact=law @ table.differences,
            mean=mean,
            # Centred: raw second moments lose the digits of a small variance.
            variance_trajectory=(law * (table.mean - mean[..., None]) ** 2).sum(axis=-1) / self.n_pairs,
            variance_query=law @ table.variance / self.n_pairs,
            clip_rate=law @ table.clipped,
        )

    def expected_votes(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> FloatArray:
        """Expected number of votes of one estimate, (...,)."""
        return self.votes_under(mdp, self.law(mdp, policy, first, second))

    def votes_under(self, mdp: TabularMDP, law: FloatArray) -> FloatArray:
        """The same, given the law of the difference, (..., n_differences)."""
        return np.asarray(self.n_pairs * (law @ self.table(mdp).votes))

    def law(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> FloatArray:
        """Law of the difference of the two returns of a pair, (..., n_differences)."""
        if self.common_random_numbers:
            return coupled_difference_law(mdp, policy, first, second)
        laws = return_distribution(mdp, policy, np.stack([first, second])).probabilities
        return difference_law(laws[0], laws[1])

    def _sample_gaps(self, mdp: TabularMDP, policy: Policy, both: FloatArray, rng: Generator) -> FloatArray:
        """Differences of returns of N simulated pairs, (..., N)."""
        returns = sample_returns(mdp, policy, both, int(self.n_pairs), rng, shared=self.common_random_numbers)
        return mdp.on_lattice(returns[0] - returns[1])

    def draw(self, mdp: TabularMDP, differences: NDArray[Any], rng: Generator) -> FloatArray:
        """Mean of the values of N pairs, given the law of the difference, (..., n_differences) -> (...,)."""
        table = self.table(mdp)
        infinite = np.isinf(self.n_pairs)
        exact: FloatArray = differences @ table.mean
        if infinite.all():
            return exact
        n = np.where(infinite, 1, self.n_pairs).astype(np.int64)
        # The sampler refuses probabilities above 1, which rounding may produce.
        counts = rng.multinomial(n, np.clip(table.outcome_law(differences), 0.0, 1.0))
        drawn: FloatArray = (counts @ table.outcomes) / n
        return np.where(infinite, exact, drawn) if infinite.any() else drawn


@dataclass(frozen=True, eq=False)
class PreferenceFeedback(_PairFeedback):
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
        """Exact law of the value read from the votes, for every difference of returns."""
        return self.votes.table(mdp)

    def read(self, mdp: TabularMDP, differences: FloatArray, rng: Generator) -> FloatArray:
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
class ReturnFeedback(_PairFeedback):
    """Differences of the returns, the limit of preference feedback with infinitely many votes."""

    sampler: Sampler = "law"
    n_queries: float = field(default=0.0, init=False)

    def table(self, mdp: TabularMDP) -> VoteTable:
        """Identity: the value is the difference."""
        return return_table(mdp)

    def read(self, mdp: TabularMDP, differences: FloatArray, rng: Generator) -> FloatArray:  # noqa: ARG002
        """The differences, unchanged."""
        return differences


def SignFeedback(  # noqa: N802  (named like the other feedbacks)
    n_pairs: ArrayLike, n_queries: float, link: Link | None = None, sampler: Sampler = "law"
) -> PreferenceFeedback:
    """Majority sign of the votes on each pair instead of the inverted link: ZSPO's feedback.

    Parameters
    ----------
    n_pairs : int, inf or array
    n_queries : int or inf
    link : Link, default Logistic()
        Link of the raters; the algorithm does not use it.
    sampler : {"law", "rollout"}
    """
    votes = VoteModel(link or Logistic(), n_queries, MajoritySign())
    return PreferenceFeedback(np.asarray(n_pairs), sampler, votes)


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
    votes = VoteModel(link, n_queries, inversion or Trimmed(trim))
    return PreferenceFeedback(np.asarray(n_pairs), sampler, votes, common_random_numbers=common_random_numbers)
