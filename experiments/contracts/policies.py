"""The full contract of a policy: exact derivatives by three routes, whole batches, copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from experiments.catalogue.required.outcome import CheckOutcome, judged, run_checks
from experiments.catalogue.required.policy import TriedPolicy, thetas_of
from experiments.catalogue.required.problems import matching_mdp
from experiments.catalogue.required.smoothness import IMAGINARY
from experiments.contracts.common import pickle_outcome, unchanged_outcome
from theory import TabularMDP, policy_gradient, policy_value
from theory.arrays import FloatArray

N_THETAS, N_DIRECTIONS = 6, 16
# Lengths of the steps of the Taylor test, and how near to 2 the order of its remainder must be.
LENGTHS, ORDER_ERROR = np.geomspace(1e-4, 1e-2, 7), 0.1
# Remainders below this share of the horizon are rounding.
REMAINDER = 1e-13


def policy_contract(policy: Any, seed: int, mdp: TabularMDP | None = None) -> Iterator[CheckOutcome]:
    """Check a policy that has passed the quick checks."""
    noise = np.random.default_rng([seed, 1]).normal(size=(N_THETAS, policy.dim))
    tried = TriedPolicy(policy, mdp or matching_mdp(policy), np.concatenate([thetas_of(policy), noise]))
    yield from run_checks(CHECKS, tried, gates=0)


def _gradient_by_complex_step(tried: TriedPolicy) -> Iterator[CheckOutcome]:
    """Exact to rounding, along random directions."""
    where, along = _places(tried)
    stepped = policy_value(tried.mdp, tried.policy, where + 1j * IMAGINARY * along).imag / IMAGINARY
    slope = (policy_gradient(tried.mdp, tried.policy, where) * along).sum(axis=-1)
    error, size = np.abs(slope - stepped).max(), np.abs(stepped).max()
    came = f"errors up to {error:.3g} of slopes up to {size:.3g}"
    remedy = "score_product is the sum of weights times the gradient of log pi(a|s)"
    required = "have the gradient that an imaginary step of theta gives"
    allowed = 1e-10 * max(size, 1.0) * tried.mdp.horizon
    yield judged("gradient by complex step", error <= allowed, required, came, remedy, error)


def _taylor_test(tried: TriedPolicy) -> Iterator[CheckOutcome]:
    """What the gradient leaves of the value's change falls with the square of the step; a wrong one leaves a line."""
    where, along = _places(tried)
    value = policy_value(tried.mdp, tried.policy, where)
    slope = (policy_gradient(tried.mdp, tried.policy, where) * along).sum(axis=-1)
    moved = policy_value(tried.mdp, tried.policy, where + LENGTHS[:, None, None] * along)
    left = np.sqrt(((moved - value - LENGTHS[:, None] * slope) ** 2).mean(axis=1))
    seen = left > REMAINDER * tried.mdp.horizon
    required = "have a gradient that leaves a remainder of order 2"
    remedy = "score_product is the sum of weights times the gradient of log pi(a|s)"
    if seen.sum() < 3:
        yield judged("Taylor test", True, required, "none above rounding", remedy)
        return
    order = float(np.polyfit(np.log(LENGTHS[seen]), np.log(left[seen]), 1)[0])
    passed = abs(order - 2) <= ORDER_ERROR
    yield judged("Taylor test", passed, required, f"order {order:.3f}", remedy, order)


def _batch_rows(tried: TriedPolicy) -> Iterator[CheckOutcome]:
    """A row of a batch is what it is alone, to rounding."""
    policy = tried.policy
    thetas = np.stack([tried.thetas, tried.thetas[::-1]])
    pi = np.array(policy.probabilities(thetas.copy()))
    weights = np.random.default_rng(29).normal(size=pi.shape)
    products = np.array(policy.score_product(thetas.copy(), pi.copy(), weights.copy()))
    error = 0.0
    for row in np.ndindex(*thetas.shape[:-1]):
        alone = policy.probabilities(thetas[row].copy())
        product = policy.score_product(thetas[row].copy(), pi[row].copy(), weights[row].copy())
        error = max(error, float(np.abs(pi[row] - alone).max()), float(np.abs(products[row] - product).max()))
    came = f"differences up to {error:.3g}"
    allowed = 1e-10 * max(1.0, float(np.abs(products).max()))
    required = "give a row of a batch what it gives that theta alone"
    yield judged("batch rows", error <= allowed, required, came, "let nothing be shared over leading axes", error)


def _results_kept(tried: TriedPolicy) -> Iterator[CheckOutcome]:
    """What was returned is not written over by the next call, and the same theta gives the same bytes."""
    policy, (theta, other) = tried.policy, tried.thetas[:2]
    first = policy.probabilities(theta.copy())
    kept = np.array(first)
    policy.probabilities(other.copy())
    overwritten = not np.array_equal(first, kept)
    repeated = np.array_equal(kept, policy.probabilities(theta.copy()))
    came = "the first result written over" if overwritten else "the same" if repeated else "others"
    required = "give the same probabilities for the same theta, in an array of their own"
    passed = not overwritten and repeated
    yield judged("results kept", passed, required, came, "draw nothing and share no buffer between calls")


def _arguments_unchanged(tried: TriedPolicy) -> Iterator[CheckOutcome]:
    def both(theta: FloatArray, weights: FloatArray) -> None:
        pi = tried.policy.probabilities(theta)
        tried.policy.score_product(theta, pi, weights)

    pi = tried.policy.probabilities(tried.thetas.copy())
    weights = np.random.default_rng(29).normal(size=pi.shape)
    yield unchanged_outcome(both, {"theta": tried.thetas, "weights": weights})


def _pickles(tried: TriedPolicy) -> Iterator[CheckOutcome]:
    yield pickle_outcome(tried.policy, lambda policy: policy.probabilities(tried.thetas.copy()))


CHECKS = (_gradient_by_complex_step, _taylor_test, _batch_rows, _results_kept, _arguments_unchanged, _pickles)


def _places(tried: TriedPolicy) -> tuple[FloatArray, FloatArray]:
    """Every theta with several random unit vectors, each (n, dim)."""
    along = np.random.default_rng(37).normal(size=(N_DIRECTIONS, *tried.thetas.shape))
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    where = np.broadcast_to(tried.thetas, along.shape)
    dim = along.shape[-1]
    return where.reshape(-1, dim).copy(), along.reshape(-1, dim)
