"""Records are frozen, and those that hold arrays are compared by identity: `==` of arrays has no single answer."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("theory", "estimators", "experiments/statistics")
# Kept by a run and changed by it.
WORKING = {"Tally", "_Recording"}
ARRAYS = ("Array", "csr_array", "Kernel", "TabularMDP")


def records() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(file for package in PACKAGES for file in (ROOT / package).glob("*.py")):
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        found |= {
            name: kind
            for name, kind in vars(module).items()
            if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__
        }
    return found


RECORDS = records()
BY_NAME = pytest.mark.parametrize("name", RECORDS)


def parameters(name: str) -> Any:
    return RECORDS[name].__dataclass_params__


def holds_arrays(name: str) -> bool:
    """Whether a record holds an array, or another one that does."""
    inner = {str(field.type) for field in dataclasses.fields(RECORDS[name]) if "Callable" not in str(field.type)}
    if any(word in kind for kind in inner for word in ARRAYS):
        return True
    return any(
        other in kind and holds_arrays(other) for kind in inner for other in RECORDS if other not in {*WORKING, name}
    )


def test_there_are_many() -> None:
    assert len(RECORDS) > 60


@BY_NAME
def test_they_are_frozen(name: str) -> None:
    assert parameters(name).frozen == (name not in WORKING)


@BY_NAME
def test_those_with_arrays_and_only_those_are_compared_by_identity(name: str) -> None:
    assert parameters(name).eq != (holds_arrays(name) or name in WORKING)
