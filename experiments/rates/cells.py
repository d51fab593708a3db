"""Cells: pure, seeded tasks. Their results do not depend on where or in which order they run."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd
from numpy.random import SeedSequence

from estimators import Ascent, PreferenceFeedback, StackedFeedback, ascend
from experiments.catalogue.certificates import CertificateCheck
from experiments.catalogue.claims import Claim, Point, PointOf, RunSettings, name_of
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from experiments.running.execution import Execution
from experiments.running.run_tasks import run_tasks
from theory import VoteModel, difference_law, return_distribution
from theory.arrays import FloatArray

# Replicates per cell.
BLOCK = 32


@dataclass(frozen=True)
class Cell:
    """Replicates of some grid points of one method on one instance, with a random stream of their own.

    Points that differ only in the number of iterations are prefixes of the same runs.

    Attributes
    ----------
    claim : str
        Name of the claim or check.
    method : str or Method
    instance : str or Instance
    points : tuple of Point
    first_point : int
        Index of the first of them on the claim's grid.
    replicates : tuple of int
        Indices of the replicates, consecutive over the cells of a claim.
    entropy : int
    spawn_key : tuple of int
        Of the SeedSequence of the cell, fixed before anything is scheduled.
    """

    claim: str
    method: str | Method
    instance: str | Instance
    points: tuple[Point, ...]
    first_point: int
    replicates: tuple[int, ...]
    entropy: int
    spawn_key: tuple[int, ...]

    @property
    def work(self) -> float:
        """Approximate time of a cell, in any unit."""
        return sum(point.n_iterations * min(point.n_queries, 1e4) for point in self.points)


def run_cell(cell: Cell) -> pd.DataFrame:
    """Run a cell: one row per grid point and replicate.

    Returns
    -------
    DataFrame
        Columns ``claim, method, instance, point`` (index on the claim's grid), ``replicate``, ``gradient_norm_sq``
        (mean over the iterates after the burn-in), ``start_value`` (V at the first of these), ``end_value`` (V at the
        last), the settings, and ``clip_rate`` (share of pairs read at the trim at the end of the runs).
    """
    rng = np.random.default_rng(SeedSequence(cell.entropy, spawn_key=cell.spawn_key))
    rows: list[pd.DataFrame] = []
    instance, method = find("instance", cell.instance), find("method", cell.method)
    for points in _batches(cell.points, together=method.stacks):
        rows += _run_batch(cell, instance, method, points, rng)
    frame = pd.concat(rows, ignore_index=True)
    return frame.sort_values(["point", "replicate"], ignore_index=True)


def _batches(points: Sequence[Point], *, together: bool) -> list[list[Point]]:
    """Batches of points by the length of their run. Prefixes of one run are in the same batch.

    A method that does not take a stacked oracle gets one batch per setting.
    """
    longest: dict[RunSettings, int] = {}
    for point in points:
        longest[point.settings] = max(longest.get(point.settings, 0), point.n_iterations)
    if not together:
        return [[point for point in points if point.settings == settings] for settings in sorted(longest)]
    lengths = sorted(set(longest.values()))
    return [[point for point in points if longest[point.settings] == length] for length in lengths]


def _run_batch(
    cell: Cell, instance: Instance, method: Method, points: Sequence[Point], rng: np.random.Generator
) -> Iterator[pd.DataFrame]:
    """Run points of one length as one batch (settings, replicates)."""
    settings = sorted({p.settings for p in points})
    radius, step_size = (np.array([getattr(s, name) for s in settings])[:, None] for name in ("radius", "step_size"))
    starts = np.array([instance.start if each.start is None else each.start for each in settings])
    start = np.broadcast_to(starts[:, None], (len(settings), len(cell.replicates), instance.policy.dim))
    oracles = tuple(
        PreferenceFeedback(
            np.asarray(each.n_pairs), "law", VoteModel(instance.link, each.n_queries, repeated=each.repeated)
        )
        for each in settings
    )
    knob = radius if method.knob in ("radius", "") else _first_knob(method, instance, radius)
    estimator = method.build(instance.policy.dim, StackedFeedback(oracles) if method.stacks else oracles[0], knob)
    longest = max(p.n_iterations for p in points)
    ascent = ascend(instance.mdp, instance.policy, estimator, start, longest, step_size, rng)
    votes = np.asarray(estimator.n_votes).any()
    clipped = _clip_rates(instance, oracles, ascent.theta) if votes else np.zeros(ascent.theta.shape[:-1])
    for point in points:
        run = settings.index(point.settings)
        yield _rows(cell, point, ascent, run).assign(clip_rate=clipped[run])


def _first_knob(method: Method, instance: Instance, radius: FloatArray) -> FloatArray:
    """Knob of a method without a radius: the first knob of its grid."""
    return np.full_like(radius, method.settings(instance).setting((0, 0)).knob)


def _clip_rates(instance: Instance, oracles: Sequence[PreferenceFeedback], theta: FloatArray) -> FloatArray:
    """Share of pairs read at the trim at the end of the runs, (settings, replicates)."""
    law = return_distribution(instance.mdp, instance.policy, theta).probabilities
    gaps = difference_law(law, law)
    return np.stack([gaps[k] @ oracle.table(instance.mdp).clipped for k, oracle in enumerate(oracles)])


def _rows(cell: Cell, point: Point, ascent: Ascent, run: int) -> pd.DataFrame:
    averaged = slice(point.first, point.n_iterations)
    return pd.DataFrame(
        {
            "claim": cell.claim,
            "method": name_of(cell.method),
            "instance": name_of(cell.instance),
            "point": cell.first_point + cell.points.index(point),
            "replicate": cell.replicates,
            "n_iterations": point.n_iterations,
            "n_pairs": point.n_pairs,
            "n_queries": point.n_queries,
            "radius": point.radius,
            "step_size": point.step_size,
            "gradient_norm_sq": ascent.gradient_norm_sq[run, :, averaged].mean(axis=-1),
            "start_value": ascent.values[run, :, point.first],
            "end_value": ascent.values[run, :, point.n_iterations - 1],
        }
    )


def cells_of(claim: Claim | CertificateCheck, seed: int, first: int = 0, last: int | None = None) -> list[Cell]:
    """Cells of replicates ``first <= r < last`` of a claim, in blocks of 32, each with its own random stream.

    The stream depends only on the seed, the claim's name, the instance and the first replicate of the block. So it does
    not depend on which other claims or replicates are run.

    Parameters
    ----------
    claim : Claim or CertificateCheck
    seed : int
    first, last : int
        By default all replicates of the first look.
    """
    last = claim.replicates if last is None else last
    name = zlib.crc32(claim.name.encode())
    cells = []
    for instance, located in groupby(enumerate(claim.points()), key=_instance_of):
        numbers, points = zip(*((number, at.point) for number, at in located), strict=True)
        cells += [
            Cell(
                claim=claim.name,
                method=claim.method,
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


def run_cells(tasks: Sequence[Cell], execution: Execution | None = None) -> pd.DataFrame:
    """Run cells and stack their rows in the order given.

    Parameters
    ----------
    tasks : sequence of Cell
    execution : Execution, optional
    """
    return pd.concat(run_tasks(run_cell, tasks, lambda cell: cell.work, execution), ignore_index=True)


def _instance_of(numbered: tuple[int, PointOf]) -> str | Instance:
    return numbered[1].instance
