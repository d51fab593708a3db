"""Random streams by role, so that the number of votes does not change the directions and trajectories drawn."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from theory.errors import InputError


@dataclass(frozen=True)
class Streams:
    """One generator per role, all children of one generator that the caller owns."""

    directions: Generator
    trajectories: Generator
    votes: Generator

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
