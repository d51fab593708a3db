"""Random streams by role, so that the number of votes does not change the directions and trajectories drawn."""

from __future__ import annotations

from dataclasses import dataclass, field

from numpy.random import Generator

from theory.arrays import FloatArray
from theory.errors import InputError


@dataclass(eq=False)
class Tally:
    """Votes counted where they are drawn.

    Attributes
    ----------
    batch : tuple of int
        Batch of the runs. Counts with more axes in front, one per direction, are added up.
    votes : array (batch...) or None
        Votes of every run so far; None if nothing has counted.
    """

    batch: tuple[int, ...] = ()
    votes: FloatArray | None = None

    def add(self, votes: FloatArray) -> None:
        """Add the votes of some estimates, (..., batch...)."""
        total = votes.sum(axis=tuple(range(votes.ndim - len(self.batch))))
        self.votes = total if self.votes is None else self.votes + total


@dataclass(frozen=True)
class Streams:
    """One generator per role, all children of one generator that the caller owns, and the tally of the votes."""

    directions: Generator
    trajectories: Generator
    votes: Generator
    tally: Tally = field(default_factory=Tally, kw_only=True)

    @classmethod
    def of(cls, rng: Generator | Streams) -> Streams:
        """Spawn the streams from a generator; streams are returned unchanged, so a loop spawns once."""
        if isinstance(rng, Streams):
            return rng
        if not isinstance(rng, Generator):
            raise InputError(
                f"rng must be a numpy.random.Generator, got {type(rng).__name__}; pass np.random.default_rng(0)"
            )
        return cls(*rng.spawn(3))
