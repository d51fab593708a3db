"""Checks and conversions of arrays that users give; errors name the entry that is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory.arrays import FloatArray
from theory.errors import InputError

ROW_TOLERANCE = 1e-9


def array_of(name: str, value: ArrayLike) -> NDArray[Any]:
    """`value` as an array of any kind; rows of different lengths are refused."""
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InputError(f"{name} must be an array of numbers, got rows of different lengths") from error


def real_array(name: str, value: ArrayLike) -> FloatArray:
    """Copy of `value` as floats.

    Raises
    ------
    InputError
        If it is complex, ragged, text, or of another kind.
    """
    given = array_of(name, value)
    if given.dtype.kind == "c":
        raise InputError(f"{name} must be real, got complex numbers; pass the real part only")
    try:
        if given.dtype.kind in "biufO":
            return np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        pass
    kind = type(given.item(0)).__name__ if given.size else given.dtype
    raise InputError(f"{name} must be an array of numbers, got an entry of type {kind}")


def require_finite(name: str, array: NDArray[Any]) -> None:
    """Require finite entries; the error names the first one that is not."""
    finite = np.isfinite(array)
    if not finite.all():
        raise InputError(f"{name} must be finite, got {first_entry(array, ~finite)}")


def finite_array(name: str, value: ArrayLike) -> FloatArray:
    """Copy of `value` as floats, all of them finite."""
    array = real_array(name, value)
    require_finite(name, array)
    return array


def positive_array(name: str, value: ArrayLike, remedy: str = "", *, infinite: bool = False) -> FloatArray:
    """Copy of `value` as floats, at least one, all of them positive, and finite unless they may be infinite."""
    array = _some(name, value)
    wrong = ~((array > 0) & (infinite | np.isfinite(array)))
    if wrong.any():
        required = "positive, or inf" if infinite else "positive and finite"
        raise InputError(f"{name} must be {required}, got {first_entry(array, wrong)}{remedy}")
    return array


def not_negative_array(name: str, value: ArrayLike) -> FloatArray:
    """Copy of `value` as floats, none of them negative and all finite."""
    array = finite_array(name, value)
    if (array < 0).any():
        raise InputError(f"{name} must not be negative, got {first_entry(array, array < 0)}")
    return array


def count_array(name: str, value: ArrayLike) -> FloatArray:
    """Copy of `value` as floats, at least one, all of them whole numbers of at least 1, or infinite."""
    array = _some(name, value)
    wrong = ~((array >= 1) & (np.floor(array) == array))
    if wrong.any():
        raise InputError(f"{name} must be a whole number of at least 1 or math.inf, got {first_entry(array, wrong)}")
    return array


def _some(name: str, value: ArrayLike) -> FloatArray:
    if array_of(name, value).dtype.kind == "b":
        raise InputError(f"{name} must be numbers, got {value!r}")
    array = real_array(name, value)
    if not array.size:
        raise InputError(f"{name} must hold at least one number, got an empty array of shape {array.shape}")
    return array


def check_width(theta: NDArray[Any], dim: int) -> None:
    """Require parameters (..., dim)."""
    if theta.ndim == 0 or theta.shape[-1] != dim:
        raise InputError(f"theta must have shape (..., {dim}) for this policy, got {theta.shape}")


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
    """Require the leading stage axis, if there is one, to have length 1 or the horizon."""
    if stages and stages[0] not in (1, horizon):
        raise InputError(f"a leading stage axis must have length horizon = {horizon}, got {stages[0]}")


def dense_rewards(rewards: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Give rewards a successor axis; their shape tells (S, A) and (H, S, A) from (S, A, S)."""
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


def reward_limits(reward_range: Any) -> tuple[float, float]:
    """Lowest and highest reward as floats, after checking them."""
    try:
        low, high = map(float, finite_array("reward_range", reward_range).tolist())
    except (TypeError, ValueError):
        low = high = 0.0
    if not low < high:
        raise InputError(
            f"reward_range must be (low, high) with low < high, got {reward_range!r}; "
            "write for example reward_range=(-1, 1)"
        )
    return low, high


def staged(array: NDArray[Any]) -> NDArray[Any]:
    """Array with a leading stage axis; a new one has length 1."""
    return array if array.ndim == 4 else array[None]


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Contiguous, read-only array."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array


def index_text(where: Any) -> str:
    """Index in the words of an error: [2, 0]."""
    return "[" + ", ".join(str(int(i)) for i in where) + "]"


def first_entry(array: NDArray[Any], chosen: NDArray[np.bool_]) -> str:
    """First chosen entry in the words of an error: 0.5 at [2, 0], or 0.5 of an array without axes."""
    where = tuple(np.argwhere(chosen)[0])
    return f"{array[where]:.16g} at {index_text(where)}" if where else f"{array:.16g}"
