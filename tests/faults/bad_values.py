"""Values that are not what an argument must be, by kind, and what a refusal must say.

Arrays that are wrong in one entry only are wrong in the first, in the last, or in one in the middle: a check of a
single entry, or of one end of a range, lets some of them through.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from theory import InputError

NAN, INF = math.nan, math.inf
RAGGED = [[1.0], [1.0, 2.0]]
# A function, arguments with which it works, and bad values of each of them.
Call = tuple[Callable[..., object], dict[str, Any], dict[str, list[Any]]]


def with_entry(array: Any, value: Any) -> list[Any]:
    """The array with a bad first entry, a bad last one, and a bad one in the middle."""
    flat = np.asarray(array, dtype=np.result_type(np.asarray(array), type(value)))
    bad = []
    for at in {0, flat.size // 2, flat.size - 1}:
        changed = flat.copy()
        changed.flat[at] = value
        bad.append(changed)
    return bad


def real(array: Any) -> list[Any]:
    """Not an array of finite numbers."""
    good = np.asarray(array, dtype=float)
    wrong = [entry for value in (NAN, INF, -INF) for entry in with_entry(good, value)]
    return [*wrong, good + 0.5j, good.astype(str), RAGGED, None, "text"]


def shaped(array: Any) -> list[Any]:
    """Neither of this shape, nor an array of finite numbers."""
    good = np.asarray(array, dtype=float)
    return [*real(good), good[..., :-1], np.zeros(0), 0.5]


def rows(array: Any) -> list[Any]:
    """Not rows of probabilities."""
    return [*shaped(array), *with_entry(array, -0.5), *with_entry(array, 1.5), np.asarray(array) * (1 + 1e-6)]


INTEGER = [0, -1, 2.5, NAN, INF, -INF, "3", None, True, [2], 1j]
COUNT = [0, -1, 2.5, NAN, -INF, "3", None, True, [2], 1j, 2**63]
COUNTS = [
    0,
    -1,
    2.5,
    NAN,
    -INF,
    "3",
    None,
    True,
    1j,
    RAGGED,
    [4, 0],
    [0, 4],
    [4, NAN],
    [NAN, 4],
    [4, 2.5],
    [2.5, 4],
    2**63,
]
LEAST = [0, -1, NAN, -INF, "3", None, 1j, RAGGED, [4, 0], [0, 4], [4, NAN], [NAN, 4], []]
POSITIVES = [0, -1, NAN, INF, -INF, "1", None, 1j, RAGGED, [1, 0], [0, 1], [1, -1], [1, NAN], [NAN, 1], [INF, 1], []]
POSITIVE = [0, -1, NAN, INF, -INF, "1", None, 1j, [1.0, 2.0]]
PROBABILITY = [-0.1, 1.1, NAN, INF, -INF, "0.5", None, 1j, [0.5]]
TRIM = [0.0, 0.5, -0.1, 1.0, NAN, INF, "0.1", 1j, [0.1]]
RNG = [None, 0, np.random, np.random.RandomState(0)]
FLAG = ["yes", 1, None]
NOT_NEGATIVE = [-1.0, NAN, INF, "1", None, 1j, [1.0, -1.0], [-1.0, 1.0], [NAN, 1.0], [1.0, NAN]]
SAMPLER = ["exact", "", None, 1]
RANGE = [
    5,
    None,
    "01",
    (0,),
    (0, 1, 2),
    (1, 0),
    (0, 0),
    (NAN, 1),
    (0, NAN),
    (0, INF),
    (-INF, 1),
    ("a", "b"),
    (0.2, 1),
    (0, 0.9),
]
# What a message may say in place of an argument's own name.
WORDS = {
    "wanted": ("instance", "method", "link", "inversion", "claim"),
    "methods": ("methods", "method"),
    "raters": ("raters", "link"),
    "names": ("names", "figure"),
    "formats": ("formats", "format"),
    "instances": ("instances", "instance"),
}


def name_of(call: Callable[..., object]) -> str:
    return getattr(call, "__qualname__", type(call).__name__)


def refusal(call: Callable[..., object], arguments: dict[str, Any], argument: str) -> str:
    """What is wrong with the refusal of bad input: empty if nothing is."""
    try:
        call(**arguments)
    except InputError as error:
        message = str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    else:
        return "accepted"
    named = any(re.search(rf"\b{word}\b", message, re.IGNORECASE) for word in WORDS.get(argument, (argument,)))
    told = re.search(r"\bmust\b.*\bgot\b", message) or "cannot import" in message or "has no attribute" in message
    return "" if named and told and "\n" not in message else message
