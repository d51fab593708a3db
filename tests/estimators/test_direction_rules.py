"""Averages over directions: exact where they claim to be."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from estimators import Blocks, Sphere
from estimators.direction_rules import LARGEST_SUPPORT, direction_rule, fifth_degree_points
from theory import InputError
from theory.arrays import FloatArray


def sphere_moment(powers: tuple[int, ...]) -> float:
    """E of the product of v_i^k_i on the sphere: from E of a normal vector, whose length is independent of v."""
    dim, total = len(powers), sum(powers)
    if any(k % 2 for k in powers):
        return 0.0
    normal = math.prod(math.prod(range(1, k, 2)) for k in powers)
    return normal / math.prod(range(dim, dim + total, 2))


@pytest.mark.parametrize("dim", [2, 3, 5, 7])
def test_rule_of_degree_five(dim: int) -> None:
    """All monomials up to degree 5; planted: those of degree 6 are not exact, so the comparison can fail."""
    points, weights = fifth_degree_points(dim)
    assert len(points) == 2 * dim**2
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, rtol=1e-14)
    errors = {
        powers: abs(weights @ np.prod(points ** np.array(powers), axis=1) - sphere_moment(powers))
        for powers in itertools.product(range(7), repeat=dim)
        if sum(powers) <= 6
    }
    assert max(error for powers, error in errors.items() if sum(powers) < 6) < 1e-14
    assert dim == 2 or max(error for powers, error in errors.items() if sum(powers) == 6) > 1e-3


def second_moment(directions: FloatArray, weights: FloatArray) -> FloatArray:
    return np.einsum("n,ni,nj->ij", weights, directions, directions)


@pytest.mark.parametrize(
    ("law", "dim"),
    [(Blocks(1), 4), (Blocks(2), 5), (Sphere(), 1), (Sphere(), 2), (Sphere(), 6), (Sphere(), 24), (Blocks(8), 16)],
)
def test_second_moment_is_exact(law: Blocks | Sphere, dim: int) -> None:
    rule = direction_rule(law, dim, np.random.default_rng(0))
    assert rule.weights.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(second_moment(rule.directions, rule.weights), np.eye(dim) / dim, atol=1e-12)
    np.testing.assert_allclose(rule.weights @ rule.directions, 0, atol=1e-12)
    support = law.support(dim)
    assert (rule.n_groups == 1) == (support is not None and len(support) <= LARGEST_SUPPORT)
    if isinstance(law, Sphere):
        np.testing.assert_allclose(np.linalg.norm(rule.directions, axis=1), 1, rtol=1e-12)


def test_sampled_directions_are_almost_those_of_the_law() -> None:
    """The linear map that makes the second moment exact is near the identity: entries of +-1/4 move by about 10%."""
    rule = direction_rule(Blocks(16), 16, np.random.default_rng(1))
    moved = np.abs(np.abs(rule.directions) - 0.25)
    assert 0 < np.sqrt((moved**2).mean()) < 0.04


def test_groups_are_drawn_independently() -> None:
    rule = direction_rule(Sphere(), 4, np.random.default_rng(2))
    groups = rule.directions.reshape(rule.n_groups, -1, 4)
    assert rule.n_groups > 4
    assert not np.allclose(groups[0], groups[1])
    weights = rule.weights.reshape(rule.n_groups, -1) * rule.n_groups
    for directions, weight in zip(groups, weights, strict=True):
        np.testing.assert_allclose(second_moment(directions, weight), np.eye(4) / 4, atol=1e-12)


def test_a_generator_is_asked_for_only_if_needed() -> None:
    assert direction_rule(Blocks(3), 16).n_groups == 1
    for law, dim in ((Sphere(), 3), (Blocks(8), 16)):
        with pytest.raises(InputError, match="rng must be given"):
            direction_rule(law, dim)


def test_drawn_directions_are_opposite_pairs_each_a_group_of_its_own() -> None:
    """80 coordinates have too large a support for blocks of two."""
    dim = 80
    rule = direction_rule(Blocks(2), dim, np.random.default_rng(0))
    assert Blocks(2).support(dim) is None or len(Blocks(2).support(dim)) > LARGEST_SUPPORT  # type: ignore[arg-type]
    assert rule.n_groups == len(rule.directions) // 2 == max(512, 4 * dim)
    groups = rule.directions.reshape(rule.n_groups, 2, dim)
    np.testing.assert_array_equal(groups.sum(axis=1), 0)
    np.testing.assert_allclose(rule.weights, 1 / len(rule.weights), rtol=1e-15)
    np.testing.assert_allclose(dim * rule.directions.T @ rule.directions / len(rule.weights), np.eye(dim), atol=1e-11)


def test_a_support_is_enumerated_up_to_the_largest_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("estimators.direction_rules.LARGEST_SUPPORT", 12)
    rule = direction_rule(Blocks(2), 3)
    assert (len(rule.directions), rule.n_groups, float(rule.weights.sum())) == (12, 1, pytest.approx(1))
    with pytest.raises(InputError, match="rng must be given to average over Blocks"):
        direction_rule(Blocks(1), 7)
