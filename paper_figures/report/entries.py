"""One record a claim, whatever it is about: what the table of verdicts shows, and what opens below its row."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Grid:
    """A small table of texts.

    Attributes
    ----------
    columns : tuple of str
    rows : tuple of tuples of str
        Each as long as the columns.

    Raises
    ------
    ValueError
        If a row has another length.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(
                f"rows must have {len(self.columns)} cells each, got {wrong[0]}; give a text to every column"
            )


@dataclass(frozen=True)
class Entry:
    """One claim, or one planted fault.

    Attributes
    ----------
    claim : str
    test : str
        What is compared: the slope of a rate, or the ratio to a predicted floor, curve or energy balance.
    planted : bool
        Whether it is a planted fault, which must come out VIOLATED.
    method, instance : str
        Empty where there is none.
    predicted, measured, low, high : float
        A slope, or a ratio whose prediction is 1. NaN where nothing was judged. An exact number has no interval.
    verdict : str
    marks : str
        What is said beside the verdict: TIGHT, curved, alone.
    expected : bool
        Whether the verdict is the expected one.
    reason : str
    facts : tuple of (name, text)
        Its details.
    points : Grid
        Its points. There may be none.
    """

    claim: str
    test: str
    planted: bool
    method: str
    instance: str
    predicted: float
    measured: float
    low: float
    high: float
    verdict: str
    marks: str
    expected: bool
    reason: str
    facts: tuple[tuple[str, str], ...]
    points: Grid

    @property
    def slope(self) -> bool:
        """Whether its number is a slope; else it is a ratio."""
        return self.test.startswith("rate")

    @property
    def kind(self) -> str:
        """What it is, in words."""
        return "planted fault" if self.planted else "claim"


def frame_of(entries: Iterable[Entry]) -> pd.DataFrame:
    """The same as a frame, one row a claim, without details."""
    names = [field.name for field in fields(Entry) if field.name not in ("facts", "points")]
    return pd.DataFrame([[getattr(entry, name) for name in names] for entry in entries], columns=names)


def signed(x: float) -> str:
    """A slope; nothing for NaN."""
    return "" if math.isnan(x) else f"{x:+.3f}"


def short(x: float) -> str:
    """A number in three digits; nothing for NaN."""
    return "" if math.isnan(x) else f"{x:.3g}"


def ratio(x: float) -> str:
    """A ratio; nothing for NaN."""
    return "" if math.isnan(x) else f"{x:.3f}"


def interval(low: float, high: float, text: Callable[[float], str]) -> str:
    """A 95% interval; nothing where there is none."""
    return "" if math.isnan(low) or math.isnan(high) else f"[{text(low)}, {text(high)}]"


def facts(pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Those facts that say something."""
    return tuple((name, text) for name, text in pairs if text)


def number(row: Any, name: str) -> float:
    """A number of a row of a frame; NaN if the row does not have it."""
    value = row.get(name)
    return math.nan if value is None else float(value)


NO_POINTS = Grid((), ())
