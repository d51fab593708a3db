"""Settings that a plan chooses among one by one: directions, radius and panel, each with its model of the error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from experiments.catalogue.instance import Instance
from experiments.planning.drift_path import NoPathError, direction_set, drift_path
from experiments.planning.error_curves import ErrorModel
from experiments.planning.exact_model import PathNoise
from experiments.planning.readings import readings
from experiments.planning.settings import Panel

# Radii that are tried, as the root mean square of the K moves of a coordinate that v makes (d for the sphere).
MOVES = (0.2, 0.5, 1.2, 3.0)


@dataclass(frozen=True, eq=False)
class Candidate:
    """Directions, radius and panel.

    Attributes
    ----------
    block_size : int or None
        K of ZBCPG; None is ZPG.
    radius : float
    panel : Panel
    model : ErrorModel
    """

    block_size: int | None
    radius: float
    panel: Panel
    model: ErrorModel = field(repr=False)

    @property
    def method(self) -> str:
        """Title of the method."""
        return "ZPG" if self.block_size is None else f"ZBCPG, K = {self.block_size}"


def radius_of(block_size: int | None, dim: int, move: float) -> float:
    """Radius at which v moves its coordinates by `move` each."""
    return move * math.sqrt(dim if block_size is None else block_size)


def exact_candidates(
    instance: Instance, block_size: int | None, radius: float, panels: Sequence[Panel], longest: int, seed: int = 0
) -> list[Candidate]:
    """One candidate per panel, from one path and the same laws of returns; none where the drift leads nowhere.

    Parameters
    ----------
    instance : Instance
    block_size : int or None
    radius : float
    panels : sequence of Panel
    longest : int
        Iterations of the longest run.
    seed : int
        Of directions that cannot be enumerated.
    """
    law = direction_set(block_size, instance.policy.dim, np.random.default_rng([seed, 6]))
    try:
        path = drift_path(instance, law, radius, longest)
    except NoPathError:
        return []
    noise = PathNoise.of(path)
    return [Candidate(block_size, radius, each.panel, noise.curves(each)) for each in readings(path, panels)]
