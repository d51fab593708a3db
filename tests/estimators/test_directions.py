"""Directions: unit vectors with E[v v'] = I / d."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from estimators import Blocks, Directions, Sphere
from theory import InputError

LAWS: list[Directions] = [Sphere(), Blocks(1), Blocks(2), Blocks(3), Blocks(5)]
BY_LAW = pytest.mark.parametrize("law", LAWS, ids=repr)


@BY_LAW
@pytest.mark.parametrize("batch", [(), (1,), (7,), (2, 3), (0,)])
def test_directions_are_unit_vectors_of_the_batch_shape(law: Directions, batch: tuple[int, ...]) -> None:
    drawn = law.sample(5, batch, np.random.default_rng(0))
    assert drawn.shape == (*batch, 5)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=-1), 1, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("block_size", "dim"), [(1, 1), (1, 6), (2, 2), (2, 5), (3, 4), (3, 7), (4, 4), (6, 6)])
def test_second_moment_over_the_support_is_exactly_isotropic(block_size: int, dim: int) -> None:
    support = Blocks(block_size).support(dim)
    assert support is not None
    assert support.shape == (2**block_size * math.comb(dim, block_size), dim)
    assert len(np.unique(support, axis=0)) == len(support)
    assert (np.count_nonzero(support, axis=1) == block_size).all()
    np.testing.assert_allclose(np.abs(support[support != 0]), 1 / math.sqrt(block_size), rtol=1e-15)
    np.testing.assert_allclose(support.T @ support / len(support), np.eye(dim) / dim, rtol=0, atol=1e-14)
    np.testing.assert_allclose(support.sum(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize(("block_size", "dim"), [(1, 4), (2, 4), (3, 4), (4, 4)])
def test_every_block_and_sign_is_equally_likely(block_size: int, dim: int) -> None:
    """Hoeffding on the frequency of each of at most 32 directions, 200,000 draws: false-alarm rate below 1e-6.

    Sees a frequency off by 0.011 with probability 0.999; the frequencies are 1/32 to 1/8.
    """
    n, law = 200_000, Blocks(block_size)
    support = law.support(dim)
    assert support is not None
    drawn = law.sample(dim, (n,), np.random.default_rng(1))
    code = 3 ** np.arange(dim)
    names = np.sign(support) @ code
    frequency = (np.sign(drawn) @ code == names[:, None]).mean(axis=1)
    assert frequency.sum() == pytest.approx(1, abs=1e-12)
    bound = math.sqrt(math.log(2 * len(support) * 4 / 1e-6) / (2 * n))
    assert np.abs(frequency - 1 / len(support)).max() <= bound


@BY_LAW
def test_sampled_moments(law: Directions) -> None:
    """Hoeffding on the 5 means and 15 second moments of each of 5 laws, 200,000 draws: false-alarm rate below 1e-6.

    Sees an entry of E[v v'] off by 0.02 (I / d is 0.2) or of E[v] off by 0.04, with probability 0.999.
    """
    n, dim = 200_000, 5
    drawn = law.sample(dim, (n,), np.random.default_rng(2))
    moments = drawn.T @ drawn / n
    width = math.sqrt(math.log(2 * 100 / 1e-6) / (2 * n))
    # v_i is in [-1, 1], v_i^2 in [0, 1], v_i v_j in [-1/2, 1/2].
    assert np.abs(moments - np.eye(dim) / dim).max() <= width
    assert np.abs(drawn.mean(axis=0)).max() <= 2 * width


def test_sphere_is_uniform_in_three_dimensions() -> None:
    """Archimedes: a coordinate of the 2-sphere, and any projection, is uniform on [-1, 1]. DKW, 4 projections.

    100,000 draws; false-alarm rate 1e-6, sees a difference of distribution functions of 0.02 with probability 0.999.
    """
    n = 100_000
    drawn = Sphere().sample(3, (n,), np.random.default_rng(3))
    for axis in (*np.eye(3), np.ones(3) / math.sqrt(3)):
        projected = np.sort(drawn @ axis)
        distance = np.abs((projected + 1) / 2 - (np.arange(n) + 0.5) / n).max() + 0.5 / n
        assert distance <= math.sqrt(math.log(2 * 4 / 1e-6) / (2 * n))


@BY_LAW
def test_rows_of_a_batch_are_independent(law: Directions) -> None:
    """Hoeffding on E[<v, w>] and E[<v, w>^2] = 1 / d of two rows, 200,000 pairs, 5 laws: false-alarm rate below 1e-6.

    Sees 0.02 of the second and 0.04 of the first with probability 0.999; a shared direction gives 1.
    """
    n, dim = 200_000, 5
    first, second = law.sample(dim, (2, n), np.random.default_rng(4))
    inner = (first * second).sum(axis=1)
    width = math.sqrt(math.log(2 * 10 / 1e-6) / (2 * n))
    assert abs(inner.mean()) <= 2 * width
    assert abs((inner**2).mean() - 1 / dim) <= width


def test_one_dimension_is_two_signs() -> None:
    for law in (Sphere(), Blocks(1)):
        support = law.support(1)
        assert support is not None
        assert sorted(support.ravel()) == [-1.0, 1.0]
        assert set(law.sample(1, (50,), np.random.default_rng(0)).ravel()) == {-1.0, 1.0}


def test_support_is_given_up_when_too_large() -> None:
    assert Sphere().support(2) is None
    assert Blocks(10).support(40) is None
    assert Blocks(2).support(40) is not None


@BY_LAW
def test_same_generator_same_bytes(law: Directions) -> None:
    one, two, other = (law.sample(6, (3,), np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != other.tobytes()


@pytest.mark.parametrize(("block_size", "dim"), list(itertools.product([3, 9], [1, 2])))
def test_blocks_larger_than_the_parameters_are_refused(block_size: int, dim: int) -> None:
    law = Blocks(block_size)
    said = rf"block_size must be at most the number of parameters {dim}, got {block_size}"
    with pytest.raises(InputError, match=said):
        law.sample(dim, (2,), np.random.default_rng(0))
    with pytest.raises(InputError, match=said):
        law.support(dim)


@pytest.mark.parametrize("block_size", [0, -1, 1.0, "2"])
def test_block_size_must_be_a_positive_integer(block_size: object) -> None:
    with pytest.raises(InputError, match=rf"block_size must be an integer of at least 1, got {block_size!r}"):
        Blocks(block_size)  # type: ignore[arg-type]
