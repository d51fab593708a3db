"""Claims on the variance of one estimate, measured on simulated trajectories and votes."""

from __future__ import annotations

import zlib
from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.random import Generator, SeedSequence

from estimators import Blocks, Streams, ZerothOrder
from estimators.feedback import preferences
from experiments.catalogue.lookup import find
from theory.arrays import FloatArray

# Replicates per task.
BLOCK = 32


@dataclass(frozen=True)
class EstimateSetting:
    """An estimate of ZBCPG with K = 1 whose variance is measured.

    Attributes
    ----------
    instance : str
    theta : tuple of float
        Where it is made.
    n_pairs : int
    radius : float
    n_queries : int
    """

    instance: str
    theta: tuple[float, ...]
    n_pairs: int
    radius: float
    n_queries: int = 100


@dataclass(frozen=True)
class SampledClaim:
    """A power law of the variance that trajectories and votes give one estimate.

    Attributes
    ----------
    name : str
        Unique; it seeds the samples.
    axis : str
        Name of the quantity that varies.
    grid : tuple of float
    settings : tuple of EstimateSetting
        One per grid point.
    exponent : float
    limit : {"infinity", "zero"}
        The end of the axis towards which the variance falls, at least as fast as stated.
    source, reason : str
    replicates : int
        At the first look.
    n_estimates : int
        Pairs of estimates that a replicate is the mean over.
    two_sided : bool
        Whether the claim is also that the variance does not fall faster.
    margin : float
    """

    name: str
    axis: str
    grid: tuple[float, ...]
    settings: tuple[EstimateSetting, ...]
    exponent: float
    limit: Literal["infinity", "zero"]
    source: str
    reason: str
    replicates: int = 32
    n_estimates: int = 384
    two_sided: bool = True
    margin: float = 0.05
    # Its noise is nearly normal: it is always judged with the others.
    in_family: ClassVar[bool] = True


@dataclass(frozen=True)
class SampledCell:
    """Replicates of one grid point, with a seed of their own.

    Attributes
    ----------
    claim : str
    point : int
        Number on the claim's grid.
    setting : EstimateSetting
    n_estimates : int
    replicates : tuple of int
    entropy : int
    spawn_key : tuple of int
    """

    claim: str
    point: int
    setting: EstimateSetting
    n_estimates: int
    replicates: tuple[int, ...]
    entropy: int
    spawn_key: tuple[int, ...]

    @property
    def instance(self) -> str:
        """Name of the instance."""
        return self.setting.instance

    @property
    def work(self) -> float:
        """About how long it takes, in the unit of the other cells."""
        return 50.0 * len(self.replicates) * self.n_estimates * self.setting.n_pairs


def sampled_cells(claim: SampledClaim, seed: int, first: int, last: int) -> list[SampledCell]:
    """Cells of replicates ``first <= r < last``, with streams that depend on nothing else but seed, name and point."""
    name = zlib.crc32(claim.name.encode())
    return [
        SampledCell(
            claim=claim.name,
            point=point,
            setting=setting,
            n_estimates=claim.n_estimates,
            replicates=tuple(range(start, min(start + BLOCK, last))),
            entropy=seed,
            spawn_key=(name, point, start),
        )
        for point, setting in enumerate(claim.settings)
        for start in range(first, last, BLOCK)
    ]


def run_sampled_cell(cell: SampledCell) -> pd.DataFrame:
    """Run a cell: one row a replicate, with columns ``claim, point, replicate, variance``."""
    rng = np.random.default_rng(SeedSequence(cell.entropy, spawn_key=cell.spawn_key))
    sampled = sampled_variance(cell.setting, (len(cell.replicates), cell.n_estimates), rng)
    frame = {"claim": cell.claim, "point": cell.point, "replicate": cell.replicates, "variance": sampled.mean(axis=-1)}
    return pd.DataFrame(frame)


def sampled_variance(setting: EstimateSetting, shape: tuple[int, ...], rng: Generator) -> FloatArray:
    """Half the squared distance of two estimates with the same direction, but with other trajectories and votes.

    Its mean is the trace of the covariance of one estimate due to trajectories and votes. The variance due to the
    direction is not part of it.
    """
    instance = find("instance", setting.instance)
    feedback = preferences(setting.n_pairs, setting.n_queries, instance.link, sampler="rollout")
    estimator = ZerothOrder(Blocks(1), feedback, setting.radius)
    theta = np.broadcast_to(np.array(setting.theta), (*shape, instance.policy.dim))
    (directions,) = rng.spawn(1)
    first, second = (
        estimator.estimate(instance.mdp, instance.policy, theta, Streams(deepcopy(directions), *rng.spawn(2)))
        for _ in range(2)
    )
    return np.asarray(((first - second) ** 2).sum(axis=-1) / 2)
