"""Preference feedbacks side by side, so that runs with different numbers of votes make one batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from estimators.feedback import PreferenceFeedback
from estimators.moments import DifferenceMoments
from estimators.streams import Streams
from theory.arrays import FloatArray
from theory.errors import InputError
from theory.mdp import TabularMDP
from theory.policies import Policy


@dataclass(frozen=True, eq=False)
class Panels:
    """Preference feedbacks side by side: the k-th one answers for leading index k of the batch.

    The laws of the returns are computed once for all, so runs with different numbers of votes make one batch.

    Parameters
    ----------
    members : tuple of PreferenceFeedback
        All with the law sampler.
    n_axes : int, default 1
        Axes of the batch behind the leading one.
    """

    members: tuple[PreferenceFeedback, ...]
    n_axes: int = 1

    def __post_init__(self) -> None:
        if not self.members or any(member.sampler != "law" for member in self.members):
            raise InputError("members must be one or more preference feedbacks with sampler='law'")

    @property
    def n_pairs(self) -> FloatArray:
        """Pairs of each member, along the leading axis."""
        return self._leading([float(member.n_pairs) for member in self.members])

    @property
    def n_queries(self) -> FloatArray:
        """Votes a pair of each member, along the leading axis."""
        return self._leading([member.n_queries for member in self.members])

    def difference(
        self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray, streams: Streams
    ) -> FloatArray:
        """Estimate of V(first) - V(second), (...,)."""
        law = self.members[0].law(mdp, policy, first, second)
        drawn = [member.draw(mdp, part, streams.votes) for member, part in zip(self.members, law, strict=True)]
        return np.stack(drawn)

    def moments(self, mdp: TabularMDP, policy: Policy, first: FloatArray, second: FloatArray) -> DifferenceMoments:
        """Exact moments of that estimate, each (...,)."""
        law = self.members[0].law(mdp, policy, first, second)
        parts = [member.moments_under(mdp, part) for member, part in zip(self.members, law, strict=True)]
        names = ("exact", "mean", "variance_trajectory", "variance_query", "clip_rate")
        return DifferenceMoments(**{name: np.stack([getattr(part, name) for part in parts]) for name in names})

    def _leading(self, values: list[float]) -> FloatArray:
        return np.array(values).reshape(-1, *(1,) * self.n_axes)
