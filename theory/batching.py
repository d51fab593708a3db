"""Batch first in shape, batch last in memory.

Public functions take and return arrays (..., core): a replicate or a grid point is one more row. Small core axes (three
actions, five states) make slow inner loops. So memory holds the batch innermost, every NumPy operation runs along the
batch, and `columns` is mostly a view.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def columns(array: NDArray[Any], n_core: int) -> NDArray[Any]:
    """View (or copy) of shape (core..., B) of an array (..., core...) with `n_core` core axes."""
    n_batch = array.ndim - n_core
    core = array.shape[n_batch:]
    moved = array.transpose(*range(n_batch, array.ndim), *range(n_batch))
    return np.ascontiguousarray(moved.reshape(*core, -1))


def without_repeats(array: NDArray[Any], n_core: int) -> NDArray[Any]:
    """View of length 1 along every batch axis along which `np.broadcast_to` repeats the entries."""
    strides = array.strides[: array.ndim - n_core]
    return array[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in strides)]


def fits_batch(batch: tuple[int, ...], *settings: NDArray[Any]) -> bool:
    """Whether settings broadcast against a batch without enlarging it."""
    try:
        return np.broadcast_shapes(batch, *(setting.shape for setting in settings)) == batch
    except ValueError:
        return False


def rows(array: NDArray[Any], batch: tuple[int, ...]) -> NDArray[Any]:
    """Undo `columns`: a view of shape (batch..., core...) of an array (core..., B)."""
    n_core = array.ndim - 1
    spread = array.reshape((*array.shape[:-1], *batch))
    return spread.transpose(*range(n_core, spread.ndim), *range(n_core))
