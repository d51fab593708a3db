"""Random instances on which plans are validated. Seeds, budgets and replicates were fixed before anything was run."""

from __future__ import annotations

import numpy as np

from experiments.catalogue.instance import Instance, default_link
from theory import CircularPolicy, TabularMDP, TabularSoftmax, garnet, gridworld

# None was drawn again or left out.
CIRCULAR_GARNETS = tuple(range(100, 116))
SOFTMAX_GARNETS = tuple(range(200, 208))
GRIDWORLDS = tuple(range(300, 308))
# Costs of a run, with a trajectory and a vote at one unit each, and the longest run.
BUDGETS = (3e4, 3e5, 3e6)
MOST_ITERATIONS = 2000
REPLICATES = 64
# Added to the seeds for a second set. The search was corrected after it had been seen on the first, and this one was
# fixed before the corrected search was run on either.
SECOND_SET = 1000
# The prediction is right if it is within this factor of the measured error, for this share of all instances.
FACTOR, SHARE = 1.3, 0.9


def random_instances(shift: int = 0) -> list[Instance]:
    """16 garnets with the circular policy, 8 with the tabular softmax, and 8 gridworlds, 4 with each of both.

    Parameters
    ----------
    shift : int
        Added to every seed. 0 gives the instances that were fixed first, an even number others of the same kind.
    """
    return [
        *(_garnet(seed + shift, circular=True) for seed in CIRCULAR_GARNETS),
        *(_garnet(seed + shift, circular=False) for seed in SOFTMAX_GARNETS),
        *(_gridworld(seed + shift, circular=seed % 2 == 1) for seed in GRIDWORLDS),
    ]


def _garnet(seed: int, *, circular: bool) -> Instance:
    rng = np.random.default_rng(seed)
    n_states, n_actions, horizon = (int(rng.integers(low, high)) for low, high in ((3, 9), (2, 5), (3, 9)))
    mdp = garnet(n_states, n_actions, min(3, n_states), horizon, rng)
    return _instance("garnet", seed, mdp, rng, circular=circular)


def _gridworld(seed: int, *, circular: bool) -> Instance:
    """A grid with a start and a goal in opposite corners, and a wall or a hole in one of the other cells."""
    rng = np.random.default_rng(seed)
    n_rows, n_columns, horizon = 3, int(rng.integers(3, 5)), int(rng.integers(6, 13))
    cells = np.full((n_rows, n_columns), ".")
    cells[0, 0], cells[-1, -1] = "S", "G"
    # Not beside the start or the goal: the goal stays within reach.
    free = [(i, j) for i in range(n_rows) for j in range(n_columns) if 2 <= i + j <= n_rows + n_columns - 4]
    cells[free[int(rng.integers(len(free)))]] = "#H"[int(rng.integers(2))]
    slip = float(rng.integers(4)) / 10
    mdp = gridworld(["".join(row) for row in cells], horizon, slip)
    return _instance("gridworld", seed, mdp, rng, circular=circular)


def _instance(kind: str, seed: int, mdp: TabularMDP, rng: np.random.Generator, *, circular: bool) -> Instance:
    policy = (
        CircularPolicy(mdp.n_states, mdp.n_actions, 1.0) if circular else TabularSoftmax(mdp.n_states, mdp.n_actions)
    )
    # Angles of 0 are a stationary point if there are two actions.
    start = rng.uniform(0, 2 * np.pi, policy.dim) if circular else np.zeros(policy.dim)
    name = f"{kind}-{'circular' if circular else 'softmax'}-{seed}"
    summary = f"random {kind} {seed}: {mdp.n_states} states, {mdp.n_actions} actions, H = {mdp.horizon}"
    return Instance(name, summary, mdp, policy, start, default_link(mdp), link_is_default=True)
