"""What a feedback must do: estimate differences of values, and know the moments of its estimates."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.random import default_rng

from estimators import Streams
from estimators.moments import DifferenceMoments
from experiments.catalogue.required.outcome import CheckOutcome, judged, members, run_checks, shape_outcome
from experiments.catalogue.required.problems import SmallProblem, first_accepted
from theory import policy_value
from theory.arrays import FloatArray


def feedback_outcomes(feedback: Any) -> Iterator[CheckOutcome]:
    """Check a feedback on pairs of policies."""
    yield from run_checks((_feedback_members, _feedback_costs, _difference, _difference_moments), feedback, gates=3)


def _feedback_members(feedback: Any) -> Iterator[CheckOutcome]:
    yield members(feedback, ("n_pairs", "n_queries", "batch_size"), ("difference", "moments", "expected_votes"))


def _feedback_costs(feedback: Any) -> Iterator[CheckOutcome]:
    yield costs_outcome(feedback, ("n_pairs", "n_queries"))


def _difference(feedback: Any) -> Iterator[CheckOutcome]:
    def draw(batch: tuple[int, ...], problem: SmallProblem) -> Any:
        first, second = ends(problem, batch)
        return feedback.difference(problem.mdp, problem.policy, first, second, Streams.of(default_rng(5)))

    for batch in batches(feedback):
        _, drawn = first_accepted(partial(draw, batch))
        outcome = shape_outcome("difference", "differences", batch, drawn)
        if not outcome.passed:
            break
    yield outcome


def _difference_moments(feedback: Any) -> Iterator[CheckOutcome]:
    batch = batches(feedback)[-1]

    def moments(problem: SmallProblem) -> Any:
        return feedback.moments(problem.mdp, problem.policy, *ends(problem, batch))

    try:
        problem, found = first_accepted(moments)
    except NotImplementedError:
        yield no_moments()
        return
    core = {field.name: batch for field in dataclasses.fields(DifferenceMoments)}
    outcome = moments_outcome(found, core, ("variance_trajectory", "variance_query"))
    yield outcome
    if not outcome.passed:
        return
    first, second = policy_value(problem.mdp, problem.policy, np.stack(ends(problem, batch)))
    error = float(np.abs(found.exact - (first - second)).max())
    required = "have moments whose exact is V(first) - V(second)"
    came = f"one that is {error:.3g} off"
    remedy = "subtract the values of the two policies"
    yield judged("exact difference", error <= 1e-9 * problem.mdp.horizon, required, came, remedy, error)


def ends(problem: SmallProblem, batch: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Two policies to be compared, each (batch..., dim)."""
    both = problem.thetas((2, *batch))
    return both[0].copy(), both[1].copy()


def batches(component: Any) -> list[tuple[int, ...]]:
    """Batches of parameters to try: none and two axes, or the one batch that the component's own settings have."""
    shapes = [np.shape(getattr(component, name, 0.0)) for name in ("n_pairs", "n_trajectories", "n_votes", "radius")]
    own = np.broadcast_shapes(*shapes)
    return [own] if own else [(), (2, 3)]


def costs_outcome(component: Any, names: tuple[str, ...]) -> CheckOutcome:
    """Outcome on numbers of trajectories, pairs or votes, which may be infinite or 0."""
    costs = {name: np.asarray(getattr(component, name), dtype=np.float64) for name in names}
    wrong = {name: cost for name, cost in costs.items() if not (cost >= 0).all()}
    came = ", ".join(f"{name} = {cost}" for name, cost in (wrong or costs).items())
    remedy = "say what one iteration costs; 0 for what is not asked"
    return judged("costs", not wrong, f"have {' and '.join(names)} of at least 0", " ".join(came.split()), remedy)


def moments_outcome(found: Any, shapes: dict[str, tuple[int, ...]], variances: tuple[str, ...]) -> CheckOutcome:
    """Outcome on the fields of moments, their shapes and signs."""
    missing = [name for name in shapes if not hasattr(found, name)]
    if missing:
        came = f"{type(found).__name__} without {', '.join(missing)}"
        return judged("moments", False, "give moments with all fields", came, "return that class of estimators.moments")
    for name, shape in shapes.items():
        outcome = shape_outcome("moments", f"numbers of the name {name}", shape, getattr(found, name))
        if not outcome.passed:
            return outcome
    least = min(float(np.min(getattr(found, name))) for name in variances)
    scale = max(float(np.max(np.abs(getattr(found, name)))) for name in variances)
    came = f"a least one of {least:.3g}"
    return judged("moments", least >= -1e-9 * scale, "give variances of at least 0", came, "subtract no more", least)


def no_moments() -> CheckOutcome:
    """Outcome for who says that the moments are not known."""
    came = "NotImplementedError: they are not known, and nothing that needs them is judged"
    return judged("moments", True, "give moments, or raise NotImplementedError", came, "")
