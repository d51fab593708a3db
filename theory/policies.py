"""Policies: smooth maps from a parameter vector to action probabilities."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory.arrays import FloatArray
from theory.batching import columns, rows
from theory.errors import InputError, require_integer, require_positive
from theory.validation import check_width, real_array


@runtime_checkable
class Policy(Protocol):
    """The interface of a policy.

    Both methods broadcast over leading axes of `theta`. They must accept complex `theta`, because exact Hessians are
    complex steps of exact gradients.
    """

    @property
    def n_states(self) -> int:
        """Number of states S."""

    @property
    def n_actions(self) -> int:
        """Number of actions A."""

    @property
    def horizon(self) -> int | None:
        """Number of steps H of a time-dependent policy; None for a stationary one."""

    @property
    def dim(self) -> int:
        """Number of parameters d."""

    @property
    def score_bounds(self) -> tuple[float, float]:
        """Bounds (F, G2) of the norm of the Hessian of log pi(a|s), and of E_a[(u' grad log pi(a|s))^2] for unit u."""

    def probabilities(self, theta: NDArray[Any]) -> NDArray[Any]:
        """Action probabilities, (..., dim) -> (..., 1, S, A) when stationary, (..., H, S, A) otherwise."""

    def score_product(self, theta: NDArray[Any], probabilities: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        """Sum over (stage, s, a) of weights[stage, s, a] grad log pi(a|s), shape (..., dim).

        `probabilities` is the result of `probabilities(theta)`; `weights` has its shape.
        """


class _Softmax:
    """Softmax of logits; a subclass gives the logits and the transpose of their Jacobian, as arrays (core..., B)."""

    n_states: int
    n_actions: int
    horizon: int | None

    @property
    def dim(self) -> int:
        raise NotImplementedError

    def _logits(self, theta: NDArray[Any]) -> NDArray[Any]:
        """(dim, B) -> (1 or H, S, A, B)."""
        raise NotImplementedError

    def _pull_back(self, theta: NDArray[Any], slopes: NDArray[Any]) -> NDArray[Any]:
        """Transposed Jacobian of the logits: (1 or H, S, A, B) -> (dim, B)."""
        raise NotImplementedError

    def probabilities(self, theta: NDArray[Any]) -> NDArray[Any]:
        """Action probabilities, (..., dim) -> (..., 1, S, A) when stationary, (..., H, S, A) otherwise.

        Raises
        ------
        InputError
            If the last axis of theta has another length than dim.
        """
        theta = np.asarray(theta)
        check_width(theta, self.dim)
        logits = self._logits(columns(theta, 1))
        odds = np.exp(logits - logits.max(axis=2, keepdims=True))
        odds /= odds.sum(axis=2, keepdims=True)
        return rows(odds, theta.shape[:-1])

    def score_product(self, theta: NDArray[Any], probabilities: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        """Sum over (stage, s, a) of weights[stage, s, a] grad log pi(a|s), shape (..., dim)."""
        weight = columns(weights, 3)
        slopes = weight - columns(probabilities, 3) * weight.sum(axis=2, keepdims=True)
        return rows(self._pull_back(columns(theta, 1), slopes), theta.shape[:-1])


@dataclass(frozen=True)
class TabularSoftmax(_Softmax):
    """Softmax with one logit per (state, action), or per (stage, state, action) if `horizon` is given.

    Parameters
    ----------
    n_states, n_actions : int
    horizon : int, optional
        Makes the policy time-dependent; theta is then (H, S, A), flattened row by row.
    """

    n_states: int
    n_actions: int
    horizon: int | None = None

    def __post_init__(self) -> None:
        _require_sizes(self)

    @property
    def dim(self) -> int:
        """H S A if time-dependent, S A if stationary."""
        return (self.horizon or 1) * self.n_states * self.n_actions

    @property
    def score_bounds(self) -> tuple[float, float]:
        """F, G2 <= 1/2: the largest eigenvalue of diag(p) - p p'."""
        return 0.5, 0.5

    def _logits(self, theta: NDArray[Any]) -> NDArray[Any]:
        return theta.reshape(-1, self.n_states, self.n_actions, theta.shape[-1])

    def _pull_back(self, theta: NDArray[Any], slopes: NDArray[Any]) -> NDArray[Any]:
        return slopes.reshape(theta.shape)


@dataclass(frozen=True, eq=False)
class LogLinearSoftmax(_Softmax):
    """Softmax of features(s, a) . theta.

    Parameters
    ----------
    features : array (S, A, d)
    """

    features: ArrayLike
    horizon: None = field(default=None, init=False)

    def __post_init__(self) -> None:
        array = real_array("features", self.features)
        if array.ndim != 3 or 0 in array.shape or not np.isfinite(array).all():
            raise InputError(f"features must be a finite array of shape (S, A, d), got shape {array.shape}")
        array.setflags(write=False)
        object.__setattr__(self, "features", array)

    @property
    def _table(self) -> FloatArray:
        table: FloatArray = self.features  # type: ignore[assignment]  # __post_init__ made it an array
        return table

    @property
    def n_states(self) -> int:  # type: ignore[override]
        """Number of states S."""
        return int(self._table.shape[0])

    @property
    def n_actions(self) -> int:  # type: ignore[override]
        """Number of actions A."""
        return int(self._table.shape[1])

    @property
    def dim(self) -> int:
        """Number of features d."""
        return int(self._table.shape[2])

    @property
    def score_bounds(self) -> tuple[float, float]:
        """F, G2 <= w^2 / 4, where w is the largest distance between the features of two actions of one state."""
        gaps = self._table[:, :, None, :] - self._table[:, None, :, :]
        bound = float((gaps**2).sum(axis=-1).max()) / 4
        return bound, bound

    def _logits(self, theta: NDArray[Any]) -> NDArray[Any]:
        flat = self._table.reshape(-1, self.dim)
        logits: NDArray[Any] = flat @ theta
        return logits.reshape(1, self.n_states, self.n_actions, theta.shape[-1])

    def _pull_back(self, theta: NDArray[Any], slopes: NDArray[Any]) -> NDArray[Any]:
        pulled: NDArray[Any] = self._table.reshape(-1, self.dim).T @ slopes.reshape(-1, theta.shape[-1])
        return pulled


@dataclass(frozen=True)
class CircularPolicy(_Softmax):
    """Softmax of ``concentration * cos(theta_s - 2 pi a / A)``: one angle per state, a compact parameter space.

    Its optimum is attained and, on generic instances, non-degenerate. The optimum of tabular softmax is at infinity.

    Parameters
    ----------
    n_states, n_actions : int
    concentration : float
        Kappa > 0. The larger, the further from uniform the policy can be.
    """

    n_states: int
    n_actions: int
    concentration: float
    horizon: None = field(default=None, init=False)

    def __post_init__(self) -> None:
        _require_sizes(self)
        require_positive("concentration", self.concentration)

    @property
    def dim(self) -> int:
        """One angle per state."""
        return self.n_states

    @property
    def score_bounds(self) -> tuple[float, float]:
        """F <= 2 kappa + kappa^2 and G2 <= kappa^2, so that L <= H^2 (kappa + kappa^2)."""
        kappa = self.concentration
        return 2 * kappa + kappa**2, kappa**2

    def _phases(self, theta: NDArray[Any]) -> NDArray[Any]:
        phases: NDArray[Any] = (
            theta[:, None, :] - (2 * np.pi / self.n_actions * np.arange(self.n_actions))[None, :, None]
        )
        return phases

    def _logits(self, theta: NDArray[Any]) -> NDArray[Any]:
        logits: NDArray[Any] = self.concentration * np.cos(self._phases(theta))
        return logits[None]

    def _pull_back(self, theta: NDArray[Any], slopes: NDArray[Any]) -> NDArray[Any]:
        pulled: NDArray[Any] = -self.concentration * (np.sin(self._phases(theta)) * slopes[0]).sum(axis=1)
        return pulled


def _require_sizes(policy: TabularSoftmax | CircularPolicy) -> None:
    require_integer("n_states", policy.n_states, 1)
    require_integer("n_actions", policy.n_actions, 1)
    if policy.horizon is not None:
        require_integer("horizon", policy.horizon, 1)
