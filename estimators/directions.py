"""Laws of the perturbation direction v: |v| = 1 and E[v v'] = I / d."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.random import Generator

from theory.arrays import FloatArray
from theory.batching import rows
from theory.errors import InputError, require_integer

ENUMERABLE = 10**6


@runtime_checkable
class Directions(Protocol):
    """A law of unit vectors with E[v v'] = I / d."""

    def sample(self, dim: int, batch: tuple[int, ...], rng: Generator) -> FloatArray:
        """Draw independent directions, shape (batch..., dim)."""

    def support(self, dim: int) -> FloatArray | None:
        """All directions, equally likely, shape (n, dim); None if they are too many or infinitely many."""


@dataclass(frozen=True)
class Sphere:
    """Uniform on the unit sphere: ZPG."""

    def sample(self, dim: int, batch: tuple[int, ...], rng: Generator) -> FloatArray:
        """Draw independent directions, shape (batch..., dim)."""
        normal = rng.standard_normal((dim, math.prod(batch)))
        normal /= np.sqrt(np.einsum("db,db->b", normal, normal))
        return rows(normal, batch)

    def support(self, dim: int) -> FloatArray | None:
        """In one dimension the sphere is {-1, +1}; otherwise None."""
        return np.array([[-1.0], [1.0]]) if dim == 1 else None


@dataclass(frozen=True)
class Blocks:
    """A uniform subset of K coordinates with uniform signs, scaled by 1 / sqrt(K): ZBCPG.

    Parameters
    ----------
    block_size : int
        Number of coordinates K in a block; 1 gives a signed coordinate.
    """

    block_size: int

    def __post_init__(self) -> None:
        require_integer("block_size", self.block_size, 1)

    def sample(self, dim: int, batch: tuple[int, ...], rng: Generator) -> FloatArray:
        """Draw independent directions, shape (batch..., dim)."""
        self._check(dim)
        n = math.prod(batch)
        entries = rng.integers(0, 2, size=(self.block_size, n)) * 2.0 - 1.0
        if self.block_size == dim:
            return rows(entries / math.sqrt(dim), batch)
        directions = np.zeros((dim, n))
        if self.block_size == 1:
            directions[rng.integers(0, dim, size=n), np.arange(n)] = entries[0]
        else:
            chosen = rng.random((dim, n)).argpartition(self.block_size - 1, axis=0)[: self.block_size]
            np.put_along_axis(directions, chosen, entries / math.sqrt(self.block_size), axis=0)
        return rows(directions, batch)

    def support(self, dim: int) -> FloatArray | None:
        """All 2^K C(d, K) directions, in the order of `itertools`; None if they are more than 10^6."""
        self._check(dim)
        if 2**self.block_size * math.comb(dim, self.block_size) > ENUMERABLE:
            return None
        blocks = np.array(list(itertools.combinations(range(dim), self.block_size)))
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=self.block_size))) / math.sqrt(self.block_size)
        directions = np.zeros((len(blocks), len(signs), dim))
        np.put_along_axis(
            directions,
            np.broadcast_to(blocks[:, None], (*directions.shape[:2], self.block_size)),
            np.broadcast_to(signs, (*directions.shape[:2], self.block_size)),
            axis=-1,
        )
        return directions.reshape(-1, dim)

    def _check(self, dim: int) -> None:
        if self.block_size > dim:
            raise InputError(f"block_size must be at most the number of parameters {dim}, got {self.block_size}")
