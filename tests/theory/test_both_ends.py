"""Every check of an argument at both of its ends, with arrays that hold good and bad entries in either order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from theory.errors import (
    InputError,
    require_function,
    require_kind,
    require_list,
    require_number,
    require_positive,
    require_text,
)
from theory.validation import (
    ROW_TOLERANCE,
    array_of,
    check_rows,
    check_stages,
    check_width,
    count_array,
    dense_rewards,
    finite_array,
    frozen,
    not_negative_array,
    positive_array,
    real_array,
    reward_limits,
    staged,
)
from theory.votes import LARGEST_COUNT, require_count

SMALLEST = float(np.nextafter(0.0, 1.0))
LARGEST = float(np.finfo(np.float64).max)


def refused(check: Callable[..., object], *given: Any) -> str:
    with pytest.raises(InputError) as caught:
        check(*given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (finite_array, [LARGEST, -LARGEST, 0.0], [math.nan, math.inf, -math.inf]),
        (positive_array, [SMALLEST, LARGEST], [0.0, -SMALLEST, math.inf, math.nan]),
        (not_negative_array, [0.0, SMALLEST, LARGEST], [-SMALLEST, math.inf, math.nan]),
        (count_array, [1.0, 2.0, 2.0**53, math.inf], [0.0, 1.5, np.nextafter(1.0, 0.0), -1.0, -math.inf, math.nan]),
    ],
)
def test_arrays_pass_at_their_ends_and_one_bad_entry_among_good_is_named(
    check: Callable[..., Any], good: list[float], bad: list[float]
) -> None:
    np.testing.assert_array_equal(check("x", good), good)
    for number in good:
        assert check("x", number) == number
    for number in bad:
        for k in range(3):
            mixed = np.full((3, 2), good[0])
            mixed[k, 1] = number
            assert refused(check, "x", mixed).endswith(f"got {number:.16g} at [{k}, 1]")
        assert refused(check, "x", number).endswith(f"got {number:.16g}")


def test_infinity_is_positive_only_where_it_may_be() -> None:
    assert positive_array("x", [1.0, math.inf], infinite=True).tolist() == [1.0, math.inf]
    for bad in (0.0, math.nan, -math.inf):
        for mixed in ([bad, math.inf], [math.inf, bad]):
            with pytest.raises(InputError, match=r"^x must be positive, or inf, got "):
                positive_array("x", mixed, infinite=True)


@pytest.mark.parametrize("check", [positive_array, count_array])
def test_arrays_of_settings_hold_numbers_and_at_least_one(check: Callable[..., Any]) -> None:
    assert refused(check, "x", True) == "x must be numbers, got True"
    assert refused(check, "x", [1, 1] == [1, 1]) == "x must be numbers, got True"
    assert refused(check, "x", [True, True]) == "x must be numbers, got [True, True]"
    assert refused(check, "x", []) == "x must hold at least one number, got an empty array of shape (0,)"
    assert refused(check, "x", np.zeros((2, 0))).endswith("of shape (2, 0)")


def test_a_copy_is_returned_and_what_is_no_number_is_refused() -> None:
    given = np.array([1.0, 2.0])
    assert not np.shares_memory(real_array("x", given), given)
    assert real_array("x", [True, 2, 3.5]).tolist() == [1.0, 2.0, 3.5]
    assert real_array("x", np.zeros((0, 2))).shape == (0, 2)
    for kind, bad in (("str", ["a", "b"]), ("datetime", np.array(["2020-01-01"], "M8[us]")), ("dict", {}), ("<U1", [])):
        array = np.array([], dtype="<U1") if kind == "<U1" else bad
        assert refused(real_array, "x", array) == f"x must be an array of numbers, got an entry of type {kind}"
    assert refused(real_array, "x", [1, 1j]) == "x must be real, got complex numbers; pass the real part only"
    assert refused(array_of, "x", [[1], [1, 2]]) == "x must be an array of numbers, got rows of different lengths"


@pytest.mark.parametrize(("off", "passes"), [(0.9, True), (-0.9, True), (1.1, False), (-1.1, False)])
@pytest.mark.parametrize("row", [(0, 0), (1, 2)])
def test_rows_sum_to_one_within_the_tolerance_at_both_sides(off: float, passes: bool, row: tuple[int, int]) -> None:
    rows = np.full((2, 3, 2), 0.5)
    rows[row] += [off * ROW_TOLERANCE, 0]
    if passes:
        check_rows("rows", rows)
    else:
        assert refused(check_rows, "rows", rows).startswith(f"rows[{row[0]}, {row[1]}] must sum to 1, got ")


def test_rows_have_no_negative_entry_and_are_not_empty() -> None:
    check_rows("rows", np.array([[0.0, 1.0], [1.0, 0.0]]))
    for where in ((0, 0), (1, 1)):
        rows = np.eye(2)
        rows[where] = -1e-300
        assert refused(check_rows, "rows", rows) == f"rows[{where[0]}, {where[1]}] must not be negative, got -1e-300"
    both = np.array([[0.5, 0.5], [-0.5, 1.5], [1.0, 0.0], [1.25, -0.25], [0.5, 0.4]])
    assert refused(check_rows, "rows", both) == "rows[1, 0] must not be negative, got -0.5"
    assert refused(check_rows, "rows", both[[0, 4, 2, 4]]) == "rows[1] must sum to 1, got 0.9; normalise this row"
    assert refused(check_rows, "rows", np.zeros((0, 2))) == "rows must not be empty, got shape (0, 2)"
    assert refused(check_rows, "row", np.array([0.5, 0.4])) == "row must sum to 1, got 0.9; normalise this row"


@pytest.mark.parametrize(("stages", "passes"), [((), True), ((1,), True), ((4,), True), ((3,), False), ((5,), False)])
def test_a_stage_axis_is_one_or_the_horizon(stages: tuple[int, ...], passes: bool) -> None:
    if passes:
        check_stages(stages, 4)
    else:
        assert str(stages[0]) in refused(check_stages, stages, 4)


def test_the_width_of_theta() -> None:
    for shape in ((3,), (2, 3), (0, 3), (4, 2, 3)):
        check_width(np.zeros(shape), 3)
    for shape in ((), (2,), (4,), (3, 2), (3, 1)):
        assert refused(check_width, np.zeros(shape), 3).endswith(f"got {shape}")


@pytest.mark.parametrize("shape", [(2, 3), (4, 2, 3), (2, 3, 2), (4, 2, 3, 2), (1, 2, 3)])
def test_rewards_get_a_successor_axis(shape: tuple[int, ...]) -> None:
    given = np.arange(math.prod(shape), dtype=float).reshape(shape)
    dense = dense_rewards(given, (4, 2, 3, 2))
    per_successor = shape in ((2, 3, 2), (4, 2, 3, 2))
    np.testing.assert_array_equal(dense, given if per_successor else np.stack([given, given], axis=-1))


@pytest.mark.parametrize("shape", [(), (3,), (3, 2), (2, 3, 3), (2, 4), (1, 1, 2, 3), (1, 1, 2, 3, 2), (6,)])
def test_rewards_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    assert refused(dense_rewards, np.zeros(shape), (2, 3, 2)).endswith(f"got {shape}")


def test_limits_of_rewards_are_in_order() -> None:
    assert reward_limits((-1, 2)) == (-1.0, 2.0)
    assert reward_limits([0.0, SMALLEST]) == (0.0, SMALLEST)
    for bad in ((1, 1), (2, 1), (0, math.inf), (math.nan, 1), (1,), (0, 1, 2), None, "ab", ((0, 1), (2, 3))):
        assert refused(reward_limits, bad).startswith("reward_range must be (low, high) with low < high")


def test_arrays_with_stages_are_kept_and_frozen() -> None:
    one, many = np.zeros((2, 3, 2)), np.zeros((4, 2, 3, 2))
    assert staged(one).shape == (1, 2, 3, 2)
    assert staged(many) is many
    still = frozen(many.T)
    assert still.flags.c_contiguous
    assert not still.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        still[0] = 1


@pytest.mark.parametrize("value", [1, 5, 5.0, np.int64(3), np.float32(3), LARGEST_COUNT, 2.0**62, math.inf])
def test_counts_pass_at_both_ends(value: float) -> None:
    require_count("n", value)


@pytest.mark.parametrize("value", [LARGEST_COUNT + 1, 2.0**63, 10**400])
def test_counts_that_are_too_large_are_refused(value: float) -> None:
    assert refused(require_count, "n", value).startswith(f"n must be at most {2**62} or math.inf, got ")


def test_one_number_that_is_allowed() -> None:
    def half(number: float) -> bool:
        return 0 <= number <= 0.5

    for good in (0, 0.5, np.float32(0.25), np.int8(0)):
        require_number("x", good, "be small", half)
    for bad in (True, np.True_, "0", None, [0.25], np.array([0.25]), 0.25j, 0.51, -0.1, math.nan):
        assert refused(require_number, "x", bad, "be small", half, "; halve it") == (
            f"x must be small, got {bad!r}; halve it"
        )
    require_positive("x", SMALLEST)
    require_positive("x", LARGEST)
    for bad in (0, -SMALLEST, math.inf, math.nan, True):
        assert refused(require_positive, "x", bad) == f"x must be positive and finite, got {bad!r}"


def test_text_functions_and_lists() -> None:
    require_text("x", "a")
    require_text("x", "", 0)
    assert refused(require_text, "x", "") == "x must be text that is not empty, got ''"
    assert refused(require_text, "x", "ab", 3) == "x must be text that is not empty, got 'ab'"
    assert refused(require_text, "x", 3, 0) == "x must be text, got 3"
    require_function("x", len, "len")
    assert refused(require_function, "x", 3, "len") == "x must be a function such as len, got 3"
    require_list("x", [1, "a"], (int, str), "1")
    require_list("x", (1, 2), int, "1", least=2)
    require_list("x", [], int, "1", least=0)
    assert refused(require_list, "x", [], int, "1") == "x must hold at least 1, got 0; write for example [1]"
    assert refused(require_list, "x", [1], int, "1", 2) == "x must hold at least 2, got 1; write for example [1]"
    for mixed in ([1, "a"], ["a", 1]):
        assert refused(require_list, "x", mixed, int, "1") == "x must be a int such as 1, got 'a'"
    assert refused(require_list, "x", {1}, int, "1") == "x must be a list or tuple such as [1], got {1}"
    assert refused(require_kind, "x", int, int, "1") == "x must be a int such as 1, got <class 'int'>"
