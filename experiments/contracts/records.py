"""The full contracts of MDPs, instances, rates and claims: the numbers that follow from them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from experiments.catalogue.required.outcome import CheckOutcome, judged, of_part, run_checks
from experiments.catalogue.required.records import schedule_at
from experiments.contracts.common import pickle_outcome
from experiments.contracts.links import link_contract
from experiments.contracts.policies import policy_contract
from theory import TabularMDP, TabularSoftmax, optimal_value, policy_value, return_distribution
from theory.arrays import FloatArray

COUNTS = (1e1, 1e2, 1e3, 1e4, 1e6)
# Largest table of a law of returns that is looked at.
LARGEST_LAW = 2_000_000


def mdp_contract(mdp: TabularMDP, seed: int) -> Iterator[CheckOutcome]:
    """Check an MDP: its values and the law of its returns, under random policies."""
    policy = TabularSoftmax(mdp.n_states, mdp.n_actions)
    thetas = np.concatenate([np.zeros((1, policy.dim)), np.random.default_rng([seed, 1]).normal(size=(2, policy.dim))])
    yield from run_checks((_values, _law), (mdp, policy, thetas), gates=0)
    yield from run_checks((_mdp_pickles,), mdp)


def _values(tried: tuple[TabularMDP, Any, FloatArray]) -> Iterator[CheckOutcome]:
    mdp, policy, thetas = tried
    values, optimum = policy_value(mdp, policy, thetas), optimal_value(mdp)
    passed = values.min() >= 0 and values.max() <= optimum + 1e-9 and optimum <= mdp.horizon + 1e-9
    came = f"values from {values.min():.6g} to {values.max():.6g} and the optimum {optimum:.6g}"
    required = f"have values in [0, {mdp.horizon}] and none above the optimum"
    yield judged("values", passed, required, came, "rewards lie in [0, 1] and rows sum to 1", optimum)


def _law(tried: tuple[TabularMDP, Any, FloatArray]) -> Iterator[CheckOutcome]:
    """The exact law of the return sums to 1 and has the value as its mean, where rewards lie on a lattice."""
    mdp, policy, thetas = tried
    required = "have a law of the return that sums to 1 with the value as its mean"
    if mdp.reward_lattice is None:
        came = "rewards on no lattice: no exact law, only sampler='rollout'"
        yield judged("law of the return", True, required, came, "")
        return
    size = mdp.largest_return_steps[-1] * mdp.n_states * mdp.n_actions
    if size > LARGEST_LAW:
        yield judged("law of the return", True, required, f"too large a table to look at, {size:,} entries", "")
        return
    law = return_distribution(mdp, policy, thetas)
    total = float(np.abs(law.probabilities.sum(axis=-1) - 1).max())
    error = float(np.abs(law.mean - policy_value(mdp, policy, thetas)).max())
    came = f"sums that are {total:.3g} and means that are {error:.3g} off"
    passed = total <= 1e-9 and error <= 1e-9 * mdp.horizon and law.probabilities.min() >= 0
    yield judged("law of the return", passed, required, came, "rows sum to 1", max(total, error))


def _mdp_pickles(mdp: TabularMDP) -> Iterator[CheckOutcome]:
    yield pickle_outcome(mdp, lambda one: one.probabilities)


def instance_contract(instance: Any, seed: int) -> Iterator[CheckOutcome]:
    """Check the parts of an instance that has passed the quick checks, and the law of returns at its start."""
    yield from of_part("mdp", mdp_contract(instance.mdp, seed))
    yield from of_part("policy", policy_contract(instance.policy, seed, instance.mdp))
    yield from of_part("link", link_contract(instance.link, seed))
    start = np.asarray(instance.start, dtype=np.float64)[None]
    found = run_checks((_values, _law), (instance.mdp, instance.policy, start), gates=0)
    yield from of_part("start", found)


def rate_contract(rate: Any, seed: int) -> Iterator[CheckOutcome]:  # noqa: ARG001  (nothing is drawn)
    """Check a rate that has passed the quick checks: what its schedule does as counts and constants grow."""
    yield from run_checks((_signs, _monotone, _constants), rate, gates=0)


def _signs(rate: Any) -> Iterator[CheckOutcome]:
    wrong = {a: p for a, p in rate.exponents.items() if (a in ("T", "N", "M") and p >= 0) or (a == "eps" and p <= 0)}
    required = "have negative exponents along T, N and M, and a positive one along eps"
    remedy = "an exponent is the slope of the mean squared gradient norm in the log-log plane"
    yield judged("signs", not wrong, required, f"{wrong or dict(rate.exponents)}", remedy)


def _monotone(rate: Any) -> Iterator[CheckOutcome]:
    """More pairs or votes never ask for a larger radius."""
    worst = -math.inf
    for others in (1e2, 1e4, math.inf):
        for of in (lambda n: (n, others), lambda n: (others, n)):  # noqa: B023  (used at once)
            radii = np.array([schedule_at(rate, *of(n))[0] for n in COUNTS])
            worst = max(worst, float((radii[1:] / radii[:-1]).max()))
    required = "have a radius that does not grow with N or M"
    came = f"one that is up to {worst:.4g} times that of fewer"
    yield judged("monotone", worst <= 1 + 1e-9, required, came, "mend the schedule", worst)


def _constants(rate: Any) -> Iterator[CheckOutcome]:
    """The two constants that a schedule leaves open multiply the radius and the step size."""
    plain = schedule_at(rate, 1e4, 1e2)
    scaled = schedule_at(rate, 1e4, 1e2, radius_scale=3.0, step_scale=5.0)
    ratios = scaled[0] / plain[0], scaled[1] / plain[1]
    passed = abs(ratios[0] - 3) <= 1e-9 and abs(ratios[1] - 5) <= 1e-9
    required = "multiply the radius by radius_scale and the step size by step_scale"
    came = f"{ratios[0]:.6g} and {ratios[1]:.6g} times them for 3 and 5"
    yield judged("constants", passed, required, came, "mend the schedule")


def claim_contract(claim: Any, seed: int) -> Iterator[CheckOutcome]:
    """Check a claim, or every claim of a list, that has passed the quick checks: its grid points can be built."""
    if isinstance(claim, list | tuple):
        names = [one.name for one in claim]
        passed = len(set(names)) == len(names)
        yield judged(
            "names", passed, "have names that differ", f"{len(set(names))} of {len(names)}", "they seed the runs"
        )
        for one in claim:
            yield from of_part(f"claim {one.name}", claim_contract(one, seed))
        return
    yield from run_checks((_points,), claim)
    yield from of_part("rate", rate_contract(claim.rate, seed))


def _points(claim: Any) -> Iterator[CheckOutcome]:
    """Radius and step size of every grid point are positive, and counts at least 1."""
    points = [point for _, point in claim.points()]
    wrong = [
        point
        for point in points
        if not (0 < point.radius < math.inf and 0 < point.step_size < math.inf)
        or min(point.n_iterations, point.n_pairs, point.n_queries) < 1
    ]
    came = f"{wrong[0]}" if wrong else f"{len(points)} of them"
    required = "have grid points with positive radius and step size, and T, N and M of at least 1"
    remedy = "without any noise the schedule's radius is 0: fix one in the claim"
    yield judged("points", not wrong, required, came, remedy, len(points))
