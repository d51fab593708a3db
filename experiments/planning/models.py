"""The models a plan may minimise, each as a source of candidates by directions and radius."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.optimize import minimize_scalar

from experiments.catalogue.instance import Instance
from experiments.planning.candidates import MOVES, Candidate, exact_candidates, radius_of
from experiments.planning.paper_schedule import paper_settings
from experiments.planning.search import Allocation, allocation, best_allocation, rough_error
from experiments.planning.settings import Limits, Panel, Prices, usable_panels
from theory.errors import InputError
from theory.links import Link
from theory.until_disagreement import UntilDisagreement
from theory.values import policy_gradient
from theory.votes import VoteModel

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
    def link(self) -> Link:
        """Link of the raters."""

    @property
    def start_error(self) -> float:
        """|grad V|^2 at the start; nan if it is not known."""

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

    @property
    def link(self) -> Link:
        """Link of the raters."""
        return self.instance.link

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


def best_plan(
    source: Source, candidates: Sequence[Candidate], budget: float, prices: Prices, limits: Limits
) -> Allocation:
    """The best allocation of a budget: on the grid, then with more radii about the best one.

    Raises
    ------
    InputError
        If the budget does not pay for one pair of trajectories and its votes, or no plan can be judged.
    """
    # A plan must not be worse than the best of a part of the candidates, which a search among all may overlook.
    parts = [candidates, *(among for among in ways_of_asking(candidates).values() if len(among) < len(candidates))]
    found = _least(best_allocation(each, budget, prices, limits) for each in parts)
    if found is None:
        least = least_cost(candidates, prices)
        if budget < least:
            raise InputError(
                f"budget must pay for one pair of trajectories and its votes, which costs {least:g}, got {budget:g}; "
                "raise it, or lower cost_trajectory or cost_vote"
            )
        raise InputError("budget must allow a plan whose noise the model can judge, got none; lower the limits")
    panels = {each.panel.name for each in candidates}
    more = [each for each in refined(source, found.candidate, budget, prices, limits) if each.panel.name in panels]
    paper = paper_plan(source, source.link, budget, prices, limits) if _follows(limits) else None
    best = _least([found, best_allocation(more, budget, prices, limits), paper])
    assert best is not None
    return best


def ways_of_asking(candidates: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    """Candidates by how votes are asked."""
    early = [each for each in candidates if isinstance(each.panel.votes, UntilDisagreement)]
    fixed = [each for each in candidates if isinstance(each.panel.votes, VoteModel)]
    single = [each for each in fixed if each.panel.votes.n_queries == 1]
    return {"until the first disagreement": early, "a fixed number of votes": fixed, "one vote a pair": single}


def _least(found: Iterable[Allocation | None]) -> Allocation | None:
    return min((each for each in found if each is not None), key=lambda each: each.error, default=None)


def _follows(limits: Limits) -> bool:
    """Whether the stated schedule, which is that of ZPG, is among the plans that are allowed."""
    return limits.block_sizes is None or None in limits.block_sizes


def least_cost(candidates: Sequence[Candidate], prices: Prices) -> float:
    """Cost of one pair with the fewest votes."""
    return min((prices.of_pair(float(each.model.votes(1e-300, 1))) for each in candidates), default=math.inf)


def paper_plan(source: Source, link: Link, budget: float, prices: Prices, limits: Limits) -> Allocation | None:
    """The stated schedule at a cost, judged by the same model; None if it cannot be followed, or not be judged."""
    try:
        queries, pairs, iterations, radius, step = paper_settings(source.dim, source.horizon, budget, prices, limits)
        made = source.candidates(None, radius, [Panel(f"M = {queries}", VoteModel(link, queries))])
        return allocation(made[0], step, pairs, iterations, prices) if made else None
    except InputError:  # the step is too large for a certificate, or two votes are not allowed
        return None
