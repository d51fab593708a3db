"""Part d: simulated steps beside gymnasium's vector environments."""

from __future__ import annotations

import time
from collections.abc import Iterator

import gymnasium
import numpy as np
from ratios import Line, Work, beside

from estimators.rollouts import sample_returns
from theory import TabularSoftmax, from_gymnasium

PART = "d"
HORIZON, TRAJECTORIES, COPIES, STEPS = 100, 10_000, 64, 100
WANTED = 100.0


def lines() -> Iterator[Line]:
    """Time one step of one trajectory on FrozenLake, under the uniform policy."""
    mdp = from_gymnasium("FrozenLake-v1", HORIZON)
    policy = TabularSoftmax(mdp.n_states, mdp.n_actions)
    theta, rng = np.zeros(policy.dim), np.random.default_rng(0)
    kinds = (("sync", gymnasium.vector.SyncVectorEnv, COPIES), ("async", gymnasium.vector.AsyncVectorEnv, 2))
    for name, vector, copies in kinds:
        environments = vector([lambda: gymnasium.make("FrozenLake-v1")] * copies)
        yield beside(
            PART,
            f"a step on FrozenLake, beside {copies} {name} environments of gymnasium",
            (lambda: sample_returns(mdp, policy, theta, TRAJECTORIES, rng), TRAJECTORIES * HORIZON),
            (stepper(environments), copies * STEPS),
            wanted=WANTED,
            note="actions are drawn on both sides" + "; theirs are processes, all on one core" * (name == "async"),
            clock=time.perf_counter if name == "async" else time.process_time,
            longest=4.0,
        )
        environments.close()


def stepper(environments: gymnasium.vector.VectorEnv) -> Work:
    """Steps of all environments under the uniform policy; an episode that ends starts anew."""
    environments.reset(seed=0)
    environments.action_space.seed(0)

    def run() -> None:
        for _ in range(STEPS):
            environments.step(environments.action_space.sample())

    return run
