"""Results of every command against stored ones: a number that moves between two versions is seen."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.stored_results import COMMANDS, STORED, results_of

# Other versions of numpy, scipy and the processor round otherwise. A run that is compared takes few enough steps for
# rounding not to grow to another vote.
RELATIVE, ABSOLUTE = 1e-7, 1e-12


def same_table(text: str, stored: str) -> bool:
    """Whether two tables have the same columns, words and numbers up to rounding."""
    one, two = (pd.read_csv(io.StringIO(each)) for each in (text, stored))
    if list(one.columns) != list(two.columns) or len(one) != len(two):
        return False
    numbers = one.select_dtypes("number").columns
    if list(numbers) != list(two.select_dtypes("number").columns):
        return False
    words = [column for column in one.columns if column not in numbers]
    close = np.allclose(one[numbers], two[numbers], RELATIVE, ABSOLUTE, equal_nan=True)
    return close and all(map(_same_words, one[words].to_numpy().ravel(), two[words].to_numpy().ravel()))


def _same_words(one: Any, two: Any) -> bool:
    """Whether two cells agree. Lists of numbers are written as JSON, and numbers within sentences are rounded."""
    if isinstance(one, str) and isinstance(two, str) and one.startswith("["):
        return same_content(json.loads(one), json.loads(two))
    return one == two or (one != one and two != two)


def same_content(one: Any, two: Any) -> bool:
    """The same for what JSON can hold."""
    left, right = list(_leaves(one)), list(_leaves(two))
    return len(left) == len(right) and all(
        a == b if not isinstance(b[1], float) else a[0] == b[0] and np.isclose(a[1], b[1], RELATIVE, ABSOLUTE)
        for a, b in zip(left, right, strict=True)
    )


def _leaves(content: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict | list):
        items = content.items() if isinstance(content, dict) else enumerate(content)
        for key, value in items:
            yield from _leaves(value, f"{where}/{key}")
    else:
        yield where, float(content) if type(content) in (int, float) else content


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_results_are_the_stored_ones(command: str, tmp_path: Path) -> None:
    found = results_of(command, tmp_path)
    stored = {path.name: path.read_text() for path in (STORED / command).iterdir()}
    assert found.keys() == stored.keys()
    assert found
    for name, text in found.items():
        same = same_content(json.loads(text), json.loads(stored[name])) if name.endswith("json") else None
        assert same_table(text, stored[name]) if same is None else same, name


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"solve"}))
def test_any_number_that_moves_is_seen(command: str) -> None:
    """The planted faults: one number by a millionth, one word, one row, one column."""
    for path in (STORED / command).glob("*.csv"):
        table = pd.read_csv(path)
        if table.select_dtypes("float").empty:  # notes in words
            continue
        moved = table.copy()
        column = next(name for name in table.select_dtypes("float").columns if (table[name].abs() > 1e-5).any())
        row = int((table[column].abs() > 1e-5).to_numpy().argmax())
        moved.loc[row, column] *= 1 + 1e-6
        renamed = table.rename(columns={column: "other"})
        stored = path.read_text()
        assert same_table(table.to_csv(index=False), stored)
        for other in (moved, renamed, table.iloc[1:], table.drop(columns=column)):
            assert not same_table(other.to_csv(index=False), stored)
