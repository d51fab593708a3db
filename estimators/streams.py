"""Random streams by role, so that changing the number of votes leaves directions and trajectories as they were."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator


@dataclass(frozen=True)
class Streams:
    """One generator a role, all children of one generator that the caller owns."""

    directions: Generator
    trajectories: Generator
    votes: Generator

    @classmethod
    def of(cls, rng: Generator | Streams) -> Streams:
        """Spawn the streams from a generator; streams pass through, so a loop spawns once."""
        return rng if isinstance(rng, Streams) else cls(*rng.spawn(3))
