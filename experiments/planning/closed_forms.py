"""Models in closed form: the certificate, its sharpened version, and what a few guesses about an instance tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from experiments.catalogue.instance import Instance
from experiments.planning.candidates import Candidate
from experiments.planning.error_curves import ErrorParts
from experiments.planning.settings import Limits, Panel, panels, usable_panels
from experiments.rates.smoothness import estimate_smoothness
from theory import Link, Logistic, TabularMDP, certificate, optimal_value, policy_value, smoothness_bound
from theory.arrays import FloatArray
from theory.bounds import LARGEST_C
from theory.errors import InputError, require_integer, require_kind, require_positive
from theory.return_law import difference_law, return_distribution
from theory.vote_tables import VoteTable

# Moves of a coordinate from which radii are tried: bounds ask for small ones.
BOUND_MOVES = tuple(np.geomspace(1e-4, 3.0, 36).tolist())
# Of a guess, whose step must stay below this share of the largest stable one.
MARGIN = 0.2
# Steps of the lattice of returns in one unit of return that a guess is worked out on.
LATTICE = 20


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
        return 2 * MARGIN / (self.figures.ratio * self.guess.curvature)

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


@dataclass(frozen=True)
class Guess:
    """What is guessed of an instance that is not given.

    Parameters
    ----------
    dim, horizon : int
        d and H.
    curvature : float
        tr(A), A minus the Hessian of V near the optimum.
    spread : float
        Standard deviation of the return of a policy; at most H / 2.
    value_gap : float
        V* - V at the start.
    link : Link, optional
        By default logistic with scale H / 2.
    smoothness : float, optional
        L; by default tr(A) / d, as if V had the same curvature in every direction.

    Raises
    ------
    InputError
        If a number is not positive and finite, an integer is below 1, or the spread is above H / 2.
    """

    dim: int
    horizon: int
    curvature: float
    spread: float
    value_gap: float
    link: Link | None = None
    smoothness: float | None = None

    def __post_init__(self) -> None:
        require_integer("dim", self.dim, 1)
        require_integer("horizon", self.horizon, 1)
        for name in ("curvature", "spread", "value_gap", "smoothness"):
            if name != "smoothness" or self.smoothness is not None:
                require_positive(name, getattr(self, name))
        if self.link is not None:
            require_kind("link", self.link, Link, "Logistic(2.0)")
        if self.spread > self.horizon / 2:
            raise InputError(
                f"spread must be at most H / 2 = {self.horizon / 2:g} for returns in [0, H], got {self.spread}"
            )

    @property
    def raters(self) -> Link:
        """The link."""
        return self.link or Logistic(self.horizon / 2)

    @property
    def steepness(self) -> float:
        """L."""
        return self.smoothness or self.curvature / self.dim

    @cached_property
    def ladder(self) -> TabularMDP:
        """An MDP that has every difference of returns in [-H, H], in steps of 1 / 20."""
        rewards = np.arange(LATTICE + 1) / LATTICE
        law = np.full((1, 1, LATTICE + 1), 1 / (LATTICE + 1))
        return TabularMDP.from_outcomes(
            law, np.zeros(law.shape, dtype=np.int64), rewards[None, None], [1.0], self.horizon
        )

    def difference_law(self, deltas: FloatArray) -> FloatArray:
        """Normal law of the difference of two returns, on a lattice."""
        weights = np.exp(-(deltas**2) / (4 * self.spread**2))
        return np.asarray(weights / weights.sum())


@dataclass(frozen=True, eq=False)
class ClosedSource:
    """A model in closed form, which is the same for all directions.

    Attributes
    ----------
    dim, horizon : int
    link : Link
    panels : sequence of Panel
    start_error : float
        nan: these models do not know it.
    model : function of (radius, panel)
    """

    dim: int
    horizon: int
    link: Link
    panels: Sequence[Panel]
    model: Callable[[float, Panel], BoundModel | GuessModel]
    start_error: float = math.nan
    moves: Sequence[float] = field(default=BOUND_MOVES, init=False)

    def sizes(self, limits: Limits) -> tuple[int | None, ...]:
        """ZPG alone, or the first method that is allowed: all have the same bound."""
        allowed = limits.sizes(self.dim)
        return (None,) if None in allowed else allowed[:1]

    def candidates(self, block_size: int | None, radius: float, panels: Sequence[Panel]) -> list[Candidate]:
        """Candidates of one radius, one per panel."""
        return [Candidate(block_size, radius, panel, self.model(radius, panel)) for panel in panels]


def certificate_source(instance: Instance, limits: Limits) -> ClosedSource:
    """The certificate: L is proved, and votes are the worst over all differences of returns."""
    smoothness = smoothness_bound(instance.mdp, instance.policy)
    return _bound_source(instance, limits, smoothness, PanelFigures.largest)


def sharpened_source(instance: Instance, limits: Limits, seed: int = 0) -> ClosedSource:
    """The same formula with the largest Hessian norm that is found, and votes as at the start: a prediction."""
    smoothness = estimate_smoothness(instance, np.random.default_rng([seed, 1]))
    law = return_distribution(instance.mdp, instance.policy, instance.start).probabilities
    differences = difference_law(law, law)
    return _bound_source(instance, limits, smoothness, lambda table: PanelFigures.under(table, differences))


def _bound_source(
    instance: Instance, limits: Limits, smoothness: float, figures: Callable[[VoteTable], PanelFigures]
) -> ClosedSource:
    gap = optimal_value(instance.mdp) - float(policy_value(instance.mdp, instance.policy, instance.start))
    dim = instance.policy.dim
    if not (smoothness > 0 and gap > 0):
        raise InputError(f"instance {instance.name} must have something to gain and a curved V, got a gap of {gap:g}")

    def model(radius: float, panel: Panel) -> BoundModel:
        return BoundModel(gap, dim, smoothness, radius, figures(panel.votes.table(instance.mdp)))

    return ClosedSource(dim, instance.mdp.horizon, instance.link, usable_panels(instance, limits), model)


def guess_source(guess: Guess, limits: Limits) -> ClosedSource:
    """Closed forms from guesses."""
    usable, figures = [], {}
    for panel in panels(guess.raters, limits, 1):
        table = panel.votes.table(guess.ladder)
        figures[panel] = PanelFigures.under(table, guess.difference_law(table.differences))
        usable.append(panel)

    def model(radius: float, panel: Panel) -> GuessModel:
        if panel not in figures:
            table = panel.votes.table(guess.ladder)
            figures[panel] = PanelFigures.under(table, guess.difference_law(table.differences))
        return GuessModel(guess, radius, figures[panel])

    return ClosedSource(guess.dim, guess.horizon, guess.raters, usable, model)
