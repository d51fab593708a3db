"""Certificate checks: runs in which every constant is proved, so that the bound is a theorem.

A certificate says something where it lies below |grad V|^2 at the start: a run that never moved would exceed it. So
the start, the number of iterations, the step and the radius are those that the bound itself asks for, before any run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from estimators import ZerothOrder
from estimators.feedback import preferences
from estimators.pair_feedback import PairFeedback
from experiments.catalogue.claims import Point, PointOf
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from theory import InputError, certificate, optimal_value, smoothness_bound, value_and_gradient
from theory.arrays import FloatArray
from theory.bounds import LARGEST_C
from theory.vote_tables import VoteTable

# N and M of the certified runs: no noise, trajectories alone, votes alone, and both.
NO_NOISE = (math.inf, math.inf)
SETTINGS = (NO_NOISE, (1e10, math.inf), (1e8, math.inf), (math.inf, 65536.0), (1e8, 4096.0))
# Numbers in a table of votes: settings that need more are left out.
LARGEST_TABLE = 4e6
# Without noise the bound is to be this share of |grad V|^2 at the start. The rest is left for the noise.
SHARE = 0.7
# Iterations of a short run, where the bound asks for more than are allowed.
SHORT = 256
# Gradients that the search for a start may cost. It looks around the instance's own start.
GRADIENTS, SPREAD = 8192, 2.0

# Values of c = L alpha d, and of the radius.
STEPS = np.geomspace(2e-3, 0.8, 40)[:, None] * LARGEST_C
RADII = np.geomspace(1e-5, 10.0, 121)


@dataclass(frozen=True)
class CertificateCheck:
    """Runs of one method on one instance with L proved and steps below 3 / (4 L d).

    Attributes
    ----------
    name : str
    method : str or Method
    instance : str or Instance
    most_iterations : int
    replicates : int
    """

    name: str
    method: str | Method
    instance: str | Instance
    most_iterations: int = 8192
    replicates: int = 8

    def points(self) -> list[PointOf]:
        """The settings whose certificate says something; if none does, a short run without noise."""
        origin = _origin(find("instance", self.instance), find("method", self.method))
        needed = origin.iterations_for(SHARE)
        if needed > self.most_iterations:
            return [PointOf(self.instance, origin.best_point(SHORT, NO_NOISE)[0])]
        found = [origin.best_point(math.ceil(needed), setting) for setting in origin.settings]
        return [PointOf(self.instance, point) for point, bound in found if bound < origin.gradient_sq]

    @property
    def possible(self) -> bool:
        """Whether the method has a law of its readings on the instance, with infinitely many pairs and votes."""
        try:
            read_by(find("method", self.method), find("instance", self.instance), *NO_NOISE)
        except InputError:
            return False
        return True


def read_by(method: Method, instance: Instance, n_pairs: float, n_queries: float) -> tuple[VoteTable, float]:
    """Law of what a method reads from a pair, and on how many pairs an iteration, for N and M of the oracle.

    A method that does not read pairs one by one is taken as ZPG.

    Raises
    ------
    InputError
        If there is no such law on this instance.
    """
    oracle = preferences(n_pairs, n_queries, instance.link)
    built = method.build(instance.policy.dim, oracle, np.asarray(1.0))
    if not (isinstance(built, ZerothOrder) and isinstance(built.feedback, PairFeedback)):
        return oracle.table(instance.mdp), n_pairs
    return built.feedback.table(instance.mdp), float(built.n_directions * built.feedback.n_pairs)


@dataclass(frozen=True, eq=False)
class _Origin:
    """Where certified runs start, and what their bound needs to know of the instance and the method."""

    instance: Instance
    method: Method
    theta: FloatArray
    value_gap: float
    gradient_sq: float
    smoothness: float

    def iterations_for(self, share: float) -> float:
        """Iterations after which the bound without noise is a share of |grad V|^2 at the start."""
        if self.gradient_sq == 0:
            return math.inf
        return float(self._bounds(1, NO_NOISE).min()) / (share * self.gradient_sq)

    @property
    def settings(self) -> list[tuple[float, float]]:
        """Those of `SETTINGS` whose table of votes is small enough, and that the method can tell apart."""
        n_differences = 2 * self.instance.mdp.largest_return_steps[-1] + 1
        small = [each for each in SETTINGS if math.isinf(each[1]) or n_differences * each[1] <= LARGEST_TABLE]
        # Tables are cached: the same one means the same votes.
        read = {each: read_by(self.method, self.instance, *each) for each in small}
        seen = [(id(table), pairs) for table, pairs in read.values()]
        return [each for k, each in enumerate(small) if seen.index(seen[k]) == k]

    def best_point(self, n_iterations: int, setting: tuple[float, float]) -> tuple[Point, float]:
        """Step and radius of the smallest bound, and that bound."""
        bounds = self._bounds(n_iterations, setting)
        step, radius = np.unravel_index(bounds.argmin(), bounds.shape)
        n_pairs, n_queries = setting
        point = Point(
            n_queries=n_queries,
            n_pairs=n_pairs,
            radius=float(RADII[radius]),
            step_size=float(self._step_sizes()[step, 0]),
            n_iterations=n_iterations,
            start=tuple(self.theta.tolist()),
        )
        return point, float(bounds.min())

    def _bounds(self, n_iterations: int, setting: tuple[float, float]) -> FloatArray:
        """The certificate at every step and radius, (n_steps, n_radii)."""
        table, n_pairs = read_by(self.method, self.instance, *setting)
        return certificate(
            value_gap=self.value_gap,
            dim=self.instance.policy.dim,
            smoothness=self.smoothness,
            n_iterations=n_iterations,
            step_size=self._step_sizes(),
            radius=RADII,
            n_pairs=n_pairs,
            inversion_bias=table.largest_bias,
            second_moment=table.largest_second_moment,
        ).total

    def _step_sizes(self) -> FloatArray:
        # If L is 0, nothing depends on the parameters, and any step will do.
        return np.asarray(STEPS / ((self.smoothness or 1.0) * self.instance.policy.dim))


@lru_cache(maxsize=64)
def _origin(instance: Instance, method: Method) -> _Origin:
    """The instance's own start or one around it: where the bound asks for the fewest iterations."""
    mdp, policy = instance.mdp, instance.policy
    n_starts = max(16, min(512, GRADIENTS // policy.dim))
    moves = np.random.default_rng(29).standard_normal((n_starts, policy.dim))
    moves[0] = 0
    starts = instance.start + SPREAD * moves
    values, gradients = value_and_gradient(mdp, policy, starts)
    sizes, gaps = (gradients**2).sum(axis=-1), optimal_value(mdp) - values
    best = int((sizes / np.maximum(gaps, np.finfo(np.float64).tiny)).argmax())
    smoothness = smoothness_bound(mdp, policy)
    return _Origin(instance, method, starts[best], float(gaps[best]), float(sizes[best]), smoothness)
