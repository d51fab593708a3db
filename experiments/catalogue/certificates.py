"""Certificate checks: runs in which every constant is proved, so that the bound is a theorem."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from estimators.feedback import preferences
from experiments.catalogue.claims import Point, PointOf
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from theory import certificate, smoothness_bound

# N and M of the certified runs: no noise, trajectories alone, and both.
SETTINGS = ((math.inf, math.inf), (1e6, math.inf), (1e4, 256.0))
RADII = np.geomspace(1e-3, 10.0, 81)


@dataclass(frozen=True)
class CertificateCheck:
    """Runs of one method on one instance with alpha = 1 / (4 L d), L proved.

    Attributes
    ----------
    name : str
    method : str or Method
    instance : str or Instance
    n_iterations : int
    replicates : int
    """

    name: str
    method: str | Method
    instance: str | Instance
    n_iterations: int = 256
    replicates: int = 8

    def points(self) -> list[PointOf]:
        """Instance and settings of every cell, each with the radius whose certificate is smallest."""
        instance = find("instance", self.instance)
        smoothness, dim = smoothness_bound(instance.mdp, instance.policy), instance.policy.dim
        step_size = 1 / (4 * smoothness * dim)
        points = []
        for n_pairs, n_queries in SETTINGS:
            table = preferences(n_pairs, n_queries, instance.link).table(instance.mdp)
            bound = certificate(
                value_gap=0.0,
                dim=dim,
                smoothness=smoothness,
                n_iterations=self.n_iterations,
                step_size=step_size,
                radius=RADII,
                n_pairs=n_pairs,
                inversion_bias=table.largest_bias,
                second_moment=table.largest_second_moment,
            )
            points.append(
                PointOf(
                    self.instance,
                    Point(
                        n_queries=n_queries,
                        n_pairs=n_pairs,
                        radius=float(RADII[np.argmin(bound.total)]),
                        step_size=step_size,
                        n_iterations=self.n_iterations,
                    ),
                )
            )
        return points
