"""Cells: pure, seeded units of work, each the same whatever runs it, in whatever order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.random import SeedSequence
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from estimators import Ascent, PreferenceFeedback, ZerothOrder, ascend
from estimators.panels import Panels
from experiments.algorithms import get_algorithm
from experiments.instances import Instance, get_instance
from theory import VoteModel, difference_law, return_distribution

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, order=True)
class Point:
    """Settings of one grid point.

    Attributes
    ----------
    n_queries, n_pairs : float
        M and N; infinity is exact.
    radius, step_size : float
        mu and alpha.
    n_iterations : int
        T.
    window : float
        The gradient norm is averaged over iterations ``window * T < t <= T``: 0 for the theorems' average over the
        whole run, 1/2 for the stationary tail.
    repeated : bool
        Whether the votes on a pair are one rater's, repeated: a fault to be studied.
    """

    n_queries: float
    n_pairs: float
    radius: float
    step_size: float
    n_iterations: int
    window: float = 0.0
    repeated: bool = False

    @property
    def settings(self) -> tuple[float, float, float, float, bool]:
        """N, M, mu, alpha and whether one rater is repeated: all that the law of a run depends on."""
        return self.n_pairs, self.n_queries, self.radius, self.step_size, self.repeated

    @property
    def first(self) -> int:
        """Index of the first iterate of the window."""
        return math.floor(self.window * self.n_iterations)


@dataclass(frozen=True)
class Cell:
    """Replicates of some grid points of one algorithm on one instance, with a seed of their own.

    Points that differ in the number of iterations only are prefixes of the same runs.

    Attributes
    ----------
    claim : str
        What the cell is for.
    algorithm, instance : str
    points : tuple of Point
    first_point : int
        Number of the first of them on the claim's grid.
    replicates : tuple of int
        Numbers of the replicates, consecutive over the cells of a claim.
    entropy : int
    spawn_key : tuple of int
        The cell's own child SeedSequence, bound to it before anything is scheduled.
    """

    claim: str
    algorithm: str
    instance: str
    points: tuple[Point, ...]
    first_point: int
    replicates: tuple[int, ...]
    entropy: int
    spawn_key: tuple[int, ...]


def run_cell(cell: Cell) -> pd.DataFrame:
    """Run a cell: one row a grid point and replicate.

    Returns
    -------
    DataFrame
        Columns ``claim, algorithm, instance, point`` (number on the claim's grid), ``replicate``,
        ``gradient_norm_sq`` (mean over the window), ``start_value`` (V at the window's first iterate), ``end_value``
        (at its last), the settings, and ``clip_rate`` (share of pairs read at the trim, where the runs end).
    """
    rng = np.random.default_rng(SeedSequence(cell.entropy, spawn_key=cell.spawn_key))
    rows: list[pd.DataFrame] = []
    # Sums inside a matrix product depend on the number of threads; one makes the bytes the same everywhere.
    with threadpool_limits(limits=1):
        instance = get_instance(cell.instance)
        for points in _batches(cell.points):
            rows += _run_batch(cell, instance, points, rng)
    frame = pd.concat(rows, ignore_index=True)
    return frame.sort_values(["point", "replicate"], ignore_index=True)


def _batches(points: Sequence[Point]) -> list[list[Point]]:
    """Points by the length of the run they need: prefixes of one run stay together, and equal lengths make a batch."""
    longest: dict[tuple[float, ...], int] = {}
    for point in points:
        longest[point.settings] = max(longest.get(point.settings, 0), point.n_iterations)
    lengths = sorted(set(longest.values()))
    return [[point for point in points if longest[point.settings] == length] for length in lengths]


def _run_batch(
    cell: Cell, instance: Instance, points: Sequence[Point], rng: np.random.Generator
) -> Iterator[pd.DataFrame]:
    """Run points of one length as one batch (settings, replicates)."""
    settings = sorted({p.settings for p in points})
    radius, step_size = (np.array([s[k] for s in settings])[:, None] for k in (2, 3))
    start = np.broadcast_to(instance.start, (len(settings), len(cell.replicates), instance.policy.dim))
    feedback = Panels(
        tuple(
            PreferenceFeedback(np.asarray(n_pairs), "law", VoteModel(instance.link, n_queries, repeated=repeated))
            for n_pairs, n_queries, _, _, repeated in settings
        )
    )
    estimator = ZerothOrder(get_algorithm(cell.algorithm).directions(instance.policy.dim), feedback, radius)
    longest = max(p.n_iterations for p in points)
    ascent = ascend(instance.mdp, instance.policy, estimator, start, longest, step_size, rng)
    # Share of pairs read at the trim, at the parameters where the runs end.
    law = return_distribution(instance.mdp, instance.policy, ascent.theta).probabilities
    gaps = difference_law(law, law)
    clipped = [gaps[k] @ member.table(instance.mdp).clipped for k, member in enumerate(feedback.members)]
    for point in points:
        run = settings.index(point.settings)
        yield _rows(cell, point, ascent, run).assign(clip_rate=clipped[run])


def _rows(cell: Cell, point: Point, ascent: Ascent, run: int) -> pd.DataFrame:
    window = slice(point.first, point.n_iterations)
    return pd.DataFrame(
        {
            "claim": cell.claim,
            "algorithm": cell.algorithm,
            "instance": cell.instance,
            "point": cell.first_point + cell.points.index(point),
            "replicate": cell.replicates,
            "n_iterations": point.n_iterations,
            "n_pairs": point.n_pairs,
            "n_queries": point.n_queries,
            "radius": point.radius,
            "step_size": point.step_size,
            "gradient_norm_sq": ascent.gradient_norm_sq[run, :, window].mean(axis=-1),
            "start_value": ascent.values[run, :, point.first],
            "end_value": ascent.values[run, :, point.n_iterations - 1],
        }
    )
