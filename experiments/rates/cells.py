"""Cells: pure, seeded units of work, each the same whatever runs it, in whatever order."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.random import SeedSequence
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from estimators import Ascent, PreferenceFeedback, ZerothOrder, ascend
from estimators.stacked_feedback import StackedFeedback
from experiments.catalogue.algorithms import get_algorithm
from experiments.catalogue.certificates import CertificateCheck
from experiments.catalogue.claims import Claim, Point
from experiments.catalogue.instances import Instance, get_instance
from experiments.running.run_tasks import Backend, Progress, run_tasks
from theory import VoteModel, difference_law, return_distribution

FloatArray = NDArray[np.float64]

# Replicates of a cell.
BLOCK = 32


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
    feedback = StackedFeedback(
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


def cells_of(claim: Claim | CertificateCheck, seed: int, first: int = 0, last: int | None = None) -> list[Cell]:
    """Cells of replicates ``first <= r < last`` of a claim, in blocks of 32, each with its own random stream.

    The stream depends on the seed, the claim's name, the instance and the block's first replicate alone, so neither the
    selection of claims nor the replicates before or after change it.

    Parameters
    ----------
    claim : Claim or CertificateCheck
    seed : int
    first, last : int
        By default all the replicates of the first look.
    """
    last = claim.replicates if last is None else last
    name = zlib.crc32(claim.name.encode())
    cells = []
    for instance, places in groupby(enumerate(claim.places()), key=lambda place: place[1][0]):
        numbers, points = zip(*((number, point) for number, (_, point) in places), strict=True)
        cells += [
            Cell(
                claim=claim.name,
                algorithm=claim.algorithm,
                instance=instance,
                points=points,
                first_point=numbers[0],
                replicates=tuple(range(start, min(start + BLOCK, last))),
                entropy=seed,
                spawn_key=(name, numbers[0], start),
            )
            for start in range(first, last, BLOCK)
        ]
    return cells


def run_cells(
    tasks: Sequence[Cell],
    *,
    jobs: int = -1,
    backend: Backend = "loky",
    cache: Path | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Run cells and stack their rows in the order given.

    Parameters
    ----------
    tasks : sequence of Cell
    jobs : int
        Workers; -1 for one a core.
    backend : {"loky", "dask", "ray"}
    cache : Path, optional
        Folder that keeps finished cells; a cell is run again when its settings, its instance or the code change.
    progress : function of (done, total), optional
    """
    return run_tasks(_run, tasks, _work, jobs=jobs, backend=backend, cache=cache, progress=progress)


def _run(cell: Cell, fingerprint: str) -> pd.DataFrame:  # noqa: ARG001  (part of the cache's key)
    return run_cell(cell)


def _work(cell: Cell) -> float:
    return sum(point.n_iterations * min(point.n_queries, 1e4) for point in cell.points)
