"""The exact model: the flow of the drift, and first-order noise about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.planning.drift_path import DriftPath
from experiments.planning.error_curves import ErrorCurves
from experiments.planning.readings import Reading
from experiments.planning.settings import STEP_MARGIN
from theory.arrays import FloatArray
from theory.values import policy_hessian

# Growth of noise along the path, in logarithms, beyond which it does not matter how large it is.
LARGEST_GROWTH = 60.0


@dataclass(frozen=True, eq=False)
class PathNoise:
    """What noise does along a path, for every panel.

    Attributes
    ----------
    path : DriftPath
    values, vectors : arrays (n, dim), (n, dim, dim)
        Eigenvalues and eigenvectors of the Jacobian in each interval.
    hessians : array (n, dim, dim)
        Hessian of V in the middle of each interval.
    first, second : arrays (n, dim, dim)
        E[F v v'] and E[F^2 v v'] with F = V(theta + mu v) - V(theta).
    spread : array (n,)
        Multiplicative noise of the direction: tr(A M(A)) / (2 tr A), A the positive part of minus the Jacobian.
    """

    path: DriftPath
    values: FloatArray
    vectors: FloatArray
    hessians: FloatArray
    first: FloatArray
    second: FloatArray
    spread: FloatArray

    @classmethod
    def of(cls, path: DriftPath) -> PathNoise:
        """Everything that does not depend on the panel."""
        v, n = path.law.directions, len(path.law.directions)
        values, vectors = np.linalg.eigh(path.jacobians)
        hessians = policy_hessian(path.instance.mdp, path.instance.policy, path.middles)
        first, second = (
            np.einsum("td,di,dj->tij", power, v, v, optimize=True) / n
            for power in (path.differences, path.differences**2)
        )
        pull = np.maximum(-values, 0.0)
        curved = np.einsum("tik,tk,tjk->tij", vectors, pull, vectors)
        scattered = np.stack([path.law.spread(form) for form in curved])
        traces = pull.sum(axis=1)
        spread = np.divide(
            np.einsum("tij,tij->t", curved, scattered), 2 * traces, out=np.zeros_like(traces), where=traces > 0
        )
        return cls(path, values, vectors, hessians, first, second, spread)

    def curves(self, reading: Reading) -> ErrorCurves:
        """The error of one panel as curves in s = step_size * T."""
        path, ratio = self.path, reading.ratio
        lengths = np.diff(path.times) / ratio
        increments = self._errors(self.sources(reading)) / ratio
        time = np.cumsum(lengths)
        summed = (path.squares * lengths, *increments, reading.votes * lengths)
        squares, direction, trajectories, queries, counts = (np.cumsum(part) / time for part in summed)
        stable = ratio * np.maximum(self.spread, -self.values.min(axis=1) / 2)
        return ErrorCurves(
            times=time,
            path=squares,
            direction=direction,
            trajectories=trajectories,
            queries=queries,
            counts=np.round(counts, 9),  # the mean of a fixed number of votes is that number
            bias=float(path.squares[-1]),
            spread=float(ratio[-1] * self.spread[-1]),
            largest_step=STEP_MARGIN / max(float(stable.max()), np.finfo(np.float64).tiny),
            least_time=float(time[0]),
        )

    def sources(self, reading: Reading) -> FloatArray:
        """Second moment of an estimate over the ratio of the reading, (3, n, dim, dim).

        Its parts from the direction, and from trajectories and votes of one pair.
        """
        dim, scale = self.path.middles.shape[1], self.path.scale
        one, c, b = np.eye(dim), reading.ratio[:, None, None], reading.offset[:, None, None]
        direction = scale**2 * (c**2 * self.second + 2 * b * c * self.first + b**2 * one / dim)
        pairs = (scale**2 / dim * part[:, None, None] * one for part in (reading.trajectory, reading.query))
        return np.stack([direction, *pairs]) / c

    def _errors(self, noises: FloatArray) -> FloatArray:
        """Integral over each interval of what noise adds to |grad V|^2, (k, n, dim, dim) -> (k, n).

        The second moment X of the distance from the path obeys dX/du = J X + X J + noise. What it adds is tr(J X J) and
        parts with third derivatives of V; by the energy balance their integral is [tr(J X) / 2] - tr(J noise) / 2 for
        |m|^2. It is turned into that of |grad V|^2 by tr(H X H) / tr(J X J).
        """
        lengths = np.diff(self.path.times)
        moment = np.zeros((len(noises), *noises.shape[2:]))
        before, errors = np.zeros(len(noises)), np.empty(noises.shape[:2])
        for i, (values, vectors, length) in enumerate(zip(self.values, self.vectors, lengths, strict=True)):
            source = vectors.T @ noises[:, i] @ vectors
            sums = np.minimum((values[:, None] + values) * length, LARGEST_GROWTH)
            moment = np.exp(sums) * (vectors.T @ moment @ vectors) + length * mean_growth(sums) * source
            after = np.einsum("i,kii->k", values, moment) / 2
            energy = after - before - length * np.einsum("i,kii->k", values, source) / 2
            moment = vectors @ moment @ vectors.T
            squared = self.hessians[i] @ self.hessians[i]
            seen, pulled = (
                np.einsum("ij,kij->k", form, moment) for form in (squared, (vectors * values**2) @ vectors.T)
            )
            errors[:, i] = energy * np.divide(seen, pulled, out=np.ones_like(seen), where=pulled > 0)
            before = after
        return errors


def mean_growth(exponents: FloatArray) -> FloatArray:
    """Mean of exp(x t) over t in [0, 1]."""
    safe = np.where(np.abs(exponents) < 1e-6, 1.0, exponents)
    return np.where(np.abs(exponents) < 1e-6, 1 + exponents / 2, np.expm1(safe) / safe)
