"""Large examples, each in a process of its own: optimum, gradient, law of the return, one certified ascent.

python tests/benchmarks/large_examples.py NAME      one example, as JSON
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from estimators import ascend, zpg
from theory import (
    Logistic,
    TabularMDP,
    TabularSoftmax,
    VoteModel,
    certificate,
    from_gymnasium,
    garnet,
    gridworld,
    optimal_value,
    return_distribution,
    smoothness_bound,
    value_and_gradient,
)

ITERATIONS, PAIRS, VOTES, RADIUS = 256, 1000, 10, 0.5
MOST_BYTES = 2e9


def grid() -> TabularMDP:
    """50 x 50 cells, start and goal in opposite corners."""
    return gridworld(["S" + "." * 49, *["." * 50] * 48, "." * 49 + "G"], 100, slip=0.1)


EXAMPLES: dict[str, tuple[str, Callable[[], TabularMDP]]] = {
    "grid": ("grid of 50 x 50 cells, H = 100", grid),
    "taxi": ("Taxi, H = 30", lambda: from_gymnasium("Taxi-v4", 30)),
    "garnet": (
        "garnet, S = 10,000, A = 4, H = 50, 5 successors",
        lambda: garnet(10_000, 4, 5, 50, np.random.default_rng(0)),
    ),
}


def rows() -> Iterator[dict[str, Any]]:
    """One row an example."""
    for name, (title, _) in EXAMPLES.items():
        print(f"large   {title} ...", file=sys.stderr, flush=True)
        done = subprocess.run([sys.executable, __file__, name], check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        times = ", ".join(f"{part} {found[part]:.3g} s" for part in ("build", "optimum", "gradient", "law", "ascent"))
        yield {
            "name": f"large example: {title}",
            **found,
            "text": f"large   {title}, d = {found['dim']}: {times}; mean squared gradient norm "
            f"{found['measured']:.3g}, certificate {found['certificate']:.3g}; {found['peak_bytes'] / 1e6:.0f} MB, "
            f"{'under' if found['peak_bytes'] < MOST_BYTES else 'OVER'} {MOST_BYTES / 1e9:g} GB",
        }


def measure(name: str) -> dict[str, Any]:
    """CPU seconds of every part, what the ascent gave, and the peak of memory of this process."""
    found: dict[str, Any] = {}

    def timed(part: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = work()
        found[part] = time.process_time() - start
        return result

    mdp = timed("build", EXAMPLES[name][1])
    policy = TabularSoftmax(mdp.n_states, mdp.n_actions)
    theta = np.zeros(policy.dim)
    best = timed("optimum", lambda: optimal_value(mdp))
    value, _ = timed("gradient", lambda: value_and_gradient(mdp, policy, theta))
    timed("law", lambda: return_distribution(mdp, policy, theta))
    smoothness = smoothness_bound(mdp, policy)
    step, link = 1 / (4 * smoothness * policy.dim), Logistic(float(mdp.horizon))
    estimator = zpg(radius=RADIUS, n_pairs=PAIRS, n_queries=VOTES, link=link, sampler="rollout")
    rng = np.random.default_rng(0)
    ascent = timed("ascent", lambda: ascend(mdp, policy, estimator, theta, ITERATIONS, step, rng))
    table = VoteModel(link, VOTES).table(mdp)
    bound = certificate(
        value_gap=best - value,
        dim=policy.dim,
        smoothness=smoothness,
        n_iterations=ITERATIONS,
        step_size=step,
        radius=RADIUS,
        n_pairs=PAIRS,
        inversion_bias=table.largest_bias,
        second_moment=table.largest_second_moment,
    )
    return found | {
        "dim": policy.dim,
        "measured": float(ascent.gradient_norm_sq.mean()),
        "certificate": float(bound.total),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0,
    }


if __name__ == "__main__":
    json.dump(measure(sys.argv[1]), sys.stdout)
