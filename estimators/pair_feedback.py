"""What all feedbacks on pairs of trajectories share: the law of a pair, draws, and exact moments."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from estimators.moments import DifferenceMoments
from estimators.rollouts import sample_returns
from estimators.streams import Streams
from estimators.vote_draws import Readings
from theory.arrays import FloatArray, stage
from theory.batching import without_repeats
from theory.common_random_numbers import coupled_difference_law
from theory.coupled_steps import coupled_steps
from theory.errors import InputError, require_integer, require_kind
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.return_law import cross_correlation, law_of_mean, return_distribution
from theory.validation import count_array
from theory.vote_tables import VoteTable
from theory.votes import require_count

Sampler = Literal["law", "rollout"]


@dataclass(frozen=True, eq=False)
class PairFeedback:
    """N independent pairs, each read as one number f; the estimate is the mean of f.

    With ``sampler="law"`` the N numbers are one multinomial draw from their exact law. Its cost does not grow with N,
    and infinitely many pairs need no draw. With ``sampler="rollout"`` every trajectory is simulated. With
    ``common_random_numbers`` both trajectories of a pair use the same uniform numbers for start, actions and outcomes.

    With ``batch_size`` D > 1, raters compare batches of D trajectories a side by their mean returns. All differences of
    returns are then differences of means of D, on a lattice D times as fine.
    """

    n_pairs: FloatArray
    sampler: Sampler
    common_random_numbers: bool = field(default=False, kw_only=True)
    batch_size: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        require_integer("batch_size", self.batch_size, 1)
        require_kind("common_random_numbers", self.common_random_numbers, bool, "True")
        pairs = count_array("n_pairs", self.n_pairs)
        # The largest tells whether all can be counted.
        require_count("n_pairs", float(pairs[np.isfinite(pairs)].max(initial=1)))
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

    def read(self, mdp: TabularMDP, differences: FloatArray, rng: Generator) -> Readings:
        """Draw the value read from each pair, and its votes, given the differences of returns, any shape."""
        raise NotImplementedError

    def difference(
        self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray, streams: Streams
    ) -> FloatArray:
        """Estimate of V(first) - V(second), (...,). Its votes are added to the tally of the streams.

        Raises
        ------
        InputError
            If the votes cannot be inverted on this MDP, or, with ``sampler="law"``, it has no reward lattice.
        """
        if self.sampler == "rollout":
            gaps = self._sample_gaps(mdp, policy, np.stack([first, second]), streams.trajectories)
            read = self.read(mdp, gaps, streams.votes)
            drawn = Readings(read.values.mean(axis=-1), read.votes.sum(axis=-1))
        else:
            drawn = self.draw(mdp, self.law(mdp, policy, first, second), streams.votes)
        streams.tally.add(drawn.votes)
        return drawn.values

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
        votes = self.table(mdp).votes
        if (votes == votes[0]).all():  # whatever the law is
            shape = np.broadcast_shapes(self.n_pairs.shape, first.shape[:-1])
            return np.asarray(np.broadcast_to(self.n_pairs * votes[0], shape))
        return self.votes_under(mdp, self.law(mdp, policy, first, second))

    def votes_under(self, mdp: TabularMDP, law: FloatArray) -> FloatArray:
        """The same, given the law of the difference, (..., n_differences)."""
        return np.asarray(self.n_pairs * (law @ self.table(mdp).votes))

    def law(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> FloatArray:
        """Law of the difference of the two returns, or mean returns, of a pair, (..., n_differences)."""
        return self.law_of_batches(self.pair_law(mdp, policy, first, second))

    def pair_law(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> FloatArray:
        """Law of the difference of the returns of two trajectories, (..., n_differences)."""
        if self.common_random_numbers:
            return coupled_difference_law(mdp, policy, first, second)
        alone = without_repeats(second, 1)
        if alone.shape == second.shape:
            laws = return_distribution(mdp, policy, np.stack([first, second])).probabilities
            return cross_correlation(laws[0], laws[1])
        # One policy against many: its law is worked out once.
        law, other = (return_distribution(mdp, policy, theta).probabilities for theta in (first, alone))
        return cross_correlation(law, other)

    def law_work(self, mdp: TabularMDP) -> float:
        """Approximate multiplications for the law of one pair, if both policies are stationary."""
        if self.common_random_numbers:
            return float(mdp.horizon * coupled_steps(mdp).n_edges)
        steps = zip(mdp.largest_return_steps, (stage(mdp.reward_branches, h) for h in range(mdp.horizon)), strict=False)
        return float(sum((reach + 1) * len(branches.states) for reach, branches in steps))

    def law_of_batches(self, law: FloatArray) -> FloatArray:
        """Law of the difference of the mean returns of two batches, from that of two trajectories."""
        return law if self.batch_size == 1 else law_of_mean(law, self.batch_size)

    def _sample_gaps(self, mdp: TabularMDP, policy: Policy, both: FloatArray, rng: Generator) -> FloatArray:
        """Differences of returns, or of mean returns, of N simulated pairs, (..., N)."""
        n, size = int(self.n_pairs), self.batch_size
        returns = sample_returns(mdp, policy, both, n * size, rng, shared=self.common_random_numbers)
        gaps = mdp.on_lattice(returns[0] - returns[1])
        return gaps if size == 1 else gaps.reshape(*gaps.shape[:-1], n, size).mean(axis=-1)

    def draw(self, mdp: TabularMDP, differences: NDArray[Any], rng: Generator) -> Readings:
        """Mean of the values of N pairs and sum of their votes, given the law (..., n_differences) of the difference.

        Each is (...,).
        """
        table = self.table(mdp)
        infinite = np.isinf(self.n_pairs)
        exact: FloatArray = differences @ table.mean
        without_end = np.where(table.asked.any(), math.inf, 0.0)
        if infinite.all():
            return Readings(exact, np.broadcast_to(without_end, exact.shape))
        n = np.where(infinite, 1, self.n_pairs).astype(np.int64)
        # The sampler refuses probabilities above 1, which rounding may produce.
        counts = rng.multinomial(n, np.clip(table.outcome_law(differences), 0.0, 1.0))
        values: FloatArray = (counts @ table.outcomes) / n
        # Infinitely many votes on some pairs and none on others would be 0 times infinity.
        votes = np.broadcast_to(n * table.asked[0], exact.shape) if table.same_votes else counts @ table.asked
        if not infinite.any():
            return Readings(values, votes)
        return Readings(np.where(infinite, exact, values), np.where(infinite, without_end, votes))
