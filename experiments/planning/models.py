"""The models a plan may minimise, each as a source of candidates by directions and radius."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
from scipy.optimize import minimize_scalar

from experiments.planning.candidates import MOVES, Candidate, exact_candidates, radius_of
from experiments.catalogue.instance import Instance
from experiments.planning.search import rough_error
from experiments.planning.settings import Limits, Panel, Prices, usable_panels

Model = Literal["exact", "sharpened", "certificate"]
# Radii tried between those of the grid, for the best directions and panel.
N_REFINED = 4


class Source(Protocol):
    """A model on an instance, or on a guess of one."""

    @property
    def dim(self) -> int:
        """Parameters d."""

    @property
    def horizon(self) -> int:
        """Steps H."""

    @property
    def start_error(self) -> float:
        """|grad V|^2 at the start, or its guess; nan if it is not known."""

    @property
    def moves(self) -> Sequence[float]:
        """Root mean square moves of a coordinate that are tried first."""

    @property
    def panels(self) -> Sequence[Panel]:
        """Panels that are tried."""

    def sizes(self, limits: Limits) -> tuple[int | None, ...]:
        """Block sizes that are tried."""

    def candidates(self, block_size: int | None, radius: float, panels: Sequence[Panel]) -> list[Candidate]:
        """Candidates of one radius, at most one per panel."""


@dataclass(frozen=True, eq=False)
class ExactSource:
    """The exact model on an instance."""

    instance: Instance
    limits: Limits
    seed: int = 0
    moves: Sequence[float] = field(default=MOVES, init=False)

    @property
    def dim(self) -> int:
        """Parameters d."""
        return self.instance.policy.dim

    @property
    def horizon(self) -> int:
        """Steps H."""
        return self.instance.mdp.horizon

    @cached_property
    def start_error(self) -> float:
        """|grad V|^2 at the start."""
        return start_error(self.instance)

    @cached_property
    def panels(self) -> Sequence[Panel]:
        """Panels that can be read here."""
        return usable_panels(self.instance, self.limits)

    def sizes(self, limits: Limits) -> tuple[int | None, ...]:
        """Block sizes that are tried."""
        return limits.sizes(self.dim)

    def candidates(self, block_size: int | None, radius: float, panels: Sequence[Panel]) -> list[Candidate]:
        """Candidates of one radius, one per panel; none if the drift leads nowhere."""
        return exact_candidates(self.instance, block_size, radius, panels, self.limits.iterations, self.seed)


def start_error(instance: Instance) -> float:
    """|grad V|^2 at the start of an instance."""
    from theory.values import policy_gradient

    return float((policy_gradient(instance.mdp, instance.policy, instance.start) ** 2).sum())


def grid(source: Source, limits: Limits) -> list[Candidate]:
    """Candidates on the grid of directions, radii and panels."""
    return [
        each
        for size in source.sizes(limits)
        for move in source.moves
        for each in source.candidates(size, radius_of(size, source.dim, move), source.panels)
    ]


def refined(source: Source, best: Candidate, budget: float, prices: Prices, limits: Limits) -> list[Candidate]:
    """More radii about that of the best candidate of the grid, with its directions and all panels."""
    found: list[Candidate] = []

    def error(log_radius: float) -> float:
        made = source.candidates(best.block_size, math.exp(log_radius), source.panels)
        found.extend(made)
        return min((rough_error(each, budget, prices, limits) for each in made), default=math.inf)

    ratio = math.log(source.moves[1] / source.moves[0]) if len(source.moves) > 1 else 1.0
    middle = math.log(best.radius)
    # An infinite error would stop the search with a warning; the largest number does not.
    minimize_scalar(
        lambda x: min(error(x), float(np.finfo(np.float64).max) ** 0.25),
        bounds=(middle - ratio, middle + ratio),
        method="bounded",
        options={"maxiter": N_REFINED},
    )
    return found
