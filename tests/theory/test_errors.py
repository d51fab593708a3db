"""The checks of single arguments, and in which words they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theory.errors import InputError, require_integer
from theory.validation import positive_array
from theory.votes import require_count


@pytest.mark.parametrize("value", [2, 3, 10**30, np.int64(2), np.uint8(200)])
def test_integers_of_python_and_numpy_pass(value: object) -> None:
    require_integer("n", value, 2)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1, "1"),
        (-3, "-3"),
        (True, "True"),
        (np.bool_(True), "np.True_"),
        (2.5, "2.5"),
        (1.0, "1.0"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        ("3", "'3'"),
        (None, "None"),
        (2 + 0j, "(2+0j)"),
        ([2], "[2]"),
        (5.0, "5.0; write 5"),
        (np.float64(5.0), "np.float64(5.0); write 5"),
    ],
)
def test_everything_else_is_refused(value: object, said: str) -> None:
    with pytest.raises(InputError) as caught:
        require_integer("n", value, 2)
    assert str(caught.value) == f"n must be an integer of at least 2, got {said}"


@pytest.mark.parametrize("value", [1, 5.0, np.int64(3), np.float64(3.0), math.inf])
def test_counts_may_be_whole_floats_or_infinite(value: float) -> None:
    require_count("n_pairs", value)


@pytest.mark.parametrize("value", [0, 1.5, -math.inf, math.nan, "3", None, True, [1]])
def test_other_counts_are_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"^n_pairs must be a whole number of at least 1 or math.inf, got [^\n]*$"):
        require_count("n_pairs", value)


def test_the_first_entry_that_is_not_positive_is_named() -> None:
    many = np.ones((40, 3))
    many[17, 1] = many[30, 0] = -0.5
    with pytest.raises(InputError) as caught:
        positive_array("radius", many, "; lower it")
    assert str(caught.value) == "radius must be positive and finite, got -0.5 at [17, 1]; lower it"
    with pytest.raises(InputError, match=r"^radius must be positive and finite, got nan$"):
        positive_array("radius", math.nan)
