"""Where an algorithm goes without noise: the flow of the smoothed gradient from the start, solved once a radius."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.integrate import solve_ivp

from estimators.directions import Blocks, Directions, Sphere
from experiments.catalogue.instance import Instance
from theory.arrays import FloatArray
from theory.values import policy_gradient, policy_value

# A support up to this size is listed; otherwise at least half as many directions are drawn, in opposite pairs.
MOST_LISTED = 128
# Points on a path: intervals of the time of the flow, geometric from FIRST to LAST over the size of the Jacobian.
N_INTERVALS, FIRST = 24, 0.05
# Gauss-Legendre nodes on [0, 1] for averages over an interval.
NODES, NODE_WEIGHTS = (np.polynomial.legendre.leggauss(3)[0] + 1) / 2, np.polynomial.legendre.leggauss(3)[1] / 2
TOLERANCE = 1e-4
# Evaluations of the drift after which a path counts as one that leads nowhere. Far too large a radius goes in circles.
MOST_EVALUATIONS = 1500


class NoPathError(Exception):
    """The drift does not come to rest."""


@dataclass(frozen=True, eq=False)
class DirectionSet:
    """Equally likely directions in opposite pairs, (n, dim) and (-v in the second half), with E[v v'] = I / d.

    Attributes
    ----------
    directions : array (n, dim)
    fourth, mixed : float
        E[v_i^4] and E[v_i^2 v_j^2] of the law.
    """

    directions: FloatArray
    fourth: float
    mixed: float

    def spread(self, form: FloatArray) -> FloatArray:
        """d^2 E[(v' form v) v v'] under the law, for a symmetric form, (dim, dim)."""
        dim = len(form)
        diagonal = np.diag(form)
        inner = self.fourth * diagonal + self.mixed * (diagonal.sum() - diagonal)
        off = 2 * self.mixed * (form - np.diag(diagonal))
        return np.asarray(dim**2 * (off + np.diag(inner)))


def direction_set(block_size: int | None, dim: int, rng: Generator) -> DirectionSet:
    """Directions of ZBCPG with this K, or of ZPG for None."""
    law: Directions = Sphere() if block_size is None else Blocks(block_size)
    if block_size is None:
        fourth, mixed = 3 / (dim * (dim + 2)), 1 / (dim * (dim + 2))
    else:
        fourth = 1 / (block_size * dim)
        mixed = (block_size - 1) / (block_size * dim * (dim - 1)) if dim > 1 else 0.0
    return DirectionSet(_drawn(law, block_size, dim, rng), fourth, mixed)


def _drawn(law: Directions, block_size: int | None, dim: int, rng: Generator) -> FloatArray:
    if block_size == 1 or dim == 1:
        return np.concatenate([np.eye(dim), -np.eye(dim)])
    if block_size is not None and 2**block_size * math.comb(dim, block_size) <= MOST_LISTED:
        listed = law.support(dim)
        assert listed is not None
        half = listed[[next(x for x in v if x) > 0 for v in listed]]
        return np.concatenate([half, -half])
    if block_size is None:
        frames, _ = np.linalg.qr(rng.standard_normal((math.ceil(MOST_LISTED / 2 / dim), dim, dim)))
        half = frames.reshape(-1, dim)
    else:
        half = law.sample(dim, (max(MOST_LISTED // 2, 5 * dim // 4),), rng)
        values, vectors = np.linalg.eigh(half.T @ half * dim / len(half))
        half = half @ (vectors / np.sqrt(values)) @ vectors.T
    return np.concatenate([half, -half])


@dataclass(frozen=True, eq=False)
class DriftPath:
    """The flow theta'(u) = m(theta), m = (d / mu) E_v[(V(theta + mu v) - V(theta)) v], on a grid of times u.

    Attributes
    ----------
    times : array (n + 1,)
        0, then geometric.
    middles : array (n, dim)
        Points of the path in the middle of each interval.
    ends : array (n, dim)
        Points at the end of each interval.
    squares : array (n,)
        Mean of |grad V|^2 over each interval.
    jacobians : array (n, dim, dim)
        Symmetric part of m' in the middle of each interval.
    differences : array (n, directions)
        V(theta + mu v) - V(theta) in the middle of each interval.
    """

    instance: Instance
    law: DirectionSet
    radius: float
    times: FloatArray
    middles: FloatArray
    ends: FloatArray
    squares: FloatArray
    jacobians: FloatArray
    differences: FloatArray

    @property
    def scale(self) -> float:
        """D / mu."""
        return self.instance.policy.dim / self.radius


def drift_path(instance: Instance, law: DirectionSet, radius: float, longest: float) -> DriftPath:
    """Solve the flow from the start of an instance.

    Parameters
    ----------
    instance : Instance
    law : DirectionSet
    radius : float
    longest : float
        Iterations of the longest run.

    Raises
    ------
    NoPathError
        If the flow goes in circles.
    """
    mdp, policy, v = instance.mdp, instance.policy, law.directions
    dim, n = policy.dim, len(law.directions)

    left = iter(range(MOST_EVALUATIONS))

    def drift(_: float, theta: FloatArray) -> FloatArray:
        if next(left, None) is None:
            raise NoPathError
        return np.asarray(dim / radius / n * policy_value(mdp, policy, theta + radius * v) @ v)

    def jacobian(_: float, theta: FloatArray) -> FloatArray:
        pulls = policy_gradient(mdp, policy, theta + radius * v)
        return np.asarray(dim / radius / n * v.T @ pulls)

    start = instance.start
    pull = float(np.linalg.norm(jacobian(0, start), 2)) or 1.0
    # A stable step is below 2 / |J|, and a flow of longer than `longest` such steps is not asked for.
    times = np.concatenate([[0.0], np.geomspace(FIRST / pull, 2 * max(longest, 10.0) / pull, N_INTERVALS)])
    solved = solve_ivp(
        drift, (0, times[-1]), start, "LSODA", jac=jacobian, dense_output=True, rtol=TOLERANCE, atol=TOLERANCE
    )
    lengths = np.diff(times)
    inner = solved.sol((times[:-1, None] + NODES * lengths[:, None]).ravel()).T
    norms = (policy_gradient(mdp, policy, inner) ** 2).sum(axis=1).reshape(len(lengths), -1)
    middles = np.ascontiguousarray(solved.sol((times[:-1] + times[1:]) / 2).T)
    jacobians = np.stack([jacobian(0, theta) for theta in middles])
    values = policy_value(mdp, policy, middles[:, None] + radius * np.concatenate([v, np.zeros((1, dim))]))
    return DriftPath(
        instance=instance,
        law=law,
        radius=radius,
        times=times,
        middles=middles,
        ends=solved.sol(times[1:]).T,
        squares=norms @ NODE_WEIGHTS,
        jacobians=(jacobians + jacobians.swapaxes(1, 2)) / 2,
        differences=values[:, :-1] - values[:, -1:],
    )
