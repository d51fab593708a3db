"""Settings that a plan chooses among one by one: directions, radius and panel, each with its model of the error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from experiments.catalogue.instance import Instance
from experiments.planning.drift_path import NoPathError, direction_set, drift_path
from experiments.planning.error_curves import ErrorCurves, ErrorModel, ErrorParts, believed
from experiments.planning.exact_model import PathNoise
from experiments.planning.normal_law import normal_error
from experiments.planning.readings import Reading, readings
from experiments.planning.settings import Panel
from theory.arrays import FloatArray

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
    made = (ExactModel(noise, each, noise.curves(each)) for each in readings(path, panels))
    return [Candidate(block_size, radius, each.reading.panel, each) for each in made]


@dataclass(frozen=True, eq=False)
class ExactModel:
    """The exact model of one candidate: curves of first order to search on, the normal law to judge by."""

    noise: PathNoise
    reading: Reading
    curves: ErrorCurves

    @property
    def largest_step(self) -> float:
        """Largest step size that a plan may use."""
        return self.curves.largest_step

    @property
    def least_time(self) -> float:
        """S = step_size * T below which a run hardly moves."""
        return self.curves.least_time

    def error(self, step_size: ArrayLike, n_pairs: ArrayLike, n_iterations: ArrayLike) -> ErrorParts:
        """Error of first order in the noise."""
        return self.curves.error(step_size, n_pairs, n_iterations)

    def votes(self, step_size: ArrayLike, n_iterations: ArrayLike) -> FloatArray:
        """Expected votes on a pair, averaged over the run."""
        return self.curves.votes(step_size, n_iterations)

    def judged(self, step_size: float, n_pairs: float, n_iterations: float) -> ErrorParts:
        """Error by the normal law."""
        first = self.error(step_size, n_pairs, n_iterations)
        added = normal_error(self.noise, self.reading, step_size, n_pairs, n_iterations)
        return believed(first.transient, first.bias, *added)
