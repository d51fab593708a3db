"""Averages over the law of the directions: the whole support if it is small, good sets of points otherwise."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from estimators.directions import Directions, Sphere
from theory.arrays import FloatArray
from theory.errors import InputError

# A larger support is sampled: every direction costs 2 d + 1 laws of votes for each derivative.
LARGEST_SUPPORT = 5000
N_SAMPLED = 1024
# The rule of degree 5 has 2 d^2 points, which are too many in higher dimensions.
LARGEST_FIFTH_DEGREE = 20
FEWEST_ROTATIONS, N_ROTATED = 4, 512


@dataclass(frozen=True, eq=False)
class DirectionRule:
    """Weighted directions whose mean stands for the mean over the law.

    Attributes
    ----------
    directions : array (n, dim)
        In every one of `n_groups` equal parts the weighted mean of v v' is I / d, up to rounding, and odd means are 0;
        sampled directions have this property as a whole only.
    weights : array (n,)
        They sum to 1.
    n_groups : int
        Independent parts, equal in law; 1 if the mean over the rule is the exact mean.
    """

    directions: FloatArray
    weights: FloatArray
    n_groups: int


def direction_rule(directions: Directions, dim: int, rng: Generator | None = None) -> DirectionRule:
    """Rule for a law of directions.

    The support, if it has at most 5,000 points. For the sphere, rotations of a rule of degree 5 or, above 20
    dimensions, of the signed unit vectors, of degree 3. For other laws, 1,024 directions, drawn in opposite pairs and
    made to have E[v v'] = I / d exactly by a linear map near the identity.

    Raises
    ------
    InputError
        If directions must be drawn and no generator is given.
    """
    support = directions.support(dim)
    if support is not None and len(support) <= LARGEST_SUPPORT:
        return DirectionRule(support, np.full(len(support), 1 / len(support)), 1)
    if rng is None:
        raise InputError(f"rng must be given to average over {directions}, which is not enumerated, got None")
    if isinstance(directions, Sphere):
        return _rotated(dim, rng)
    half = directions.sample(dim, (max(N_SAMPLED // 2, 4 * dim),), rng)
    half = half @ _inverse_root(half.T @ half / len(half)) / math.sqrt(dim)
    pairs = np.stack([half, -half], axis=1).reshape(-1, dim)
    return DirectionRule(pairs, np.full(len(pairs), 1 / len(pairs)), len(half))


def fifth_degree_points(dim: int) -> tuple[FloatArray, FloatArray]:
    """Points (2 d^2, d) and weights of a rule on the unit sphere that is exact for polynomials of degree 5.

    The signed unit vectors, and the signed unit vectors of the diagonals of every plane of two axes. Weights of the
    former are negative for d > 4.

    References
    ----------
    A. H. Stroud, *Approximate Calculation of Multiple Integrals* (1971), formula U_n 5-1.
    """
    axes = signed(np.eye(dim))
    pairs = np.array(list(itertools.combinations(range(dim), 2)))
    diagonals = np.zeros((2, len(pairs), dim))
    rows = np.arange(len(pairs))
    diagonals[:, rows, pairs[:, 0]] = math.sqrt(0.5)
    diagonals[:, rows, pairs[:, 1]] = math.sqrt(0.5) * np.array([[1.0], [-1.0]])
    diagonals = signed(diagonals.reshape(-1, dim))
    weights = np.full(len(diagonals), 1 / (dim * (dim + 2)))
    return np.concatenate([axes, diagonals]), np.concatenate(
        [np.full(2 * dim, (4 - dim) / (2 * dim * (dim + 2))), weights]
    )


def signed(points: FloatArray) -> FloatArray:
    """The points (n, dim), then their negatives."""
    return np.concatenate([points, -points])


def _rotated(dim: int, rng: Generator) -> DirectionRule:
    """Independent rotations of one rule."""
    if dim <= LARGEST_FIFTH_DEGREE:
        points, weights = fifth_degree_points(dim)
    else:
        points, weights = signed(np.eye(dim)), np.full(2 * dim, 1 / (2 * dim))
    n_rotations = max(FEWEST_ROTATIONS, math.ceil(N_ROTATED / len(points)))
    # The orthogonal factors of normal matrices are uniform once the other factor has a positive diagonal.
    factors, triangles = np.linalg.qr(rng.standard_normal((n_rotations, dim, dim)))
    factors = factors * np.sign(np.diagonal(triangles, axis1=1, axis2=2))[:, None, :]
    turned = (points @ factors).reshape(-1, dim)
    return DirectionRule(turned, np.tile(weights, n_rotations) / n_rotations, n_rotations)


def _inverse_root(matrix: FloatArray) -> FloatArray:
    """Inverse square root of a positive definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    root: FloatArray = (vectors / np.sqrt(values)) @ vectors.T
    return root
