"""A plan for a budget, or for a target: settings, what they come to, and what other ways of spending would come to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from scipy.optimize import brentq

from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.planning.alternatives import front_of, margins_of, other_ways
from experiments.planning.candidates import Candidate
from experiments.planning.closed_forms import certificate_source, guess_source, sharpened_source
from experiments.planning.guess import Guess
from experiments.planning.models import ExactSource, Source, best_plan, grid, least_cost, paper_plan
from experiments.planning.search import Allocation, rough_error
from experiments.planning.settings import Limits, Prices, chosen_terms
from experiments.statistics.shown import Shown
from theory.errors import InputError, require_integer, require_positive

Model = Literal["exact", "sharpened", "certificate"]
MODELS: dict[str, str] = {
    "exact": "exact model: flow of the drift, and a normal law of the noise about it",
    "sharpened": "sharpened bound: the certificate's formula with the L that is found and votes as at the start",
    "certificate": "certificate: a theorem, with L proved and votes at their worst",
    "guess": "closed forms from guesses of the instance",
}
# Parameters up to which the exact model is worked out: its time grows like their cube.
LARGEST_DIM = 128
# The largest budget that a target may need.
LARGEST_BUDGET = 1e15
# A plan whose error is at least this share of |grad V|^2 at the start does not pay.
NO_GAIN = 0.9
# Rounds in which the budget for a target is corrected, and what is close enough: a share of the target, and a
# difference of logarithms of budgets.
ROUNDS, CLOSE, CLOSE_BUDGETS = 10, 0.93, 0.05


@dataclass(frozen=True, eq=False, repr=False)
class Plan(Shown):
    """A plan, and what other ways of spending would come to.

    Attributes
    ----------
    best : Allocation
        The plan.
    model : str
        The model that was used, in words.
    start_error : float
        |grad V|^2 at the start; nan if it is not known.
    front : DataFrame
        Pareto front of expected cost against predicted error, with the settings.
    others : DataFrame
        The plan, the best plans with other ways of asking, and the schedule of the paper, at the same cost.
    margins : DataFrame
        What one more rater, pair or iteration buys, and a tenth more budget.
    notes : tuple of str
        What a reader should know.
    """

    best: Allocation
    model: str
    start_error: float
    front: pd.DataFrame
    others: pd.DataFrame
    margins: pd.DataFrame
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        best, how = self.best, self.best.candidate
        return (
            f"Plan({how.method}, {how.panel.name}: N = {best.n_pairs}, T = {best.n_iterations}, "
            f"radius {how.radius:.3g}, step {best.step_size:.3g}, cost {best.cost:g}, error {self.error:.3g})"
        )

    def to_frame(self) -> pd.DataFrame:
        """The plan, and other ways of asking at the same cost."""
        return self.others

    @property
    def error(self) -> float:
        """Predicted (1/T) sum_t E|grad V(theta_t)|^2, or its bound."""
        return self.best.error

    @property
    def summary(self) -> pd.DataFrame:
        """The plan and the parts of its error in one row."""
        return pd.DataFrame([{**self.best.settings, **self.best.parts.as_dict(), "start": self.start_error}])


def plan_budget(
    instance: str | Instance | Guess,
    *,
    budget: float | None = None,
    target: float | None = None,
    prices: Prices | None = None,
    limits: Limits | None = None,
    model: Model = "exact",
    seed: int = 0,
) -> Plan:
    """How to spend a budget on trajectories and votes, or the least budget that reaches a target.

    Parameters
    ----------
    instance : str, Instance or Guess
        What is guessed of an instance allows closed forms alone, whatever the model.
    budget : float, optional
        Largest expected cost.
    target : float, optional
        Largest (1/T) sum_t E|grad V(theta_t)|^2. Either this or a budget must be given.
    prices : Prices, optional
        By default a trajectory and a vote cost 1 each.
    limits : Limits, optional
    model : {"exact", "sharpened", "certificate"}
        What is minimised: a prediction, the same with a bound's formula, or a theorem.
    seed : int
        Of directions that cannot be enumerated.

    Raises
    ------
    InputError
        If not one of budget and target is given, the budget does not pay for one pair, the target cannot be reached
        under the limits, or the model does not apply.
    """
    prices, limits = chosen_terms(prices, limits, Limits())
    require_integer("seed", seed, 0)
    _check_request(budget, target, model)
    source, words = _source(instance, limits, model, seed)
    candidates = grid(source, limits)
    if not candidates:
        raise InputError("instance must have a drift that comes to rest for some radius, got none; change its start")
    if target is not None:
        best = _cheapest(source, candidates, target, prices, limits)
        budget = best.cost
    else:
        assert budget is not None
        best = best_plan(source, candidates, budget, prices, limits)
    # The radius of the plan for all ways of asking: it is finer than the grid.
    chosen = best.candidate
    panels = [each for each in source.panels if each.name != chosen.panel.name]
    candidates = [*candidates, chosen, *source.candidates(chosen.block_size, chosen.radius, panels)]
    front = front_of(candidates, best, budget, prices, limits)
    paper = paper_plan(source, source.link, budget, prices, limits)
    others = other_ways(candidates, best, paper, budget, prices, limits)
    margins = margins_of(source, candidates, best, budget, prices, limits)
    return Plan(best, words, source.start_error, front, others, margins, _notes(source, best, budget, limits))


def _check_request(budget: float | None, target: float | None, model: str) -> None:
    if (budget is None) == (target is None):
        raise InputError(f"budget or target must be given, and not both, got budget {budget} and target {target}")
    for name, value in (("budget", budget), ("target", target)):
        if value is not None:
            require_positive(name, value)
    if budget is not None and budget > LARGEST_BUDGET:
        raise InputError(f"budget must be at most {LARGEST_BUDGET:g}, got {budget:g}; state costs in larger units")
    if model not in ("exact", "sharpened", "certificate"):
        raise InputError(f"model must be exact, sharpened or certificate, got {model!r}")


def _source(instance: str | Instance | Guess, limits: Limits, model: Model, seed: int) -> tuple[Source, str]:
    if isinstance(instance, Guess):
        return guess_source(instance, limits), MODELS["guess"]
    found = find("instance", instance)
    if model == "exact" and found.policy.dim > LARGEST_DIM:
        raise InputError(
            f"instance {found.name} must have at most {LARGEST_DIM} parameters for the exact model, got "
            f"{found.policy.dim}; take the model sharpened or certificate"
        )
    if model == "exact":
        return ExactSource(found, limits, seed), MODELS[model]
    made = certificate_source(found, limits) if model == "certificate" else sharpened_source(found, limits, seed)
    return made, MODELS[model]


def _cheapest(
    source: Source, candidates: Sequence[Candidate], target: float, prices: Prices, limits: Limits
) -> Allocation:
    """The plan of least cost that reaches a target, to about a tenth of the target."""

    def rough(log_budget: float) -> float:
        budget = math.exp(log_budget)
        least = min(rough_error(each, budget, prices, limits) for each in candidates)
        return math.log(max(least, 1e-300) / target) if math.isfinite(least) else 1.0

    low, high = math.log(least_cost(candidates, prices) * (1 + 1e-6)), math.log(LARGEST_BUDGET)
    if rough(high) > 0:
        least = math.exp(rough(high)) * target
        raise InputError(
            f"target must be at least about {least:.3g}, which is what is left under these limits however much is "
            f"spent, got {target:g}; allow more iterations, pairs or votes"
        )
    start = low if rough(low) <= 0 else float(brentq(rough, low, high, xtol=0.02))
    found: list[Allocation] = []
    # Budgets that do not reach the target and that do.
    below, above = low, high
    for _ in range(ROUNDS):
        made = best_plan(source, candidates, math.exp(start), prices, limits)
        found.append(made)
        if CLOSE * target <= made.error <= target or (made.error <= target and start <= low):
            break
        below, above = (below, start) if made.error <= target else (start, above)
        if above - below < CLOSE_BUDGETS:
            break
        # Noise falls like 1 / budget, and half of the error is transient: the error like its square root.
        start += 2 * math.log(made.error / (0.97 * target)) if math.isfinite(made.error) else 1.0
        # Where the error jumps this overshoots.
        if not below < start < above:
            start = (below + above) / 2
    reached = [each for each in found if each.error <= target]
    if not reached:
        raise InputError(
            f"target must be one that a plan is found for, got {target:g}; the best of the plans tried costs "
            f"{found[-1].cost:.3g} and comes to {min(each.error for each in found):.3g}"
        )
    return min(reached, key=lambda each: each.cost)


def _notes(source: Source, best: Allocation, budget: float, limits: Limits) -> tuple[str, ...]:
    notes = []
    if best.error >= NO_GAIN * source.start_error:
        notes.append(
            f"|grad V|^2 is {source.start_error:.3g} at the start, and no plan for {budget:g} brings its mean much "
            "below that: this budget is not worth spending, or a run must climb through larger gradients first"
        )
    if best.n_iterations == limits.iterations:
        notes.append(f"the limit of {limits.iterations:,} iterations binds")
    if best.cost < 0.5 * budget:
        notes.append(f"the plan spends {best.cost:.3g} of {budget:g}: more pairs would not lower the error")
    return tuple(notes)
