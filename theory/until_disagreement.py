"""Votes on a pair asked one by one, until the first that differs: an unbiased reading, without M and without a trim."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np

from theory.agreement_series import AgreementSeries
from theory.arrays import FloatArray
from theory.errors import InputError, require_integer, require_kind
from theory.links import Link, upper_tail
from theory.mdp import TabularMDP
from theory.vote_tables import VoteTable, lattice_of_means, possible_differences
from theory.votes import LARGEST_TABLE

# Without a cap a run is followed until what longer runs add to the mean is below this, in units of the scale.
NEGLIGIBLE = 1e-14
# Longest run that is followed without a cap. Raters who agree in 99.8 of 100 cases do not reach it.
LONGEST_RUN = 20_000


@runtime_checkable
class AgreementLink(Link, Protocol):
    """A link whose inverse has a series in the probabilities that votes agree."""

    def agreement_series(self, n: int) -> AgreementSeries:
        """The first n coefficients of each sum."""


@dataclass(frozen=True)
class UntilDisagreement:
    """Raters are asked one by one until one disagrees with the first, or until a cap.

    After k votes for the first trajectory and one against it, the value read is c + a_1 + ... + a_k, and likewise for
    the second (`theory.agreement_series`). For the logistic link that is plus or minus 1 + 1/2 + ... + 1/k. Without a
    cap the mean is sigma^{-1}(p) exactly, so there is no bias of a finite M. The expected number of votes is
    1 + p / (1 - p) + (1 - p) / p, which is 3 for equal returns.

    Parameters
    ----------
    link : AgreementLink
        Link sigma that the algorithm inverts; all shipped links are of this kind.
    cap : int, optional
        Largest number of votes on a pair. The bias is then what the series adds beyond this number of terms.
    rater_link : Link, optional
        Link of the raters; by default `link`.

    Raises
    ------
    InputError
        If the link has no agreement series, or the cap is not an integer of at least 1.

    References
    ----------
    An unbiased inversion by randomised truncation of a power series: El Bakkali, Chayti, Saadi, arXiv:2602.05622.
    """

    link: Link
    cap: int | None = None
    rater_link: Link | None = None

    def __post_init__(self) -> None:
        require_kind("link", self.link, Link, "Logistic()")
        if not isinstance(self.link, AgreementLink):
            raise InputError(
                f"link must have a method agreement_series for votes until the first disagreement, got {self.link}; "
                "add one, or ask a fixed number of votes"
            )
        if self.rater_link is not None:
            require_kind("rater_link", self.rater_link, Link, "Logistic()")
        if self.cap is not None:
            require_integer("cap", self.cap, 1)

    @property
    def raters(self) -> Link:
        """Link of the raters."""
        return self.rater_link or self.link

    @property
    def n_queries(self) -> float:
        """Expected votes on a pair of equal returns. `VoteTable.votes` has the number for every difference."""
        return 3.0 if self.cap is None else 3.0 - 2.0 ** (2 - self.cap)

    def values(self, n: int) -> tuple[FloatArray, FloatArray]:
        """Values read after runs of 1, ..., n votes or more for the first trajectory, and for the second."""
        # Few different lengths, which are kept.
        return _values(self, 1 << (n - 1).bit_length())

    def longest_run(self, probability: FloatArray, other: FloatArray) -> int:
        """Votes after which to stop, for probabilities p and 1 - p, any shape.

        Raises
        ------
        InputError
            If there is no cap, and a run may be longer than 20,000 votes.
        """
        if self.cap is not None:
            return self.cap
        largest = float(np.maximum(probability, other).max())
        if largest < 1:
            needed = math.log(NEGLIGIBLE * (1 - largest)) / math.log(largest)
            if needed <= LONGEST_RUN:
                return math.ceil(needed)
        raise InputError(
            f"cap must be given where raters agree almost surely, got none for a preference of probability "
            f"1 - {1 - largest:.2g}; set cap to 100, say, or use a link with a larger scale"
        )

    def table(self, mdp: TabularMDP, batch_size: int = 1) -> VoteTable:
        """Law of the reading for every difference of returns, or of means of `batch_size` returns, that is possible.

        Raises
        ------
        InputError
            If the MDP has no reward lattice, a cap is needed, or the table is too large.
        """
        return _table(self, *lattice_of_means(mdp, batch_size))


@lru_cache(maxsize=16)
def _values(model: UntilDisagreement, n: int) -> tuple[FloatArray, FloatArray]:
    assert isinstance(model.link, AgreementLink)
    return model.link.agreement_series(n).values


@lru_cache(maxsize=16)
def _table(model: UntilDisagreement, lattice: int, n_steps: int) -> VoteTable:
    """Outcomes: 1, ..., n votes for the first trajectory and then one against it, or n; the same for the second."""
    differences = possible_differences(lattice, n_steps)
    p, q = np.asarray(model.raters.probability(differences)), upper_tail(model.raters, differences)
    n = model.longest_run(p, q)
    if 2 * n * differences.size > LARGEST_TABLE:
        raise InputError(
            f"cap must be at most {LARGEST_TABLE // (2 * differences.size)} for {differences.size} differences of "
            f"returns, got {n if model.cap else 'none'}; lower it"
        )
    runs = np.arange(1.0, n + 1)
    still = runs < n
    agreed = np.stack([p[:, None] ** runs, q[:, None] ** runs])
    law = np.concatenate(agreed * np.where(still, np.stack([q, p])[..., None], 1.0), axis=-1)
    outcomes = np.concatenate([values[:n] for values in model.values(n)])
    mean, asked = law @ outcomes, np.tile(runs + still, 2)
    return VoteTable(
        differences=differences,
        outcomes=outcomes,
        probabilities=law,
        mean=mean,
        variance=(law * (outcomes - mean[:, None]) ** 2).sum(axis=1),
        clipped=np.zeros_like(mean) if model.cap is None else agreed[..., -1].sum(axis=0),
        votes=law @ asked,
        asked=asked,
    )
