"""Preference feedbacks side by side, so that runs with different numbers of votes make one batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from estimators.feedback import PREFERENCE_EXAMPLE, PreferenceFeedback
from estimators.moments import DifferenceMoments
from estimators.streams import Streams
from theory.arrays import FloatArray, IntArray
from theory.errors import InputError, require_integer, require_kind
from theory.inversions import Inversion
from theory.mdp import TabularMDP
from theory.policies import Policy


@dataclass(frozen=True, eq=False)
class StackedFeedback:
    """Preference feedbacks side by side, along one axis of the batch: member k gives the differences of index k.

    The laws of the returns are computed once for all members.

    Parameters
    ----------
    members : tuple of PreferenceFeedback
        All with the law sampler, one number of pairs each, and the same `common_random_numbers`.
    n_axes : int, default 1
        Number of batch axes after the axis of the members.

    Raises
    ------
    InputError
        If `members` is empty or a member is of another kind.
    """

    members: tuple[PreferenceFeedback, ...]
    n_axes: int = 1

    def __post_init__(self) -> None:
        require_kind("members", self.members, tuple, f"({PREFERENCE_EXAMPLE},)")
        if not self.members:
            raise InputError("members must hold at least one preference feedback, got none")
        require_integer("n_axes", self.n_axes, 0)
        for member in self.members:
            require_kind("members", member, PreferenceFeedback, PREFERENCE_EXAMPLE)
            if member.sampler != "law" or member.n_pairs.ndim > 0:
                raise InputError(
                    "members must have sampler='law' and one number of pairs, "
                    f"got {member.sampler!r} and {member.n_pairs.tolist()}"
                )
        if len({member.common_random_numbers for member in self.members}) > 1:
            raise InputError("members must have the same common_random_numbers, got True and False")

    @property
    def n_pairs(self) -> FloatArray:
        """Pairs N of each member, along its axis."""
        return self._along_axis([float(member.n_pairs) for member in self.members])

    @property
    def n_queries(self) -> FloatArray:
        """Votes per pair M of each member, along its axis."""
        return self._along_axis([member.n_queries for member in self.members])

    @property
    def batch_size(self) -> IntArray:
        """Trajectories a side of a vote D of each member, along its axis."""
        return self._along_axis([member.batch_size for member in self.members]).astype(np.int64)

    def reading(self, inversion: Inversion) -> StackedFeedback:
        """The same members, with another inversion of their votes."""
        return replace(self, members=tuple(member.reading(inversion) for member in self.members))

    def until_disagreement(self) -> StackedFeedback:
        """The same members, asked one by one until the first that disagrees."""
        return replace(self, members=tuple(member.until_disagreement() for member in self.members))

    def as_batches(self) -> StackedFeedback:
        """The same members, each with all its votes on one comparison of two batches."""
        return replace(self, members=tuple(member.as_batches() for member in self.members))

    def in_random_order(self) -> StackedFeedback:
        """The same members, with each pair shown in random order."""
        return replace(self, members=tuple(member.in_random_order() for member in self.members))

    def expected_votes(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> FloatArray:
        """Expected number of votes of one estimate, (...,)."""
        laws = self._laws(mdp, policy, first, second)
        return self._stack([member.votes_under(mdp, law) for member, law in zip(self.members, laws, strict=True)])

    def difference(
        self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray, streams: Streams
    ) -> FloatArray:
        """Estimate of V(first) - V(second), (...,). Its votes are added to the tally of the streams."""
        laws = self._laws(mdp, policy, first, second)
        drawn = [member.draw(mdp, law, streams.votes) for member, law in zip(self.members, laws, strict=True)]
        streams.tally.add(self._stack([each.votes for each in drawn]))
        return self._stack([each.values for each in drawn])

    def moments(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> DifferenceMoments:
        """Exact moments of that estimate, each (...,)."""
        laws = self._laws(mdp, policy, first, second)
        parts = [member.moments_under(mdp, law) for member, law in zip(self.members, laws, strict=True)]
        names = ("exact", "mean", "variance_trajectory", "variance_query", "clip_rate")
        return DifferenceMoments(**{name: self._stack([getattr(part, name) for part in parts]) for name in names})

    def _laws(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> list[FloatArray]:
        """Law of the difference of returns, or of mean returns, of every member."""
        law = self.members[0].pair_law(mdp, policy, first, second)
        axis = law.ndim - 2 - self.n_axes
        if axis < 0 or law.shape[axis] != len(self.members):
            raise InputError(
                f"theta must have length {len(self.members)} along axis {-2 - self.n_axes}, one entry per member, "
                f"got batch {law.shape[:-1]}"
            )
        along = np.moveaxis(law, axis, 0)
        return [member.law_of_batches(each) for member, each in zip(self.members, along, strict=True)]

    def _stack(self, parts: list[FloatArray]) -> FloatArray:
        return np.stack(parts, axis=-1 - self.n_axes)

    def _along_axis(self, values: list[float]) -> FloatArray:
        return np.array(values).reshape(-1, *(1,) * self.n_axes)
