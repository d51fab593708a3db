"""What every kind of component is asked: that it can be sent to a worker, and leaves what it is given alone."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.catalogue.required.outcome import CheckOutcome, judged, quoted


def pickle_outcome(component: Any, use: Callable[[Any], Any]) -> CheckOutcome:
    """Outcome on a copy that went through a pickle, as to a worker: used alike, it gives the same bytes."""
    required, remedy = "give the same after a pickle", "define it at the top of a module, without lambdas within"
    try:
        copy = pickle.loads(pickle.dumps(component))
    except Exception as error:
        return judged("pickles", False, required, quoted(error), remedy)
    same = _bytes(use(component)) == _bytes(use(copy))
    return judged("pickles", same, required, "the same" if same else "something else", remedy)


def unchanged_outcome(call: Callable[..., Any], arguments: Mapping[str, NDArray[Any]]) -> CheckOutcome:
    """Outcome on arrays after they were passed by position: they must be what they were."""
    given = {name: np.array(value) for name, value in arguments.items()}
    call(*given.values())
    changed = [name for name in given if not np.array_equal(given[name], arguments[name], equal_nan=True)]
    came = f"{', '.join(changed)} changed" if changed else "no change"
    remedy = "work on a copy, or write x = x - y in place of x -= y"
    return judged("arguments unchanged", not changed, "leave its arguments as they are", came, remedy)


def same_content(first: Any, second: Any) -> bool:
    """Whether two things hold the same numbers, whatever objects hold them."""
    if type(first) is not type(second):
        return False
    if isinstance(first, np.ndarray):
        return bool(np.array_equal(first, second, equal_nan=first.dtype.kind in "fc"))
    if isinstance(first, Mapping):
        return first.keys() == second.keys() and all(same_content(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same_content, first, second))
    if callable(first):
        # Functions made anew by each call: nothing more can be told.
        return getattr(first, "__qualname__", None) == getattr(second, "__qualname__", None)
    if dataclasses.is_dataclass(first):
        return all(same_content(getattr(first, f.name), getattr(second, f.name)) for f in dataclasses.fields(first))
    if hasattr(first, "__dict__"):
        return same_content(vars(first), vars(second))
    return bool(first == second)


def _bytes(value: Any) -> bytes:
    return np.asarray(value).tobytes()
