"""Batches last in memory: shapes there and back, and what repeats."""

from __future__ import annotations

import numpy as np
import pytest

from theory.batching import columns, fits_batch, rows, without_repeats


@pytest.mark.parametrize("batch", [(), (1,), (5,), (2, 3), (2, 1, 3)])
@pytest.mark.parametrize("core", [(4,), (2, 4), (1, 2, 3)])
def test_columns_and_rows_undo_each_other(batch: tuple[int, ...], core: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).normal(size=(*batch, *core))
    moved = columns(array, len(core))
    assert moved.shape == (*core, int(np.prod(batch)))
    assert moved.flags.c_contiguous
    np.testing.assert_array_equal(moved[..., -1], array.reshape(-1, *core)[-1])
    np.testing.assert_array_equal(rows(moved, batch), array)
    assert np.shares_memory(rows(moved, batch), moved)


def test_repeats_are_left_out_along_batch_axes_only() -> None:
    """A core axis that repeats is kept as it is."""
    one = np.broadcast_to(np.arange(3.0), (4, 2, 3))
    assert without_repeats(one, 1).shape == (1, 1, 3)
    mixed = np.broadcast_to(np.arange(8.0).reshape(4, 1, 2), (4, 5, 2))
    np.testing.assert_array_equal(without_repeats(mixed, 1), mixed[:, :1])
    level = np.broadcast_to(np.arange(4.0)[:, None], (4, 3))
    assert without_repeats(level, 1).shape == (4, 3)
    assert without_repeats(level, 0).shape == (4, 1)
    full = np.zeros((4, 2, 3))
    assert without_repeats(full, 1).shape == full.shape


@pytest.mark.parametrize(
    ("batch", "shapes", "fits"),
    [
        ((2, 3), [(), (3,), (2, 1), (2, 3)], True),
        ((2, 3), [(2,)], False),
        ((2, 3), [(3,), (4, 2, 3)], False),
        ((1,), [(5,)], False),
        ((), [(1,)], False),
        ((), [()], True),
    ],
)
def test_settings_fit_a_batch_that_they_do_not_enlarge(
    batch: tuple[int, ...], shapes: list[tuple[int, ...]], fits: bool
) -> None:
    assert fits_batch(batch, *map(np.zeros, shapes)) is fits
