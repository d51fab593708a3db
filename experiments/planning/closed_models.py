"""Errors in closed form: of a bound, and of a guess."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from experiments.planning.error_curves import ErrorParts
from experiments.planning.guess import Guess
from experiments.planning.settings import STEP_MARGIN
from theory import certificate
from theory.arrays import FloatArray
from theory.bounds import LARGEST_C
from theory.vote_tables import VoteTable


@dataclass(frozen=True)
class PanelFigures:
    """A panel in numbers.

    Attributes
    ----------
    ratio : float
        c of E[f | delta] = c delta, about.
    bias : float
        Size of E[f | delta] - delta.
    trajectory, query : float
        Second moment of f from the difference of returns, and from the votes.
    votes : float
    """

    ratio: float
    bias: float
    trajectory: float
    query: float
    votes: float

    @classmethod
    def largest(cls, table: VoteTable) -> PanelFigures:
        """The worst over all differences of returns, as a theorem needs it."""
        worst = int(np.argmax(table.variance + table.mean**2))
        return cls(
            1.0,
            table.largest_bias,
            float(table.mean[worst] ** 2),
            float(table.variance[worst]),
            float(table.votes.max()),
        )

    @classmethod
    def under(cls, table: VoteTable, law: FloatArray) -> PanelFigures:
        """Means under a law of the difference."""
        deltas = table.differences
        second = float(law @ deltas**2)
        ratio = float(law @ (table.mean * deltas)) / second if second > 0 else 1.0
        return cls(
            ratio,
            math.sqrt(float(law @ table.bias**2)),
            float(law @ table.mean**2),
            float(law @ table.variance),
            float(law @ table.votes),
        )


@dataclass(frozen=True)
class BoundModel:
    """The formula of the certificate, as a model of the error for one radius and panel."""

    value_gap: float
    dim: int
    smoothness: float
    radius: float
    figures: PanelFigures

    @property
    def largest_step(self) -> float:
        """Just below 3 / (4 L d)."""
        return 0.999 * LARGEST_C / (self.smoothness * self.dim)

    @property
    def least_time(self) -> float:
        """S = step_size * T below which a run hardly moves."""
        return 1e-3 * self.largest_step

    def error(self, step_size: ArrayLike, n_pairs: ArrayLike, n_iterations: ArrayLike) -> ErrorParts:
        """The bound; noise has no part from the direction alone, which is in the factors of the others."""
        noise = self.figures.trajectory + self.figures.query
        bound = certificate(
            value_gap=self.value_gap,
            dim=self.dim,
            smoothness=self.smoothness,
            n_iterations=n_iterations,
            step_size=step_size,
            radius=self.radius,
            n_pairs=n_pairs,
            inversion_bias=self.figures.bias,
            second_moment=noise,
        )
        share = self.figures.trajectory / noise if noise > 0 else 1.0
        zero = np.zeros_like(bound.noise)
        return ErrorParts(bound.transient, bound.bias, zero, share * bound.noise, (1 - share) * bound.noise)

    def votes(self, step_size: ArrayLike, n_iterations: ArrayLike) -> FloatArray:
        """Votes on a pair."""
        return np.full(np.broadcast_shapes(np.shape(step_size), np.shape(n_iterations)), self.figures.votes)

    def judged(self, step_size: float, n_pairs: float, n_iterations: float) -> ErrorParts:
        """The bound."""
        return self.error(step_size, n_pairs, n_iterations)


@dataclass(frozen=True)
class GuessModel:
    """Transient plus stationary floor: (V* - V_1) / (c alpha T) + d (L mu / 2)^2 + (alpha / 2) tr(A) noise / c.

    All but the second are over 1 - alpha c tr(A) / 2: the multiplicative noise of the direction for an isotropic A.
    """

    guess: Guess
    radius: float
    figures: PanelFigures

    @property
    def largest_step(self) -> float:
        """Where the multiplicative noise is a fifth."""
        return 2 * STEP_MARGIN / (self.figures.ratio * self.guess.curvature)

    @property
    def least_time(self) -> float:
        """S = step_size * T below which a run hardly moves."""
        return 1e-3 * self.largest_step

    def error(self, step_size: ArrayLike, n_pairs: ArrayLike, n_iterations: ArrayLike) -> ErrorParts:
        """Predicted error; the arrays broadcast."""
        guess, ratio = self.guess, self.figures.ratio
        step, pairs, iterations = (np.asarray(x, dtype=np.float64) for x in (step_size, n_pairs, n_iterations))
        # At most |grad V|^2 at the start of a quadratic V with this gap and an isotropic A.
        start = 2 * guess.value_gap * guess.curvature / guess.dim
        transient = np.minimum(guess.value_gap / (ratio * step * iterations), start)
        spread = step * ratio * guess.curvature / 2
        size = step / (2 * ratio * (1 - spread)) * guess.curvature * guess.dim / (self.radius**2 * pairs)
        bias = guess.dim * (guess.steepness * self.radius / 2) ** 2 + 0 * transient
        return ErrorParts(
            transient,
            bias,
            transient * spread / (1 - spread),
            size * self.figures.trajectory,
            size * self.figures.query,
        )

    def votes(self, step_size: ArrayLike, n_iterations: ArrayLike) -> FloatArray:
        """Votes on a pair."""
        return np.full(np.broadcast_shapes(np.shape(step_size), np.shape(n_iterations)), self.figures.votes)

    def judged(self, step_size: float, n_pairs: float, n_iterations: float) -> ErrorParts:
        """The same."""
        return self.error(step_size, n_pairs, n_iterations)
