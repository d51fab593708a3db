"""Checks and conversions of the arrays an MDP is built from; errors name the entry that is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory.arrays import FloatArray
from theory.errors import InputError

ROW_TOLERANCE = 1e-9


def finite_array(name: str, value: ArrayLike) -> FloatArray:
    """Copy of `value` as floats, all of them finite."""
    array = np.array(value, dtype=np.float64)
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0]
        raise InputError(f"{name} must be finite, got {array[tuple(where)]} at {index_text(where)}")
    return array


def check_rows(name: str, array: FloatArray) -> None:
    """Require non-negative rows that sum to 1 along the last axis."""
    if (array < 0).any():
        where = np.argwhere(array < 0)[0]
        raise InputError(f"{name}{index_text(where)} must not be negative, got {array[tuple(where)]:g}")
    if not array.size:
        raise InputError(f"{name} must not be empty, got shape {array.shape}")
    total = array.sum(axis=-1)
    wrong = np.abs(total - 1) > ROW_TOLERANCE
    if wrong.any():
        row = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            f"{name}{index_text(row) if row else ''} must sum to 1, got {total[row]:.12g}; normalise this row"
        )


def check_stages(stages: tuple[int, ...], horizon: int) -> None:
    """Require a leading stage axis, where there is one, to have one entry or one a step."""
    if stages and stages[0] not in (1, horizon):
        raise InputError(f"a leading stage axis must have length horizon = {horizon}, got {stages[0]}")


def dense_rewards(rewards: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Give rewards a successor axis: (S, A) and (H, S, A) are told from (S, A, S) by their shape."""
    n_states, n_actions = shape[-3], shape[-2]
    stage = shape[:-3]
    if rewards.shape[-3:] == (n_states, n_actions, n_states) and rewards.ndim in (3, 4):
        return rewards
    if rewards.shape[-2:] == (n_states, n_actions) and rewards.ndim in (2, 3):
        return np.broadcast_to(rewards[..., None], (*rewards.shape, n_states))
    raise InputError(
        f"rewards must have shape ({n_states}, {n_actions}), ({n_states}, {n_actions}, {n_states}) or either with a "
        f"leading horizon to fit transitions of shape {(*stage, n_states, n_actions, n_states)}, got {rewards.shape}"
    )


def staged(array: NDArray[Any]) -> NDArray[Any]:
    """Array with a leading stage axis, of length 1 where there was none."""
    return array if array.ndim == 4 else array[None]


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Array made contiguous and read-only."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array


def index_text(where: Any) -> str:
    """Index as it is written in an error: [2, 0]."""
    return "[" + ", ".join(str(int(i)) for i in where) + "]"
