"""The full contract of a method: it builds for every number of parameters from its least on, always the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.catalogue.required.estimator import kind_of_built
from experiments.catalogue.required.method import build_and_run, knob_of, oracle, run_built, settings_of
from experiments.catalogue.required.outcome import CheckOutcome, judged, of_part, quoted, run_checks
from experiments.catalogue.required.problems import circular_garnet
from experiments.contracts.estimators import estimator_contract
from experiments.contracts.learners import learner_contract

DIMS = (1, 2, 3, 4, 5, 8, 13)


@dataclass(frozen=True, eq=False)
class BuiltMethod:
    """A method, the numbers of parameters tried, and what it said where it did not build."""

    method: Any
    seed: int
    refusals: dict[int, str]

    @property
    def dims(self) -> list[int]:
        """Numbers of parameters for which it builds and runs."""
        return [dim for dim in DIMS if dim not in self.refusals]


def method_contract(method: Any, seed: int) -> Iterator[CheckOutcome]:
    """Check a method that has passed the quick checks, and what it builds with the first setting."""
    refusals = {}
    for dim in DIMS:
        try:
            build_and_run(method, circular_garnet(dim))
        except Exception as error:
            refusals[dim] = quoted(error)
    built = BuiltMethod(method, seed, refusals)
    found = list(run_checks((_dims, _settings, _built_twice), built))
    yield from found
    if not found[0].passed:
        return
    problem = circular_garnet(built.dims[0])
    one = method.build(problem.policy.dim, oracle(problem), knob_of(method, problem))
    kind = kind_of_built(one)
    yield from of_part(kind, (learner_contract if kind == "learner" else estimator_contract)(one, seed))


def _dims(built: BuiltMethod) -> Iterator[CheckOutcome]:
    """It may need several parameters, but then runs with more."""
    least = built.dims[0] if built.dims else DIMS[-1]
    above = [dim for dim in built.refusals if dim > least]
    told = getattr(built.method, "least_dim", least)
    required = "build and run for every number of parameters from its least_dim on"
    if not built.dims or above:
        dim = above[0] if above else DIMS[-1]
        yield judged("dims", False, required, f"{built.refusals[dim]} for {dim}", "mend build()")
        return
    came = f"{least} as the least of those tried" + ("" if told <= least else f" and least_dim = {told}")
    below = [dim for dim in built.refusals if dim >= told]
    came += f", but for {below[0]} {built.refusals[below[0]]}" if below else ""
    yield judged("dims", not below, required, came, "state a larger least_dim", least)


def _settings(built: BuiltMethod) -> Iterator[CheckOutcome]:
    """Positive for other numbers of parameters as well."""
    knob, wrong = built.method.knob, ""
    for dim in built.dims:
        for step, value in settings_of(built.method, circular_garnet(dim)):
            if not (0 < step < np.inf and (not knob or 0 < value < np.inf)):
                wrong = f"step size {step:.6g} and knob {value:.6g} for {dim} parameters"
    required = "have positive, finite settings for every number of parameters"
    yield judged("settings of all sizes", not wrong, required, wrong or "such", "mend its grid")


def _built_twice(built: BuiltMethod) -> Iterator[CheckOutcome]:
    problem = circular_garnet(built.dims[-1])
    knob = knob_of(built.method, problem)
    ones = [built.method.build(problem.policy.dim, oracle(problem), knob) for _ in range(2)]
    drawn = [np.asarray(run_built(one, problem, (2, 3))).tobytes() for one in ones]
    required, remedy = "build the same twice", "keep no state in build(), and draw nothing there"
    yield judged(
        "built twice", drawn[0] == drawn[1], required, "the same" if drawn[0] == drawn[1] else "others", remedy
    )
