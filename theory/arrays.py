"""The array types of the whole project, and the entry of a step in an array over steps."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]

Number = TypeVar("Number", bound=np.generic)
Item = TypeVar("Item")


@overload
def stage(steps: NDArray[Number], h: int) -> NDArray[Number]: ...
@overload
def stage(steps: tuple[Item, ...], h: int) -> Item: ...
def stage(steps: Any, h: int) -> Any:
    """Entry of step h = 0, 1, ... along the leading axis, which has one entry per step, or one for all steps."""
    return steps[h % len(steps)]
