"""Part a: the batched ascent beside a literal transcription of the algorithm."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.random import Generator
from ratios import Line, Work, beside

from estimators import ascend, zpg
from theory import CircularPolicy, Logistic, TabularMDP, garnet
from theory.arrays import FloatArray

PART = "a"
MDP = garnet(5, 3, 3, 5, np.random.default_rng(57))
POLICY = CircularPolicy(5, 3, 1.0)
LINK = Logistic(2.5)
RADIUS, STEP, VOTES = 0.3, 0.2, 100
RUNS, ITERATIONS = 256, 20
# Microseconds a run and iteration that are asked for with 1000 pairs and 100 votes a pair.
WANTED_MICROSECONDS = 12.0


def lines() -> Iterator[Line]:
    """Time a run and iteration with 10^3 and 10^6 pairs."""
    for pairs, iterations, wanted in ((10**3, ITERATIONS, 100.0), (10**6, 1, 1e5)):
        yield beside(
            PART,
            f"ascent, S = 5, A = 3, H = 5, N = {pairs:.0e}, M = {VOTES}, beside the literal transcription",
            (batched(pairs), RUNS * ITERATIONS),
            (lambda pairs=pairs, iterations=iterations: literal(pairs, iterations), iterations),
            wanted=wanted,
            longest=10.0,
            note="a run and iteration; ours of 256 runs, exact value and gradient of every iterate included",
        )
    yield beside(
        PART,
        "ascent, N = 1e+03, M = 100, beside the draws of its votes alone",
        (batched(10**3), RUNS * ITERATIONS),
        (draws_alone(10**3), RUNS),
        note=f"the share that is numpy's multinomial; wanted: at most {WANTED_MICROSECONDS:g} us a run and iteration",
    )


def batched(n_pairs: float) -> Work:
    """All runs at once."""
    estimator = zpg(radius=RADIUS, n_pairs=n_pairs, n_queries=VOTES, link=LINK)
    theta = np.zeros((RUNS, POLICY.dim))
    return lambda: ascend(MDP, POLICY, estimator, theta, ITERATIONS, STEP, np.random.default_rng(0))


def draws_alone(n_pairs: int) -> Work:
    """The multinomial draws of one iteration of all runs, from laws that are ready."""
    feedback = zpg(radius=RADIUS, n_pairs=n_pairs, n_queries=VOTES, link=LINK).feedback
    rng = np.random.default_rng(1)
    theta = rng.normal(size=(RUNS, POLICY.dim))
    shifted = theta + RADIUS * rng.normal(size=theta.shape) / math.sqrt(POLICY.dim)
    law = feedback.table(MDP).outcome_law(feedback.law(MDP, POLICY, shifted, theta))
    return lambda: rng.multinomial(n_pairs, np.clip(law, 0, 1))


def literal(n_pairs: int, n_iterations: int) -> None:
    """One run as the algorithm is written: roll out, ask, invert, step. No value, no gradient is recorded."""
    rng = np.random.default_rng(0)
    trim = 0.5 / (1 + math.exp(MDP.horizon / LINK.scale))
    theta = np.zeros(MDP.n_states)
    for _ in range(n_iterations):
        v = rng.standard_normal(theta.size)
        v /= np.linalg.norm(v)
        gap = rollout(MDP, theta + RADIUS * v, n_pairs, rng) - rollout(MDP, theta, n_pairs, rng)
        votes = rng.binomial(VOTES, 1 / (1 + np.exp(-gap / LINK.scale)))
        p = np.clip(votes / VOTES, trim, 1 - trim)
        difference = (LINK.scale * np.log(p / (1 - p))).mean()
        theta = theta + STEP * theta.size / RADIUS * difference * v


def rollout(mdp: TabularMDP, theta: FloatArray, n: int, rng: Generator) -> FloatArray:
    """Returns of n trajectories, one step at a time for all of them."""
    logits = np.cos(theta[:, None] - 2 * np.pi * np.arange(mdp.n_actions) / mdp.n_actions)
    odds = np.exp(logits)
    choices = np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)
    outcomes = np.cumsum(mdp.probabilities[0], axis=-1)
    state = rng.choice(mdp.n_states, size=n, p=mdp.initial)
    total = np.zeros(n)
    for _ in range(mdp.horizon):
        action = (rng.random(n)[:, None] > choices[state, :-1]).sum(axis=1)
        outcome = (rng.random(n)[:, None] > outcomes[state, action, :-1]).sum(axis=1)
        total += mdp.rewards[0, state, action, outcome]
        state = mdp.next_states[0, state, action, outcome]
    return total
