"""The full contract of a feedback: both of its samplers have the moments that it states."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator, default_rng

from estimators import Streams
from estimators.moments import DifferenceMoments
from experiments.catalogue.required.feedback import batches, ends
from experiments.catalogue.required.outcome import CheckOutcome, judged, run_checks
from experiments.catalogue.required.problems import SmallProblem, first_accepted
from experiments.contracts.common import pickle_outcome, unchanged_outcome
from experiments.contracts.draws import (
    FALSE_ALARM,
    draw_many,
    generator_outcomes,
    independence_outcome,
    mean_outcome,
    one_law_outcome,
    rows_to_compare,
)
from theory import InputError
from theory.arrays import FloatArray

SAMPLERS = ("law", "rollout")
# At the common rate: mean, variance and independence of each sampler, and one law of both.
N_COMPARISONS = 7


@dataclass(frozen=True, eq=False)
class DrawnFeedback:
    """A feedback on one pair of policies of a problem that it accepts."""

    feedback: Any
    seed: int
    problem: SmallProblem

    @cached_property
    def own(self) -> tuple[int, ...]:
        """Batch that its settings have."""
        return batches(self.feedback)[0]

    @cached_property
    def pair(self) -> tuple[FloatArray, FloatArray]:
        """The two policies, each (1, ..., 1, dim)."""
        first, second = ends(self.problem, ())
        return first.reshape(*(1,) * len(self.own), -1), second.reshape(*(1,) * len(self.own), -1)

    @cached_property
    def moments(self) -> DifferenceMoments | None:
        """What it states, arrays with its own batch; None if it does not know."""
        both = (np.broadcast_to(end, (*self.own, end.shape[-1])).copy() for end in self.pair)
        try:
            found: DifferenceMoments = self.feedback.moments(self.problem.mdp, self.problem.policy, *both)
        except NotImplementedError:
            return None
        return found

    @property
    def variance(self) -> FloatArray | None:
        """Variance that it states."""
        return None if self.moments is None else self.moments.variance_trajectory + self.moments.variance_query

    @property
    def varies(self) -> bool:
        """Whether it says that anything is random; it does not know, if it states nothing."""
        return self.variance is None or bool((self.variance > 0).any())

    def draw(self, feedback: Any, n: int, rng: Generator) -> FloatArray:
        """Rows of differences, (n, *own)."""
        # Where runs have settings of their own, a last axis of length 1 is free for draws, else a new first one.
        free = bool(self.own) and self.own[-1] == 1
        batch = (*self.own[:-1], n) if free else (n, *self.own)
        both = (np.broadcast_to(end, (*batch, end.shape[-1])).copy() for end in self.pair)
        drawn = feedback.difference(self.problem.mdp, self.problem.policy, *both, Streams.of(rng))
        return np.moveaxis(np.asarray(drawn), -1, 0)[..., None] if free else np.asarray(drawn)

    @cached_property
    def samplers(self) -> dict[str, Any]:
        """The feedback by its ways of drawing: both, where it has a field for them that can be replaced."""
        own = getattr(self.feedback, "sampler", None)
        found = {"" if own not in SAMPLERS else own: self.feedback}
        if own in SAMPLERS and dataclasses.is_dataclass(self.feedback):
            other = SAMPLERS[1 - SAMPLERS.index(own)]
            with suppress(InputError):  # infinitely many pairs, for instance, cannot be simulated
                found[other] = dataclasses.replace(self.feedback, sampler=other)  # type: ignore[type-var]
        return found

    @cached_property
    def samples(self) -> dict[str, FloatArray]:
        """Draws by sampler, (n, *own)."""
        return {
            name: draw_many(lambda n, rng, one=one: self.draw(one, n, rng), default_rng([self.seed, k]))  # type: ignore[misc]
            for k, (name, one) in enumerate(self.samplers.items())
        }


def feedback_contract(feedback: Any, seed: int) -> Iterator[CheckOutcome]:
    """Check a feedback that has passed the quick checks.

    The draws fail a sound one at a rate of at most 1e-6 over all checks, if none lies further out than twice the range
    of those seen.
    """

    def usable(problem: SmallProblem) -> DrawnFeedback:
        drawn = DrawnFeedback(feedback, seed, problem)
        drawn.draw(feedback, 2, default_rng(0))
        return drawn

    _, drawn = first_accepted(usable)
    yield from run_checks(CHECKS, drawn, gates=0)


def _moments(drawn: DrawnFeedback) -> Iterator[CheckOutcome]:
    """Means, squared deviations and independence of the draws of each sampler."""
    if drawn.moments is None or drawn.variance is None:
        return
    rate = FALSE_ALARM / N_COMPARISONS
    for sampler, sample in drawn.samples.items():
        prefix = f"{sampler} sampler: " if sampler else ""
        whose = f"with the {sampler} sampler " if sampler else ""
        required = f"{whose}draw with the mean of its moments".strip()
        yield mean_outcome(f"{prefix}mean", required, sample, drawn.moments.mean, rate)
        centred = sample - drawn.moments.mean
        required = f"{whose}draw with the variance of its moments".strip()
        square = float(np.abs(sample).max()) ** 2
        yield mean_outcome(f"{prefix}variance", required, centred**2, drawn.variance, rate, size=square)
        yield independence_outcome(f"{prefix}independent", centred.reshape(len(centred), -1), rate, square)


def _one_law(drawn: DrawnFeedback) -> Iterator[CheckOutcome]:
    if len(drawn.samples) == 2:
        yield one_law_outcome("one law", drawn.samples["law"], drawn.samples["rollout"], FALSE_ALARM / N_COMPARISONS)


def _generators(drawn: DrawnFeedback) -> Iterator[CheckOutcome]:
    rows = rows_to_compare(next(iter(drawn.samples.values())))
    for sampler, one in drawn.samplers.items():

        def draw(rng: Generator, one: Any = one) -> FloatArray:
            return drawn.draw(one, rows, rng)

        for outcome in generator_outcomes(draw, drawn.seed, varies=drawn.varies):
            prefix = f"{sampler} sampler: " if sampler else ""
            yield dataclasses.replace(outcome, name=f"{prefix}{outcome.name}")


def _rows_of_moments(drawn: DrawnFeedback) -> Iterator[CheckOutcome]:
    """Moments of a batch are those of its rows."""
    if drawn.moments is None or drawn.own:
        return
    mdp, policy = drawn.problem.mdp, drawn.problem.policy
    first, second = ends(drawn.problem, (3,))
    batch = drawn.feedback.moments(mdp, policy, first, second)
    error = 0.0
    for k in range(3):
        alone = drawn.feedback.moments(mdp, policy, first[k], second[k])
        gaps = [getattr(batch, field.name)[k] - getattr(alone, field.name) for field in dataclasses.fields(alone)]
        error = max(error, float(np.abs(gaps).max()))
    came = f"differences up to {error:.3g}"
    required = "state for a row of a batch what it states for that pair alone"
    yield judged("rows of moments", error <= 1e-9, required, came, "let nothing be shared over leading axes", error)


def _arguments_unchanged(drawn: DrawnFeedback) -> Iterator[CheckOutcome]:
    def draw(first: FloatArray, second: FloatArray) -> None:
        mdp, policy = drawn.problem.mdp, drawn.problem.policy
        drawn.feedback.difference(mdp, policy, first, second, Streams.of(default_rng(0)))

    ends_ = (np.broadcast_to(end, (*drawn.own, end.shape[-1])) for end in drawn.pair)
    yield unchanged_outcome(draw, dict(zip(("first", "second"), ends_, strict=True)))


def _pickles(drawn: DrawnFeedback) -> Iterator[CheckOutcome]:
    yield pickle_outcome(drawn.feedback, lambda one: drawn.draw(one, 8, default_rng(drawn.seed)))


CHECKS = (_moments, _one_law, _generators, _rows_of_moments, _arguments_unchanged, _pickles)
