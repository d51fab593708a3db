"""Time and memory against sizes: fitted exponents beside those that the algorithm implies."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimators import ascend, zpg
from theory import (
    Logistic,
    LogLinearSoftmax,
    Policy,
    TabularMDP,
    TabularSoftmax,
    garnet,
    optimal_value,
    return_distribution,
    value_and_gradient,
)

TURNS = 5
SUCCESSORS = 3


@dataclass(frozen=True)
class Sizes:
    """Sizes of one problem: S, A, H, lattice m, replicates, and features d; 0 features stands for one logit a pair."""

    states: int = 1024
    actions: int = 4
    horizon: int = 20
    lattice: int = 1
    replicates: int = 4
    features: int = 0


# What is varied, over which sizes, and the exponents of time and memory that each quantity should have.
Implied = dict[str, tuple[float, float]]
AXES: tuple[tuple[str, Sequence[int], Implied], ...] = (
    ("states", (1024, 2048, 4096, 8192), {"optimum": (1, 1), "gradient": (1, 1), "law": (1, 1), "iteration": (1, 1)}),
    ("actions", (4, 8, 16, 32), {"optimum": (1, 1), "gradient": (1, 1), "law": (1, 1), "iteration": (1, 1)}),
    # The returns that are possible grow with the step, so the law takes H^2; action values of all steps are kept.
    ("horizon", (20, 40, 80, 160), {"optimum": (1, 0), "gradient": (1, 1), "law": (2, 1), "iteration": (2, 1)}),
    ("lattice", (2, 4, 8, 16), {"optimum": (0, 0), "gradient": (0, 0), "law": (1, 1), "iteration": (1, 1)}),
    ("replicates", (16, 32, 64, 128), {"gradient": (1, 1), "law": (1, 1), "iteration": (1, 1)}),
    # The features belong to the policy, so only the time of their product grows.
    ("features", (512, 1024, 2048, 4096), {"gradient": (1, 0)}),
)


def rows() -> Iterator[dict[str, Any]]:
    """One row per size that is varied and quantity: times, peaks of memory, fitted and implied exponents."""
    for axis, sizes, implied in AXES:
        for quantity, (time_implied, memory_implied) in implied.items():
            measured = [_measured(quantity, Sizes(**{axis: size})) for size in sizes]
            seconds, peaks = zip(*measured, strict=True)
            fits = [_exponent(sizes, each) for each in (seconds, peaks)]
            yield {
                "name": f"growth of {quantity} with {axis}",
                "sizes": list(sizes),
                "seconds": list(seconds),
                "peak_bytes": list(peaks),
                "time_exponent": fits[0],
                "time_implied": time_implied,
                "memory_exponent": fits[1],
                "memory_implied": memory_implied,
                "text": f"growth  {quantity} with {axis} {sizes[0]} to {sizes[-1]}: time {fits[0]:.2f} "
                f"(implied {time_implied:g}), {seconds[-1]:.3g} s at the end; memory {fits[1]:.2f} "
                f"(implied {memory_implied:g}), {peaks[-1] / 1e6:.3g} MB",
            }


def _exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def _measured(quantity: str, sizes: Sizes) -> tuple[float, float]:
    """Least CPU seconds of a few, and the peak of memory that arrays take."""
    work = _work(quantity, sizes)
    work()
    times = []
    for _ in range(TURNS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return min(times), float(peak)


def _work(quantity: str, sizes: Sizes) -> Callable[[], object]:
    rng = np.random.default_rng(0)
    mdp = garnet(sizes.states, sizes.actions, SUCCESSORS, sizes.horizon, rng, lattice=sizes.lattice)
    policy = _policy(sizes, rng)
    theta = rng.normal(size=(sizes.replicates, policy.dim))
    if quantity == "optimum":
        return lambda: optimal_value(mdp)
    if quantity == "gradient":
        return lambda: value_and_gradient(mdp, policy, theta)
    if quantity == "law":
        return lambda: return_distribution(mdp, policy, theta)
    return _iteration(mdp, policy, theta)


def _policy(sizes: Sizes, rng: np.random.Generator) -> Policy:
    if sizes.features:
        return LogLinearSoftmax(rng.normal(size=(sizes.states, sizes.actions, sizes.features)))
    return TabularSoftmax(sizes.states, sizes.actions)


def _iteration(mdp: TabularMDP, policy: Policy, theta: np.ndarray) -> Callable[[], object]:
    """One iteration of an ascent, by the exact law of the votes."""
    estimator = zpg(radius=0.3, n_pairs=1000, n_queries=10, link=Logistic(float(mdp.horizon)))
    return lambda: ascend(mdp, policy, estimator, theta, 1, 1e-3, np.random.default_rng(0))
