"""The full contract of a law of directions: E[v v'] = I / d in draws that come from the generator alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import default_rng

from experiments.catalogue.required.directions import dims_of
from experiments.catalogue.required.outcome import CheckOutcome, judged, run_checks
from experiments.contracts.common import pickle_outcome
from experiments.contracts.draws import FALSE_ALARM, N_DRAWS, draw_many, generator_outcomes
from experiments.statistics.concentration import empirical_bernstein
from theory.arrays import FloatArray

FEW = 64


@dataclass(frozen=True, eq=False)
class DrawnDirections:
    """A law of directions and draws from it, (n, dim), for one number of parameters."""

    directions: Any
    seed: int
    dim: int
    sample: FloatArray
    false_alarm: float


def directions_contract(directions: Any, seed: int) -> Iterator[CheckOutcome]:
    """Check a law of directions that has passed the quick checks, for the two smallest numbers of parameters."""
    dims = dims_of(directions)
    for dim in dims:
        sample = draw_many(
            lambda n, rng, dim=dim: directions.sample(dim, (n,), rng),  # type: ignore[misc]  # a lambda in a loop
            default_rng([seed, dim]),
            max(FEW, min(N_DRAWS, 20_000_000 // dim**2)),
        )
        drawn = DrawnDirections(directions, seed, dim, sample, FALSE_ALARM / (3 * len(dims)))
        for outcome in run_checks((_second_moment, _rank, _independent), drawn, gates=0):
            yield replace(outcome, name=f"{dim} parameters: {outcome.name}")
    yield from run_checks((_generators, _pickles), drawn, gates=0)


def _second_moment(drawn: DrawnDirections) -> Iterator[CheckOutcome]:
    """Entry by entry; v_i v_j of a unit vector lies in an interval of length 1."""
    dim, sample = drawn.dim, drawn.sample
    false_alarm = drawn.false_alarm / (dim * (dim + 1) / 2)
    worst, at, allowed_there, found_there = -np.inf, (0, 0), 0.0, 0.0
    for i in range(dim):
        products = sample[:, i, None] * sample[:, i:]
        allowed = empirical_bernstein(products, 1.0, false_alarm)
        found = products.mean(axis=0)
        excess = np.abs(found - np.eye(1, dim - i)[0] / dim) - allowed
        j = int(np.argmax(excess))
        if excess[j] > worst:
            worst, at, allowed_there, found_there = float(excess[j]), (i, i + j), float(allowed[j]), float(found[j])
    required = f"have E[v v'] = I / {dim}"
    stated = 1 / dim if at[0] == at[1] else 0.0
    came = (
        f"{found_there:.5g} for entry {at} over {len(sample):,} draws, where {stated:.5g} is required and an error of "
        f"{allowed_there:.2g} granted"
    )
    remedy = "make every direction equally likely"
    yield judged("second moment", worst <= 0, required, came, remedy, abs(found_there - stated))


def _rank(drawn: DrawnDirections) -> Iterator[CheckOutcome]:
    rank = int(np.linalg.matrix_rank(drawn.sample.T @ drawn.sample))
    required = f"reach all {drawn.dim} dimensions"
    yield judged("rank", rank == drawn.dim, required, f"rank {rank}", "perturb every parameter", rank)


def _independent(drawn: DrawnDirections) -> Iterator[CheckOutcome]:
    """Inner products of neighbours and of rows far apart have one mean: that of independent directions."""
    n = len(drawn.sample) // 3 * 3
    rows, near, far = (drawn.sample[k:n:3] for k in range(3))
    gaps = np.einsum("nd,nd->n", rows, near) - np.einsum("nd,nd->n", rows, np.roll(far, len(far) // 2, axis=0))
    allowed = float(empirical_bernstein(gaps, 4.0, drawn.false_alarm))
    gap = float(gaps.mean())
    came = f"inner products of neighbours that differ by {gap:.3g} from those of others, where {allowed:.2g} is granted"
    remedy = "draw anew for every row of a batch"
    yield judged("independent", abs(gap) <= allowed, "draw directions independently", came, remedy, abs(gap))


def _generators(drawn: DrawnDirections) -> Iterator[CheckOutcome]:
    yield from generator_outcomes(lambda rng: drawn.directions.sample(drawn.dim, (FEW,), rng), drawn.seed)


def _pickles(drawn: DrawnDirections) -> Iterator[CheckOutcome]:
    yield pickle_outcome(drawn.directions, lambda one: one.sample(drawn.dim, (FEW,), default_rng(drawn.seed)))
