"""What a policy must be: a law over actions that is smooth in theta, with the exact gradient of its logarithm."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.catalogue.required.outcome import (
    CheckOutcome,
    is_count,
    judged,
    members,
    run_checks,
    shape_outcome,
)
from experiments.catalogue.required.problems import matching_mdp
from experiments.catalogue.required.smoothness import IMAGINARY, hessian_sizes, measured_bounds
from theory import Policy, TabularMDP, policy_gradient, policy_value, smoothness_bound
from theory.arrays import FloatArray
from theory.validation import ROW_TOLERANCE

# Step of difference quotients along unit vectors.
STEP = 1e-3
# Parameters that a policy is tried at, and directions from each in which slopes are measured.
N_THETAS, N_DIRECTIONS = 3, 4
ROUNDING = 1e-9
# Slopes below this are none: where a policy is certain of an action they fall to the smallest numbers there are.
VANISHING = 1e-12


@dataclass(frozen=True, eq=False)
class TriedPolicy:
    """A policy with the MDP and the parameters that it is tried on; thetas are (n, dim)."""

    policy: Any
    mdp: TabularMDP
    thetas: FloatArray


def policy_outcomes(
    policy: Any, mdp: TabularMDP | None = None, start: FloatArray | None = None
) -> Iterator[CheckOutcome]:
    """Check a policy on an MDP of its size.

    Parameters
    ----------
    policy : Policy
    mdp : TabularMDP, optional
        By default a small random one.
    start : array (dim,), optional
        Parameters to look at as well.
    """
    found = list(run_checks((_members, _sizes), policy, gates=2))
    yield from found
    if not all(outcome.passed for outcome in found):
        return
    thetas = thetas_of(policy)
    if start is not None:
        thetas = np.concatenate([thetas, start[None]])
    yield from run_checks(CHECKS, TriedPolicy(policy, mdp or matching_mdp(policy), thetas), gates=3)


def thetas_of(policy: Policy, n: int = N_THETAS) -> FloatArray:
    """Parameters to try a policy at, (n, dim), the same at every call."""
    return np.random.default_rng(11).normal(size=(n, policy.dim))


def _members(policy: Any) -> Iterator[CheckOutcome]:
    values = ("n_states", "n_actions", "horizon", "dim", "score_bounds")
    yield members(policy, values, ("probabilities", "score_product"))


def _sizes(policy: Any) -> Iterator[CheckOutcome]:
    sizes = {name: getattr(policy, name) for name in ("n_states", "n_actions", "dim", "horizon")}
    wrong = {k: v for k, v in sizes.items() if not is_count(v) and not (k == "horizon" and v is None)}
    came = ", ".join(f"{name} = {value!r}" for name, value in (wrong or sizes).items())
    required = "have positive whole numbers n_states, n_actions and dim, and such a horizon or None"
    yield judged("sizes", not wrong, required, came, "return int; horizon is None for a stationary policy")


def _law_of_the_actions(tried: TriedPolicy) -> Iterator[CheckOutcome]:
    """Shape for one theta and for batches of one and two axes; then that each row is a law."""
    policy, thetas = tried.policy, tried.thetas
    core = policy.horizon or 1, policy.n_states, policy.n_actions
    worst, total, least = 0.0, 1.0, 0.0
    for theta in (thetas[0], thetas, np.stack([thetas, thetas[::-1]])):
        pi = np.asarray(policy.probabilities(theta.copy()))
        shape = shape_outcome("shape of probabilities", "probabilities", (*theta.shape[:-1], *core), pi)
        if not shape.passed:
            break
        sums = pi.sum(axis=-1).ravel()
        off = np.abs(sums - 1)
        least = min(least, float(pi.min()))
        if off.max() > worst:
            worst, total = float(off.max()), float(sums[off.argmax()])
    yield shape
    if shape.passed:
        came = f"a row with the sum {total:.10g}" if least >= 0 else f"a probability of {least:.3g}"
        passed = worst <= ROW_TOLERANCE and least >= 0
        required = "give non-negative probabilities whose rows sum to 1"
        yield judged("law of the actions", passed, required, came, "divide by the sum over the last axis", worst)


def _theta_unchanged(tried: TriedPolicy) -> Iterator[CheckOutcome]:
    """Neither method may write into what it is given."""
    theta = tried.thetas.copy()
    pi = np.array(tried.policy.probabilities(theta))
    changes = {"theta by probabilities()": _change(theta, tried.thetas)}
    given = {"theta": tried.thetas.copy(), "probabilities": pi, "weights": _weights(pi)}
    kept = {name: array.copy() for name, array in given.items()}
    tried.policy.score_product(*given.values())
    changes |= {f"{name} by score_product()": _change(given[name], kept[name]) for name in given}
    name, largest = max(changes.items(), key=lambda item: item[1])
    came = f"{name} changed by up to {largest:.3g}" if largest else "no change"
    remedy = "work on a copy, or write x = x - y in place of x -= y"
    yield judged("theta unchanged", largest == 0, "leave its arguments as they are", came, remedy, largest)


def _shape_of_score_product(tried: TriedPolicy) -> Iterator[CheckOutcome]:
    for theta in (tried.thetas[0], tried.thetas):
        pi = tried.policy.probabilities(theta.copy())
        product = tried.policy.score_product(theta.copy(), pi, _weights(pi))
        outcome = shape_outcome("shape of score_product", "products", theta.shape, product)
        if not outcome.passed:
            break
    yield outcome


def _gradient(tried: TriedPolicy) -> Iterator[CheckOutcome]:
    """Slopes of the value along random directions, against difference quotients that know no gradient."""
    mdp, policy = tried.mdp, tried.policy
    where, along = _places(tried.thetas)
    slope = (policy_gradient(mdp, policy, where) * along).sum(axis=-1)
    measured, slack = quotient(lambda theta: policy_value(mdp, policy, theta), where, along)
    error = np.abs(slope - measured)
    worst = int(np.argmax(error - slack))
    yield judged(
        "gradient",
        (error <= slack).all(),
        "have a score_product with which the gradient of the value is its slope",
        f"{slope[worst]:.6g} along a direction in which the value changes by {measured[worst]:.6g}",
        "score_product is the sum of weights times the gradient of log pi(a|s)",
        error.max(),
    )


def _score_bounds(tried: TriedPolicy) -> Iterator[CheckOutcome]:
    """Two numbers, not below what is measured at some parameters: all proved constants rest on them."""
    claimed = [float(bound) for bound in tried.policy.score_bounds]
    found = np.array([measured_bounds(tried.policy, theta) for theta in tried.thetas]).max(axis=0)
    remedy = "prove a larger bound, for every theta"
    for name, what, bound, least in zip(
        ("bound F", "bound G2"),
        ("the norm of the Hessian of log pi", "E[(u' grad log pi)^2]"),
        claimed,
        found,
        strict=True,
    ):
        # No larger than rounding: a policy that does not depend on theta, whose bounds may be 0.
        passed = math.isfinite(bound) and bound >= (least * (1 - ROUNDING) if least > ROUNDING else 0)
        required = f"have score_bounds (F, G2) not below what is found at some theta, {what} = {least:.6g}"
        yield judged(name, passed, required, f"{bound:.6g}", remedy, least)


def _smoothness(tried: TriedPolicy) -> Iterator[CheckOutcome]:
    bound = smoothness_bound(tried.mdp, tried.policy)
    size = float(hessian_sizes(tried.mdp, tried.policy, tried.thetas).max())
    required = f"have L = H^2 (F + G2) / 2 not below the Hessian norm of the value at some theta, {size:.6g}"
    passed = bound >= size * (1 - ROUNDING) - ROUNDING
    yield judged("smoothness", passed, required, f"{bound:.6g}", "prove larger score_bounds (F, G2)", size)


def _complex_theta(tried: TriedPolicy) -> Iterator[CheckOutcome]:
    """Derivatives by an imaginary step, which exact Hessians are made of, against difference quotients."""
    where, along = _places(tried.thetas)

    def gradient(theta: NDArray[Any]) -> NDArray[Any]:
        return policy_gradient(tried.mdp, tried.policy, theta)

    remedy = "keep theta complex: no float dtype, no abs, and maxima of the real part only"
    for name, function in (("complex probabilities", tried.policy.probabilities), ("complex score_product", gradient)):
        stepped = np.asarray(function(where + 1j * IMAGINARY * along)).imag / IMAGINARY
        measured, slack = quotient(function, where, along)
        error = np.abs(stepped - measured)
        required = "have the right derivative by an imaginary step of theta"
        came = f"errors up to {error.max():.3g} of slopes up to {np.abs(measured).max():.3g}"
        yield judged(name, (error <= slack + VANISHING).all(), required, came, remedy, error.max())


CHECKS = (
    _law_of_the_actions,
    _theta_unchanged,
    _shape_of_score_product,
    _gradient,
    _score_bounds,
    _smoothness,
    _complex_theta,
)


def quotient(
    function: Callable[[FloatArray], FloatArray], where: FloatArray, along: FloatArray, step: float = STEP
) -> tuple[FloatArray, FloatArray]:
    """Slope of a function along unit vectors, and how far it may be off.

    The slope is of fourth order in the step. Granted are the difference of the two of second order that it is made of,
    which is far larger than its error, and rounding.

    Parameters
    ----------
    function : function of (..., dim) -> (...) or arrays (..., core)
    where, along : arrays (n, dim)
    step : float
    """
    moves = step * np.array([1.0, -1.0, 0.5, -0.5])
    after = np.asarray(function(where + moves[:, None, None] * along))
    wide, narrow = (after[0] - after[1]) / (2 * step), (after[2] - after[3]) / step
    return (4 * narrow - wide) / 3, np.abs(wide - narrow) + 1e-12 * np.abs(after).max() / step


def _places(thetas: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Every theta with several random unit vectors, each (n, dim)."""
    along = np.random.default_rng(13).normal(size=(N_DIRECTIONS, *thetas.shape))
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    where = np.broadcast_to(thetas, along.shape)
    return where.reshape(-1, thetas.shape[-1]).copy(), along.reshape(-1, thetas.shape[-1])


def _weights(pi: FloatArray) -> FloatArray:
    return np.random.default_rng(17).normal(size=np.shape(pi))


def _change(now: FloatArray, before: FloatArray) -> float:
    return float(np.abs(now - before).max())
