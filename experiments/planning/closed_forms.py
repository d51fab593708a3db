"""Models in closed form: the certificate, its sharpened version, and what a few guesses about an instance tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from experiments.catalogue.instance import Instance
from experiments.planning.candidates import Candidate
from experiments.planning.closed_models import BoundModel, GuessModel, PanelFigures
from experiments.planning.guess import Guess
from experiments.planning.settings import Limits, Panel, panels, usable_panels
from experiments.rates.smoothness import estimate_smoothness
from theory import Link, optimal_value, policy_value, smoothness_bound
from theory.errors import InputError
from theory.return_law import difference_law, return_distribution
from theory.vote_tables import VoteTable

# Moves of a coordinate from which radii are tried: bounds ask for small ones.
BOUND_MOVES = tuple(np.geomspace(1e-4, 3.0, 36).tolist())


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
