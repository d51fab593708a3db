"""The error of one plan beyond first order in the noise: theta_t counts as normal about the path."""

from __future__ import annotations

import numpy as np
from scipy.fft import dct

from experiments.planning.error_curves import ErrorParts
from experiments.planning.exact_model import LARGEST_GROWTH, PathNoise, mean_growth
from experiments.planning.readings import Reading
from theory.arrays import FloatArray
from theory.values import policy_gradient, policy_value

# Values of V at each step of the path, above which the mean drift is worked out from gradients, about as well.
MOST_VALUES = 15_000


def normal_error(
    noise: PathNoise, reading: Reading, step_size: float, n_pairs: float, n_iterations: float
) -> ErrorParts:
    """(1/T) sum_t E|grad V(theta_t)|^2 for theta_t normal, with the mean and the covariance of first order.

    The covariance X is that of the linear noise along the path. The mean differs from the path by e with
    de/du = J e + E m(theta) - m(path + e) - (step_size c / 2) J m, where the last part is that of steps of a length
    that is not 0. Then E|grad V|^2 is the mean over the normal law, by 2 d points that are exact to third order. Noise
    that is large against the scale on which V varies is thus seen, which first order does not do.

    Parameters
    ----------
    noise : PathNoise
    reading : Reading
        Of the same path.
    step_size, n_pairs, n_iterations : float
    """
    path, dim = noise.path, noise.path.middles.shape[1]
    lengths = np.diff(path.times)
    ends, last = np.cumsum(lengths / reading.ratio), step_size * n_iterations
    size = step_size / (1 - min(step_size * float(reading.ratio[-1] * noise.spread[-1]), 0.9))
    sources = size * noise.sources(reading) / np.array([1, n_pairs, n_pairs])[:, None, None, None]
    moments, shift = np.zeros((3, dim, dim)), np.zeros(dim)
    added, shares = [0.0], np.zeros(3)
    squares = (policy_gradient(path.instance.mdp, path.instance.policy, path.ends) ** 2).sum(axis=1)
    for i, (values, vectors, length) in enumerate(zip(noise.values, noise.vectors, lengths, strict=True)):
        before = moments
        moments = advanced(moments, sources[:, i], values, vectors, length)
        push = _push(path.middles[i], shift, (before + moments).sum(axis=0) / 2, noise, step_size * reading.ratio[i], i)
        growth = mean_growth(np.minimum(values * length, LARGEST_GROWTH))
        grown = np.exp(np.minimum(values * length, LARGEST_GROWTH))
        shift = vectors @ (grown * (vectors.T @ shift) + length * growth * (vectors.T @ push))
        points = path.ends[i] + shift + _points(moments.sum(axis=0))
        seen = (policy_gradient(path.instance.mdp, path.instance.policy, points) ** 2).sum(axis=1).mean()
        added.append(float(seen) - float(squares[i]))
        shares += np.einsum("ij,kij->k", noise.hessians[i] @ noise.hessians[i], moments) * length / reading.ratio[i]
        if ends[i] >= last:
            break
    times = np.concatenate([[0.0], ends[: len(added) - 1]])
    integral = np.concatenate([[0.0], np.cumsum(np.diff(times) * (np.array(added[1:]) + added[:-1]) / 2)])
    whole = float(np.interp(last, times, integral) / last) + max(0.0, 1 - times[-1] / last) * added[-1]
    first = noise.curves(reading).error(step_size, n_pairs, n_iterations)
    parts = whole * shares / (shares.sum() or 1.0)
    return ErrorParts(first.transient, first.bias, *map(np.asarray, parts))


def advanced(
    moments: FloatArray, sources: FloatArray, values: FloatArray, vectors: FloatArray, length: float
) -> FloatArray:
    """Second moments after a time: dX/du = J X + X J + source, (k, dim, dim), J by its eigenvectors."""
    sums = np.minimum((values[:, None] + values) * length, LARGEST_GROWTH)
    inner = np.exp(sums) * (vectors.T @ moments @ vectors) + length * mean_growth(sums) * (
        vectors.T @ sources @ vectors
    )
    return np.asarray(vectors @ inner @ vectors.T)


def _push(
    middle: FloatArray, shift: FloatArray, moment: FloatArray, noise: PathNoise, step: float, i: int
) -> FloatArray:
    """What moves the mean off the path, over the ratio of the reading."""
    path, v = noise.path, noise.path.law.directions
    drift = path.scale / len(v) * path.differences[i] @ v
    steps = -step / 2 * path.jacobians[i] @ drift
    around, centre = _points(moment), middle + shift
    mdp, policy = path.instance.mdp, path.instance.policy
    if 2 * len(shift) * len(v) <= MOST_VALUES:
        points = centre + np.concatenate([around, np.zeros((1, len(shift)))])
        values = policy_value(mdp, policy, points[:, None] + path.radius * v)
        return np.asarray(path.scale / len(v) * (values[:-1].mean(axis=0) - values[-1]) @ v + steps)
    # On the sphere m is the mean of grad V over the ball, whose points are as far as this in the root mean square.
    # Every pair of opposite points has one direction.
    dim = len(shift)
    moved = np.tile(path.radius * np.sqrt(dim / (dim + 2)) * v[np.arange(dim) % len(v)], (2, 1))
    near = policy_gradient(mdp, policy, centre + np.concatenate([around + moved, moved[:dim]]))
    return np.asarray(near[: 2 * dim].mean(axis=0) - near[2 * dim :].mean(axis=0) + steps)


def _points(moment: FloatArray) -> FloatArray:
    """Points (2 d, d) with mean 0 and this second moment, along a frame whose vectors have no large entry."""
    values, vectors = np.linalg.eigh(moment)
    frame = dct(np.eye(len(values)), norm="ortho") * np.sqrt(len(values))
    half = frame * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    return np.concatenate([half, -half])
