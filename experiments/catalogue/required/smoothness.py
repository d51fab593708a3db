"""How curved a policy and its value are at some parameters: what its proved bounds must not lie below."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory import TabularMDP, hessian_norm, policy_gradient
from theory.arrays import FloatArray

IMAGINARY = 1e-30
# Most parameters for which all directions are taken, how many otherwise, and steps of the power method.
ALL_DIRECTIONS, FEW_DIRECTIONS, POWER_STEPS = 32, 8, 4
# States whose scores are looked at, and numbers held at a time.
MOST_STATES, WORKING_SET = 8, 1_000_000


def measured_bounds(policy: Any, theta: FloatArray) -> tuple[float, float]:
    """Largest norm of the Hessian of log pi(a|s), and largest E_a[(u' score)^2], at some states of one theta."""
    pi = policy.probabilities(theta.copy())
    rng, n_actions = np.random.default_rng(19), pi.shape[-1]
    most = max(1, WORKING_SET // (pi.size * n_actions))
    rows = rng.permutation(pi.shape[0] * pi.shape[1])[: min(MOST_STATES, most)]
    one_hot = np.zeros((len(rows), n_actions, *pi.shape))
    stage, state = np.unravel_index(rows, pi.shape[:2])
    site, action = np.ogrid[: len(rows), :n_actions]
    one_hot[site, action, stage[:, None], state[:, None], action] = 1.0
    weighted = np.sqrt(pi[stage, state])[..., None] * _scores(policy, theta, one_hot)
    widest = np.linalg.eigvalsh(weighted @ weighted.swapaxes(-1, -2)).max()
    units = _units(len(theta), min(ALL_DIRECTIONS, most), rng)
    curved = _scores(policy, theta + 1j * IMAGINARY * units, one_hot[0][:, None]).imag / IMAGINARY
    return max(_norm_from(products, units) for products in curved), float(widest)


def hessian_sizes(mdp: TabularMDP, policy: Any, thetas: FloatArray) -> FloatArray:
    """Norms of the Hessian of the value, (n, dim) -> (n,); of large ones, what the power method soon reaches."""
    if thetas.shape[-1] <= ALL_DIRECTIONS:
        return hessian_norm(mdp, policy, thetas)
    sizes = np.zeros(len(thetas))
    units = np.random.default_rng(23).normal(size=thetas.shape)
    for _ in range(POWER_STEPS):
        units = units / np.maximum(np.linalg.norm(units, axis=-1, keepdims=True), np.finfo(np.float64).tiny)
        units = policy_gradient(mdp, policy, thetas + 1j * IMAGINARY * units).imag / IMAGINARY
        sizes = np.linalg.norm(units, axis=-1)
    return sizes


def _scores(policy: Any, theta: NDArray[Any], one_hot: FloatArray) -> NDArray[Any]:
    """Gradients of log pi(a|s) at the ones, (..., dim)."""
    batch = np.broadcast_shapes(theta.shape[:-1], one_hot.shape[:-3])
    spread = np.broadcast_to(theta, (*batch, theta.shape[-1])).copy()
    pi = policy.probabilities(spread)
    return np.asarray(policy.score_product(spread, pi, np.broadcast_to(one_hot, pi.shape).copy()))


def _units(dim: int, most: int, rng: np.random.Generator) -> FloatArray:
    """Every coordinate vector where that is affordable, otherwise some random unit vectors."""
    if dim <= most:
        return np.eye(dim)
    units = rng.normal(size=(min(most, FEW_DIRECTIONS), dim))
    return np.asarray(units / np.linalg.norm(units, axis=1, keepdims=True))


def _norm_from(products: FloatArray, units: FloatArray) -> float:
    """Norm of a symmetric matrix from its products with all coordinate vectors, or a lower bound from some others."""
    if len(units) == units.shape[1]:
        return float(np.linalg.norm(products, 2))
    return float(np.linalg.norm(products, axis=-1).max())
