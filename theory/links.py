"""Links: the probability that one trajectory is preferred to another, as a function of their returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from theory.arrays import FloatArray
from theory.errors import InputError, require_positive
from theory.validation import first_entry, real_array

# The trim may be half of a tail. For smaller tails 1 - trim would round to 1, whose inverse is infinite.
SMALLEST_TAIL = float(np.finfo(np.float64).eps)


@runtime_checkable
class Link(Protocol):
    """Strictly increasing sigma with sigma(0) = 1/2: a rater prefers tau1 with probability sigma(R1 - R0)."""

    @property
    def symmetric(self) -> bool:
        """Whether sigma(x) + sigma(-x) = 1 for every x."""

    def probability(self, x: ArrayLike) -> FloatArray:
        """Preference probability sigma(x) of a difference of returns."""

    def inverse(self, p: ArrayLike) -> FloatArray:
        """Difference of returns whose preference probability is p."""

    def derivative(self, x: ArrayLike) -> FloatArray:
        """First derivative sigma'(x)."""

    def second_derivative(self, x: ArrayLike) -> FloatArray:
        """Second derivative sigma''(x)."""


@dataclass(frozen=True)
class ScaledLink:
    """A link sigma(x) = F(x / scale); a subclass gives F, its inverse and its derivatives.

    Parameters
    ----------
    scale : float, default 1
        Positive, in units of return; with a larger scale the raters are less certain.

    Raises
    ------
    InputError
        If the scale is not positive and finite.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        require_positive("scale", self.scale)

    @property
    def symmetric(self) -> bool:
        """Whether sigma(x) + sigma(-x) = 1 for every x."""
        return True

    def probability(self, x: ArrayLike) -> FloatArray:
        """Preference probability sigma(x) of a difference of returns, any shape."""
        return np.asarray(self._distribution(self._standard(x)), dtype=np.float64)

    def survival(self, x: ArrayLike) -> FloatArray:
        """1 - sigma(x), any shape, to full relative precision."""
        return np.asarray(self._tail(self._standard(x)), dtype=np.float64)

    def inverse(self, p: ArrayLike) -> FloatArray:
        """Difference of returns whose preference probability is p, any shape; it may be infinite at 0 and 1.

        Raises
        ------
        InputError
            If some p is not in [0, 1].
        """
        share = real_array("p", p)
        inside = (share >= 0) & (share <= 1)
        if not inside.all():
            raise InputError(f"p must be probabilities in [0, 1], got {first_entry(share, ~inside)}")
        with np.errstate(divide="ignore"):
            return np.asarray(self.scale * self._quantile(share), dtype=np.float64)

    def derivative(self, x: ArrayLike) -> FloatArray:
        """First derivative sigma'(x), any shape."""
        return np.asarray(self._density(self._standard(x)) / self.scale, dtype=np.float64)

    def second_derivative(self, x: ArrayLike) -> FloatArray:
        """Second derivative sigma''(x), any shape."""
        return np.asarray(self._density_slope(self._standard(x)) / self.scale**2, dtype=np.float64)

    def _standard(self, x: ArrayLike) -> FloatArray:
        return real_array("x", x) / self.scale

    def _distribution(self, z: FloatArray) -> Any:
        raise NotImplementedError

    def _tail(self, z: FloatArray) -> Any:
        """1 - F(z); a symmetric link needs no subtraction, another link overrides this."""
        return self._distribution(-z)

    def _quantile(self, p: FloatArray) -> Any:
        raise NotImplementedError

    def _density(self, z: FloatArray) -> Any:
        raise NotImplementedError

    def _density_slope(self, z: FloatArray) -> Any:
        raise NotImplementedError


def inverse_curvature(link: Link, x: ArrayLike) -> FloatArray:
    """Second derivative of sigma^{-1} at p = sigma(x), any shape: -sigma''(x) / sigma'(x)^3.

    Multiplied by p (1 - p) / (2 M), it is the leading term of the link-inversion bias of M votes.
    """
    slope = link.derivative(x)
    return -link.second_derivative(x) / slope / slope / slope


def upper_tail(link: Link, x: ArrayLike) -> FloatArray:
    """1 - sigma(x), any shape, by a subtraction only if the link is neither scaled nor symmetric."""
    if isinstance(link, ScaledLink):
        return link.survival(x)
    return np.asarray(link.probability(-np.asarray(x)) if link.symmetric else 1 - link.probability(x))


def check_invertible(link: Link, horizon: int) -> None:
    """Require that the link can be inverted in floating point for every difference of returns in [-H, H].

    Raises
    ------
    InputError
        If sigma(-H) or 1 - sigma(H) is below `SMALLEST_TAIL`.
    """
    if not min(_tails(link, horizon)) >= SMALLEST_TAIL:
        lower, upper = _tails(link, horizon)
        raise InputError(
            f"link {link} must not saturate on [-H, H], got sigma(-H) = {lower:.3g} and 1 - sigma(H) = {upper:.3g} "
            f"(at least {SMALLEST_TAIL:.2g} needed) for H = {horizon}; use a larger scale, such as {2 * horizon:g}"
        )


def largest_trim(link: Link, horizon: int) -> float:
    """Largest trim that the theorems allow, min(sigma(-H), 1 - sigma(H)).

    Raises
    ------
    InputError
        If the link saturates on [-H, H].
    """
    check_invertible(link, horizon)
    return min(_tails(link, horizon))


def default_trim(link: Link, horizon: int) -> float:
    """Half of the largest trim, so that every mean vote share lies strictly between the trims.

    Raises
    ------
    InputError
        If the link saturates on [-H, H].
    """
    return largest_trim(link, horizon) / 2


def _tails(link: Link, horizon: int) -> tuple[float, float]:
    """sigma(-H) and 1 - sigma(H)."""
    return float(link.probability(-horizon)), float(upper_tail(link, horizon))


def scale_of(link: Link) -> float:
    """Scale of a link, in units of return; 1 for a link of the user's that has none."""
    return link.scale if isinstance(link, ScaledLink) else 1.0
