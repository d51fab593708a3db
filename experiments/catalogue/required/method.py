"""What a method must be: a record that builds an estimator or a learner, and the settings it is tuned over."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from estimators import PreferenceFeedback
from experiments.catalogue.required.estimator import built_outcomes, iterate, kind_of_built
from experiments.catalogue.required.outcome import CheckOutcome, judged, members, of_part, run_checks
from experiments.catalogue.required.problems import SmallProblem, first_accepted
from theory import InputError, VoteModel

# Pairs, and votes on each, that methods are built with.
N_PAIRS, N_QUERIES = 12, 3


def method_outcomes(method: Any) -> Iterator[CheckOutcome]:
    """Check a method, and what it builds for a small problem."""
    yield from run_checks((_method_members, _method_names, _settings, _build, _array_of_knobs), method, gates=4)


def _method_members(method: Any) -> Iterator[CheckOutcome]:
    yield members(method, ("name", "title", "knob"), ("build",))


def _method_names(method: Any) -> Iterator[CheckOutcome]:
    texts = {name: getattr(method, name) for name in ("name", "title", "knob")}
    passed = all(isinstance(text, str) for text in texts.values()) and bool(method.name and method.title)
    came = ", ".join(f"{name} = {text!r}" for name, text in texts.items())
    yield judged("names", passed, "have name, title and knob in words", came, "knob is '' where there is none")


def _settings(method: Any) -> Iterator[CheckOutcome]:
    problem, settings = first_accepted(lambda problem: settings_of(method, problem))
    if not settings:
        yield judged("settings", True, "have a grid of settings, or None", "None: it is not tuned", "")
        return
    steps, knobs = np.array(settings, dtype=np.float64).T
    passed = (np.isfinite(steps) & (steps > 0)).all() and (not method.knob or (np.isfinite(knobs) & (knobs > 0)).all())
    wrong = [setting for setting in settings if not (0 < setting[0] < math.inf and (not method.knob or setting[1] > 0))]
    came = f"step size {wrong[0][0]:.6g} and knob {wrong[0][1]:.6g}" if wrong else f"{len(settings)} of them"
    required = f"have a grid of positive, finite settings for {problem.name}"
    yield judged("settings", bool(passed), required, came, "mend its grid", len(settings))


def _build(method: Any) -> Iterator[CheckOutcome]:
    _, built = first_accepted(lambda problem: build_and_run(method, problem))
    what = kind_of_built(built)
    yield judged("build", True, "build an estimator or a learner", f"{what} {type(built).__name__}", "")
    yield from of_part(what, built_outcomes(built))


def _array_of_knobs(method: Any) -> Iterator[CheckOutcome]:
    """Runs with different knobs make one batch: arrays (2, 1) must broadcast against it."""
    if not method.knob:
        return

    def run(problem: SmallProblem) -> Any:
        knobs = np.full((2, 1), knob_of(method, problem))
        built = method.build(problem.policy.dim, oracle(problem), knobs)
        return run_built(built, problem, (2, 3))

    problem, drawn = first_accepted(run)
    came = f"shape {np.shape(drawn)}"
    passed = np.shape(drawn) == (2, 3, problem.policy.dim)
    required = "take an array of knobs (2, 1) for a batch (2, 3)"
    yield judged("array of knobs", passed, required, came, "let the knob broadcast against the batch of theta")


def settings_of(method: Any, problem: SmallProblem) -> list[tuple[float, float]]:
    """Step size and knob of all settings tried first; none for a method without a grid."""
    if getattr(method, "grid", None) is None:
        return []
    found = method.grid(problem)
    return [(float(step), float(knob)) for step, knob in map(found.setting, found.first)]


def knob_of(method: Any, problem: SmallProblem) -> float:
    """Knob of the setting tried first, 1 without a grid, nan where there is none."""
    settings = settings_of(method, problem)
    if not method.knob:
        return math.nan
    return settings[0][1] if settings else 1.0


def oracle(problem: SmallProblem) -> PreferenceFeedback:
    """Preference oracle of a problem: a few pairs, simulated."""
    return PreferenceFeedback(np.asarray(N_PAIRS), "rollout", VoteModel(problem.link, N_QUERIES))


def build_and_run(method: Any, problem: SmallProblem) -> Any:
    """Build a method for a problem and try it there: many a mistake shows only then."""
    built = method.build(problem.policy.dim, oracle(problem), knob_of(method, problem))
    run_built(built, problem, ())
    return built


def run_built(built: Any, problem: SmallProblem, batch: tuple[int, ...]) -> Any:
    """An estimate, or parameters after some iterations, for a batch."""
    rng = np.random.default_rng(9)
    if kind_of_built(built) == "learner":
        return iterate(built, problem, batch, rng)
    thetas = problem.thetas(batch)
    found = built.estimate(problem.mdp, problem.policy, thetas, rng)
    if np.shape(found) != thetas.shape:
        raise InputError(f"estimate must have the shape of theta, {thetas.shape}, got {np.shape(found)}")
    return found
