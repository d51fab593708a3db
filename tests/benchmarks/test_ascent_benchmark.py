"""What a run and an iteration cost. Times are printed, never asserted: `make bench`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from threadpoolctl import threadpool_limits

from estimators import Streams, ascend, zpg
from theory import CircularPolicy, Logistic, TabularMDP, garnet
from theory.arrays import FloatArray

MDP = garnet(5, 3, 3, 5, np.random.default_rng(57))
POLICY = CircularPolicy(5, 3, 1.0)
LINK = Logistic(2.5)
RADIUS, STEP = 0.3, 0.2
RUNS, ITERATIONS = 256, 20
PAIRS, VOTES = 1000, 100


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threadpool_limits(limits=1):
        yield


def interleaved(benchmark: Any, title: str, cases: Mapping[str, tuple[Callable[[], object], int]], rounds: int) -> None:
    """Time the cases in turn, round after round, and print microseconds a run and iteration, and ratios to the last.

    Each case is a function and the number of (run, iteration) it makes. Interleaved rounds share the machine's moods.
    """
    seconds: dict[str, list[float]] = {name: [] for name in cases}

    def one_round() -> None:
        for name, (function, _) in cases.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)

    benchmark.pedantic(one_round, rounds=rounds, warmup_rounds=1)
    micro = {name: 1e6 * np.array(seconds[name][1:]) / count for name, (_, count) in cases.items()}
    reference = list(micro.values())[-1]
    print(f"\n{title}")
    print(f"{'':<44}{'minimum':>12}{'median':>12}{'ratio of min':>14}{'of median':>11}")
    for name, times in micro.items():
        low, middle = float(times.min()), float(np.median(times))
        ratios = (low / float(reference.min()), middle / float(np.median(reference)))
        print(f"{name:<44}{low:>9.2f} us{middle:>9.2f} us{ratios[0]:>14.2f}{ratios[1]:>11.2f}")
        benchmark.extra_info[name] = {"minimum_us": low, "median_us": middle}


def batched(n_pairs: float) -> Callable[[], object]:
    """256 runs at once, exact value and gradient of every iterate included."""
    estimator = zpg(radius=RADIUS, n_pairs=n_pairs, n_queries=VOTES, link=LINK)
    theta = np.zeros((RUNS, POLICY.dim))
    return lambda: ascend(MDP, POLICY, estimator, theta, ITERATIONS, STEP, np.random.default_rng(0))


def literal() -> None:
    """One run as the algorithm is written: roll out, ask, invert, step. No value, no gradient is recorded."""
    rng = np.random.default_rng(0)
    trim = 0.5 / (1 + math.exp(MDP.horizon / LINK.scale))
    theta = np.zeros(MDP.n_states)
    for _ in range(ITERATIONS):
        v = rng.standard_normal(theta.size)
        v /= np.linalg.norm(v)
        gap = rollout(MDP, theta + RADIUS * v, rng) - rollout(MDP, theta, rng)
        votes = rng.binomial(VOTES, 1 / (1 + np.exp(-gap / LINK.scale)))
        p = np.clip(votes / VOTES, trim, 1 - trim)
        difference = (LINK.scale * np.log(p / (1 - p))).mean()
        theta = theta + STEP * theta.size / RADIUS * difference * v


def rollout(mdp: TabularMDP, theta: FloatArray, rng: Generator) -> FloatArray:
    """Returns of 1000 trajectories, one step at a time for all of them."""
    logits = np.cos(theta[:, None] - 2 * np.pi * np.arange(mdp.n_actions) / mdp.n_actions)
    odds = np.exp(logits)
    choices = np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)
    outcomes = np.cumsum(mdp.probabilities[0], axis=-1)
    state = rng.choice(mdp.n_states, size=PAIRS, p=mdp.initial)
    total = np.zeros(PAIRS)
    for _ in range(mdp.horizon):
        action = (rng.random(PAIRS)[:, None] > choices[state, :-1]).sum(axis=1)
        outcome = (rng.random(PAIRS)[:, None] > outcomes[state, action, :-1]).sum(axis=1)
        total += mdp.rewards[0, state, action, outcome]
        state = mdp.next_states[0, state, action, outcome]
    return total


def test_ascent_beside_a_literal_transcription(benchmark: Any) -> None:
    work = RUNS * ITERATIONS
    interleaved(
        benchmark,
        "S = 5, A = 3, H = 5; a run and iteration. Ratio: to the batched ascent with N = 1000",
        {
            "literal, one run, N = 1000, M = 100": (literal, ITERATIONS),
            "batched, 256 runs, N = inf, M = 100": (batched(math.inf), work),
            "batched, 256 runs, N = 1000, M = 100": (batched(PAIRS), work),
        },
        rounds=15,
    )


def test_cost_of_the_law_sampler_does_not_grow_with_the_pairs(benchmark: Any) -> None:
    theta = np.random.default_rng(1).normal(size=(RUNS, POLICY.dim))

    def estimates(n_pairs: int) -> Callable[[], object]:
        estimator = zpg(radius=RADIUS, n_pairs=n_pairs, n_queries=VOTES, link=LINK)
        streams = Streams.of(np.random.default_rng(0))

        def run() -> None:
            for _ in range(ITERATIONS):
                estimator.estimate(MDP, POLICY, theta, streams)

        return run

    interleaved(
        benchmark,
        "law sampler, one estimate of one of 256 runs. Ratio: to N = 1000",
        {"N = 10^9": (estimates(10**9), RUNS * ITERATIONS), "N = 10^3": (estimates(10**3), RUNS * ITERATIONS)},
        rounds=25,
    )
