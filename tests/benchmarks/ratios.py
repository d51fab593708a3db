"""Ratios of two times, measured side by side: the two take turns, and each turn gives one ratio.

Times are CPU times of this process, on one core and one thread, so that other programs on the machine disturb little.
Work that other processes do is timed by the clock on the wall.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import bdtr

Work = Callable[[], object]
Clock = Callable[[], float]

# A turn lasts about this long, so that the clock and single interruptions do not matter.
TURN = 2e-3
LONGEST_LINE = 8.0
LEAST_ROUNDS, MOST_ROUNDS = 6, 60


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes
    ----------
    part : str
        Letter of the part.
    name : str
        What is timed, and beside what; unique in the table.
    ours, theirs : float
        Median seconds of one unit.
    ratio, low, high : float
        Median of theirs / ours, and its 95% interval; more than 1 means that ours is faster.
    rounds : int
    wanted : float
        The least ratio that is asked for; nan if none is.
    note : str
        Why nothing was measured, or how the two differ.
    """

    part: str
    name: str
    ours: float = math.nan
    theirs: float = math.nan
    ratio: float = math.nan
    low: float = math.nan
    high: float = math.nan
    rounds: int = 0
    wanted: float = math.nan
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the ratio is what is wanted; open while the interval holds the wanted one."""
        if math.isnan(self.ratio):
            return "not measured"
        if math.isnan(self.wanted):
            return ""
        if self.low >= self.wanted:
            return "met"
        return "below" if self.high < self.wanted else "open"

    def record(self) -> dict[str, Any]:
        """The line as it is written to JSON; None stands for what was not measured."""
        plain = {key: None if value != value else value for key, value in asdict(self).items()}
        return plain | {"verdict": self.verdict}


def missing(part: str, peer: str) -> Line:
    """The line of a peer that is not installed."""
    return Line(part, f"beside {peer}", note=f"{peer} is not installed; write pip install 'zpg[bench]'")


def beside(
    part: str,
    name: str,
    ours: tuple[Work, float],
    theirs: tuple[Work, float],
    *,
    wanted: float = math.nan,
    note: str = "",
    longest: float = LONGEST_LINE,
    least: int = LEAST_ROUNDS,
    clock: Clock = time.process_time,
) -> Line:
    """Time two pieces of work in turns, for about `longest` seconds and at least `least` rounds.

    Each comes with the number of units that it does. It is done once before, except where one round is enough.
    """
    print(f"... {name}", file=sys.stderr, flush=True)
    works = [work for work, _ in (ours, theirs)]
    once = [[_seconds(work, 1, clock) for work in works] for _ in range(2 if least > 1 else 0)][-1:] or [[1.0, 1.0]]
    repeats = [max(1, math.ceil(TURN / max(seconds, 1e-7))) for seconds in once[0]]
    turn = sum(n * seconds for n, seconds in zip(repeats, once[0], strict=True))
    rounds = int(np.clip(longest / turn, least, MOST_ROUNDS))
    times = np.array([[_seconds(*each, clock) for each in zip(works, repeats, strict=True)] for _ in range(rounds)])
    per_unit = times / repeats / [units for _, units in (ours, theirs)]
    ratios = per_unit[:, 1] / per_unit[:, 0]
    low, high = interval_of_median(ratios)
    middle = np.median(per_unit, axis=0)
    return Line(
        part, name, *map(float, middle), float(np.median(ratios)), low, high, rounds=rounds, wanted=wanted, note=note
    )


def interval_of_median(sample: np.ndarray, miss: float = 0.05) -> tuple[float, float]:
    """Interval of two order statistics that misses the median with probability of at most `miss`.

    With fewer than six numbers the whole sample is the interval, which misses more often.
    """
    ordered = np.sort(sample)
    n = len(ordered)
    # P(Binomial(n, 1/2) <= k) is the chance that the (k + 1)-th number is above the median.
    cut = max((k + 1 for k in range(n // 2) if bdtr(k, n, 0.5) <= miss / 2), default=0)
    low = max(cut - 1, 0)
    return float(ordered[low]), float(ordered[n - 1 - low])


def _seconds(work: Work, repeats: int, clock: Clock) -> float:
    start = clock()
    for _ in range(repeats):
        work()
    return clock() - start


def same_number(ours: float, theirs: float, what: str) -> None:
    """Two programs that are compared by time must give one number.

    Raises
    ------
    AssertionError
        If they differ.
    """
    if not math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9):
        raise AssertionError(f"{what} must give the value of this package, {ours!r}, got {theirs!r}")
