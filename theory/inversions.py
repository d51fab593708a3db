"""Inversions: estimates of the difference of two returns from a vote count."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from theory.arrays import FloatArray
from theory.errors import InputError, require_kind, require_number
from theory.links import Link, check_invertible, default_trim, largest_trim


@runtime_checkable
class Inversion(Protocol):
    """Maps vote counts to values."""

    @property
    def consistent(self) -> bool:
        """Whether infinitely many votes give the difference itself, when the link is that of the raters."""

    def check(self, link: Link, horizon: int) -> None:
        """Raise InputError unless the inversion is possible for returns in [0, horizon]."""

    def clips(self, link: Link, shares: FloatArray, horizon: int) -> NDArray[np.bool_]:
        """Whether each vote share is at the trim or beyond it."""

    def values(self, link: Link, counts: FloatArray, n_queries: int, horizon: int) -> FloatArray:
        """Value f(b) of each count b out of n_queries votes."""

    def limit(self, link: Link, shares: FloatArray, horizon: int) -> FloatArray:
        """Value of each vote share when there are infinitely many votes."""


@dataclass(frozen=True)
class Trimmed:
    """f(b) = sigma^{-1}(trim(b / M | Delta)): step 3 of ZPG and ZBCPG.

    Parameters
    ----------
    trim : float, optional
        Delta, a probability. By default half of min(sigma(-H), 1 - sigma(H)). Every mean vote share then lies strictly
        between the trims, and the bias is of order 1/M rather than 1/sqrt(M).
    enforce : bool, default True
        Whether to refuse a trim above min(sigma(-H), 1 - sigma(H)), which the theorems exclude. False is for deliberate
        faults.
    """

    trim: float | None = None
    enforce: bool = True

    def __post_init__(self) -> None:
        if self.trim is not None:
            required, remedy = "lie strictly between 0 and 1/2", "; None chooses a safe one"
            require_number("trim", self.trim, required, lambda number: 0 < number < 0.5, remedy)
        require_kind("enforce", self.enforce, bool, "True")

    @property
    def consistent(self) -> bool:
        """True if the trim is enforced: it is then at most every probability that can occur."""
        return self.enforce

    def level(self, link: Link, horizon: int) -> float:
        """The trim used for returns in [0, horizon].

        Raises
        ------
        InputError
            If the link saturates on [-H, H], or the trim exceeds min(sigma(-H), 1 - sigma(H)).
        """
        largest = largest_trim(link, horizon)
        if self.trim is None:
            return default_trim(link, horizon)
        # The largest trim is legal, and a caller's sigma(-H) may differ from it by rounding.
        if self.enforce and self.trim > largest * (1 + 1e-12):
            raise InputError(
                f"trim must be at most min(sigma(-H), 1 - sigma(H)) = {largest:.6g} for {link} and H = {horizon}, "
                f"got {self.trim:g}; lower it or pass None"
            )
        return self.trim

    def check(self, link: Link, horizon: int) -> None:
        """Raise InputError unless the link is invertible and the trim is in its range."""
        self.level(link, horizon)

    def clips(self, link: Link, shares: FloatArray, horizon: int) -> NDArray[np.bool_]:
        """Whether each share is at the trim or beyond it."""
        level = self.level(link, horizon)
        return (shares <= level) | (shares >= 1 - level)

    def values(self, link: Link, counts: FloatArray, n_queries: int, horizon: int) -> FloatArray:
        """Inverted trimmed share of each count."""
        return self.limit(link, counts / n_queries, horizon)

    def limit(self, link: Link, shares: FloatArray, horizon: int) -> FloatArray:
        """Inverted trimmed share."""
        level = self.level(link, horizon)
        return np.asarray(link.inverse(np.clip(shares, level, 1 - level)), dtype=np.float64)


@dataclass(frozen=True)
class MajoritySign:
    """f(b) = sign(2 b - M): the preference of the majority, 0 for a tie. It needs no link.

    References
    ----------
    ZSPO, arXiv:2506.03066, which takes it of one comparison of two batches of trajectories.
    """

    @property
    def consistent(self) -> bool:
        """False: the sign does not show the size of the difference."""
        return False

    def check(self, link: Link, horizon: int) -> None:
        """Pass: nothing is inverted."""

    def clips(self, link: Link, shares: FloatArray, horizon: int) -> NDArray[np.bool_]:  # noqa: ARG002
        """Nothing is trimmed."""
        return np.zeros(shares.shape, dtype=bool)

    def values(self, link: Link, counts: FloatArray, n_queries: int, horizon: int) -> FloatArray:  # noqa: ARG002
        """Sign of the majority of each count."""
        return np.sign(2 * counts - n_queries)

    def limit(self, link: Link, shares: FloatArray, horizon: int) -> FloatArray:  # noqa: ARG002
        """Sign of the majority of each share; 0 for an exact tie, which any odd number of votes breaks."""
        return np.sign(shares - 0.5)


@dataclass(frozen=True)
class HaldaneAnscombe:
    """f(b) = sigma^{-1}((b + 1/2) / (M + 1)): no trim needed; interior bias O(M^-2) for the logistic link.

    References
    ----------
    J. B. S. Haldane (1956) and F. J. Anscombe (1956), on the empirical logit.
    """

    @property
    def consistent(self) -> bool:
        """True: the shift of the share vanishes as M grows."""
        return True

    def check(self, link: Link, horizon: int) -> None:
        """Raise InputError unless the link is invertible."""
        check_invertible(link, horizon)

    def clips(self, link: Link, shares: FloatArray, horizon: int) -> NDArray[np.bool_]:  # noqa: ARG002
        """Nothing is trimmed."""
        return np.zeros(shares.shape, dtype=bool)

    def values(self, link: Link, counts: FloatArray, n_queries: int, horizon: int) -> FloatArray:
        """Inverted shifted share of each count."""
        return self.limit(link, (counts + 0.5) / (n_queries + 1), horizon)

    def limit(self, link: Link, shares: FloatArray, horizon: int) -> FloatArray:
        """Inverted share."""
        self.check(link, horizon)
        return np.asarray(link.inverse(shares), dtype=np.float64)


@dataclass(frozen=True)
class Jackknife:
    """Leave-one-vote-out correction of `Trimmed`: M f(b, M) - (M - 1) times the mean of f without one vote.

    It removes the 1/M term of the bias for every link. With M = 1 it is `Trimmed` itself.

    Parameters
    ----------
    trimmed : Trimmed
        The inversion to correct.

    References
    ----------
    M. H. Quenouille, "Notes on Bias in Estimation", Biometrika 43 (1956).
    """

    trimmed: Trimmed = field(default_factory=Trimmed)

    def __post_init__(self) -> None:
        require_kind("trimmed", self.trimmed, Trimmed, "Trimmed()")

    @property
    def consistent(self) -> bool:
        """As for `trimmed`."""
        return self.trimmed.consistent

    def check(self, link: Link, horizon: int) -> None:
        """As for `trimmed`."""
        self.trimmed.check(link, horizon)

    def clips(self, link: Link, shares: FloatArray, horizon: int) -> NDArray[np.bool_]:
        """As for `trimmed`."""
        return self.trimmed.clips(link, shares, horizon)

    def values(self, link: Link, counts: FloatArray, n_queries: int, horizon: int) -> FloatArray:
        """Corrected value of each count."""
        plain = self.trimmed.values(link, counts, n_queries, horizon)
        if n_queries == 1:
            return plain
        # A share b / M of the votes left out are for the first trajectory.
        left = [
            self.trimmed.values(link, np.clip(counts - k, 0, n_queries - 1), n_queries - 1, horizon) for k in (1, 0)
        ]
        without_one = (counts * left[0] + (n_queries - counts) * left[1]) / n_queries
        return n_queries * plain - (n_queries - 1) * without_one

    def limit(self, link: Link, shares: FloatArray, horizon: int) -> FloatArray:
        """As for `trimmed`."""
        return self.trimmed.limit(link, shares, horizon)
