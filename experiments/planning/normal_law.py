"""The error of one plan beyond first order in the noise: theta_t counts as normal about the path."""

from __future__ import annotations

import numpy as np
from scipy.fft import dct

from experiments.planning.exact_model import LARGEST_GROWTH, PathNoise, mean_growth
from experiments.planning.readings import Reading
from theory.arrays import FloatArray
from theory.values import policy_gradient, policy_value

# Values of V at each step of the path, above which the mean drift is worked out from gradients, about as well.
MOST_VALUES = 15_000


def normal_error(
    noise: PathNoise, reading: Reading, step_size: float, n_pairs: float, n_iterations: float
) -> FloatArray:
    """What noise adds to (1/T) sum_t |grad V|^2 along the path, from the direction, trajectories and votes, (3,).

    Here theta_t is normal, with the mean and the covariance of first order.

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
    mdp, policy = path.instance.mdp, path.instance.policy
    plain = (policy_gradient(mdp, policy, np.stack([path.middles, path.ends])) ** 2).sum(axis=-1)
    moments, shift = np.zeros((3, dim, dim)), np.zeros(dim)
    added, shares, before = [], np.zeros(3), 0.0
    for i, (values, vectors, length) in enumerate(zip(noise.values, noise.vectors, lengths, strict=True)):
        at_start, moments = moments, advanced(moments, sources[:, i], values, vectors, length)
        half = (at_start + moments).sum(axis=0) / 2
        push = _push(path.middles[i], shift, half, noise, step_size * reading.ratio[i], i)
        exponents = np.minimum(values * length, LARGEST_GROWTH)
        moved = np.exp(exponents) * (vectors.T @ shift) + length * mean_growth(exponents) * (vectors.T @ push)
        shift_at_start, shift = shift, vectors @ moved
        points = np.stack([path.middles[i] + (shift_at_start + shift) / 2 + _points(half),
                           path.ends[i] + shift + _points(moments.sum(axis=0))])  # fmt: skip
        seen = (policy_gradient(mdp, policy, points) ** 2).sum(axis=-1).mean(axis=1) - plain[:, i]
        # Simpson's rule; the mean of a square is not negative.
        added.append(max((before + 4 * seen[0] + seen[1]) / 6, -path.squares[i]))
        before = seen[1]
        shares += np.einsum("ij,kij->k", noise.hessians[i] @ noise.hessians[i], moments) * length / reading.ratio[i]
        if ends[i] >= last:
            break
    times = np.concatenate([[0.0], ends[: len(added)]])
    integral = np.concatenate([[0.0], np.cumsum(np.diff(times) * added)])
    whole = float(np.interp(last, times, integral) / last) + max(0.0, 1 - times[-1] / last) * added[-1]
    return np.asarray(whole * shares / (shares.sum() or 1.0))


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
