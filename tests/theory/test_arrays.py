"""The entry of a step, and that the array types are defined once."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from theory.arrays import stage

ROOT = Path(__file__).parents[2]
SECOND_DEFINITION = re.compile(r"^(Float|Int)Array\b.*=|NDArray\[np\.(float|int)64\]", re.MULTILINE)


def test_one_entry_serves_all_steps_and_one_per_step_its_own() -> None:
    steps = np.arange(6.0).reshape(3, 2)
    for h in range(3):
        np.testing.assert_array_equal(stage(steps, h), steps[h])
        np.testing.assert_array_equal(stage(steps[:1], h), steps[0])
        assert stage(("a", "b", "c"), h) == "abc"[h]


def test_the_entry_is_a_view() -> None:
    steps = np.zeros((1, 2))
    stage(steps, 4)[...] += 1
    np.testing.assert_array_equal(steps, [[1, 1]])


@pytest.mark.parametrize("package", ["theory", "estimators"])
def test_array_types_are_defined_once(package: str) -> None:
    sources = {path.name: path.read_text() for path in (ROOT / package).glob("*.py") if path.name != "arrays.py"}
    assert len(sources) > 10
    assert [name for name, text in sources.items() if SECOND_DEFINITION.search(text)] == []


@pytest.mark.parametrize("line", ["FloatArray = X", "IntArray: TypeAlias = X", "def f() -> NDArray[np.float64]: ..."])
def test_a_second_definition_is_seen(line: str) -> None:
    assert SECOND_DEFINITION.search(f"import numpy as np\n{line}\n")
