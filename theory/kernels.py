"""Transition matrices: dense when small (one gemm beats everything), compressed rows when large."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

Kernel: TypeAlias = NDArray[np.float64] | csr_array

# Above this many entries a dense matrix that is mostly zeros costs more than its sparse form.
DENSE_ENTRIES = 2**14
DENSE_SHARE = 0.2


def build(values: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any], shape: tuple[int, int]) -> Kernel:
    """Matrix with `values` added up at (rows, columns); zeros are left out."""
    live = values > 0
    sparse = coo_array((values[live], (rows[live], columns[live])), shape=shape).tocsr()
    return _lighter(sparse)


def transpose(kernel: Kernel) -> Kernel:
    """Transposed copy, stored by rows as the products need it."""
    return kernel.T.tocsr() if isinstance(kernel, csr_array) else np.ascontiguousarray(kernel.T)


def _lighter(sparse: csr_array) -> Kernel:
    entries = sparse.shape[0] * sparse.shape[1]
    if entries <= DENSE_ENTRIES or sparse.nnz > DENSE_SHARE * entries:
        dense: NDArray[np.float64] = sparse.toarray()
        return dense
    return sparse
