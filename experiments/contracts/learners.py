"""The full contract of a learner: runs depend on their generator and their start alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator, default_rng

from estimators import Streams
from experiments.catalogue.required.estimator import STEP_SIZE, iterate
from experiments.catalogue.required.feedback import batches
from experiments.catalogue.required.outcome import CheckOutcome, judged, run_checks
from experiments.catalogue.required.problems import SmallProblem, first_accepted
from experiments.contracts.common import pickle_outcome
from experiments.contracts.draws import generator_outcomes
from theory.arrays import FloatArray

N_ITERATIONS = 3
RUNS = (8,)


@dataclass(frozen=True, eq=False)
class RunLearner:
    """A learner on a problem that it accepts."""

    learner: Any
    seed: int
    problem: SmallProblem
    batch: tuple[int, ...]

    def run(self, learner: Any, rng: Generator) -> FloatArray:
        """Parameters after a few iterations, (*batch, dim)."""
        return np.asarray(iterate(learner, self.problem, self.batch, rng, N_ITERATIONS))

    @property
    def varies(self) -> bool:
        """Whether it asks for anything random."""
        return bool(np.any(np.asarray(self.learner.n_trajectories) + np.asarray(self.learner.n_votes) > 0))


def learner_contract(learner: Any, seed: int) -> Iterator[CheckOutcome]:
    """Check a learner that has passed the quick checks."""
    batch = batches(learner)[0] or RUNS

    def usable(problem: SmallProblem) -> RunLearner:
        ran = RunLearner(learner, seed, problem, batch)
        ran.run(learner, default_rng(0))
        return ran

    _, ran = first_accepted(usable)
    yield from run_checks(CHECKS, ran, gates=0)


def _generators(ran: RunLearner) -> Iterator[CheckOutcome]:
    yield from generator_outcomes(lambda rng: ran.run(ran.learner, rng), ran.seed, varies=ran.varies)


def _runs_of_their_own(ran: RunLearner) -> Iterator[CheckOutcome]:
    """Runs of a batch that start alike part ways, where anything is random."""
    if not ran.varies or len(np.atleast_1d(np.zeros(ran.batch))) < 2:
        return
    ends = ran.run(ran.learner, default_rng([ran.seed, 4])).reshape(-1, ran.problem.policy.dim)
    n = len(np.unique(ends, axis=0))
    came, remedy = f"{n} different ends of {len(ends)}", "draw anew for every run of a batch"
    yield judged("runs of their own", n > 1, "let the runs of a batch part ways", came, remedy, n)


def _runs_apart(ran: RunLearner) -> Iterator[CheckOutcome]:
    """Two batches of runs, an iteration of one after an iteration of the other, are what they are alone."""
    alone = [ran.run(ran.learner, default_rng([ran.seed, k])) for k in (5, 6)]
    start = np.broadcast_to(ran.problem.start, alone[0].shape)
    updates = [ran.learner.begin(ran.problem.mdp, ran.problem.policy, start.copy()) for _ in alone]
    streams = [Streams.of(default_rng([ran.seed, k])) for k in (5, 6)]
    thetas = [start.copy(), start.copy()]
    for _ in range(N_ITERATIONS):
        for k in range(2):
            thetas[k] = updates[k](thetas[k], np.array([STEP_SIZE]), streams[k])
    same = all(np.array_equal(theta, end) for theta, end in zip(thetas, alone, strict=True))
    required = "keep what runs remember in the update that begin() returns"
    came = "the same" if same else "runs that see one another"
    yield judged("runs apart", same, required, came, "let begin() make all that changes")


def _start_unchanged(ran: RunLearner) -> Iterator[CheckOutcome]:
    """Neither the start nor the parameters handed to an update may be written into."""
    start = np.broadcast_to(ran.problem.start, (*ran.batch, ran.problem.policy.dim)).copy()
    theta, kept = start.copy(), start.copy()
    update = ran.learner.begin(ran.problem.mdp, ran.problem.policy, start)
    update(theta, np.array([STEP_SIZE]), Streams.of(default_rng(ran.seed)))
    changed = [name for name, array in (("start", start), ("theta", theta)) if not np.array_equal(array, kept)]
    came = f"{', '.join(changed)} changed" if changed else "no change"
    remedy = "write theta = theta + step in place of theta += step"
    yield judged("arguments unchanged", not changed, "leave its arguments as they are", came, remedy)


def _pickles(ran: RunLearner) -> Iterator[CheckOutcome]:
    yield pickle_outcome(ran.learner, lambda one: ran.run(one, default_rng(ran.seed)))


CHECKS = (_generators, _runs_of_their_own, _runs_apart, _start_unchanged, _pickles)
