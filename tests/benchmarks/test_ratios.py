"""The table of ratios: turns, intervals, verdicts, and the comparison with kept results."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import ratios
import report
from ratios import Line, beside, interval_of_median


class FakeClock:
    """A clock that work moves on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.turns: list[str] = []

    def work(self, name: str, seconds: Callable[[], float]) -> Callable[[], None]:
        def run() -> None:
            self.turns.append(name)
            self.now += seconds()

        return run

    def __call__(self) -> float:
        return self.now


def test_ratio_is_theirs_to_ours_for_one_unit_in_turns() -> None:
    clock = FakeClock()
    # The machine slows down from round to round, and the ratio does not.
    slow = count(1)
    ours = clock.work("ours", lambda: 0.1 * next(slow))
    theirs = clock.work("theirs", lambda: 0.6 * (next(slow) - 1))
    line = beside("a", "name", (ours, 2), (theirs, 3), wanted=3.9, longest=0.0, clock=clock)
    assert line.rounds == ratios.LEAST_ROUNDS
    assert all(first != second for first, second in pairwise(clock.turns[-12:]))
    assert (line.ratio, line.low, line.high) == pytest.approx((4, 4, 4))
    assert line.verdict == "met"


@pytest.mark.parametrize("n", [6, 9, 20, 60])
def test_interval_misses_the_median_in_at_most_a_twentieth(n: int) -> None:
    """The share of samples whose median lies outside, exactly; one order statistic inside misses more often."""
    low, high = interval_of_median(np.arange(n, dtype=float))
    assert low == n - 1 - high

    def missed(below: int) -> float:
        return 2 * sum(math.comb(n, k) for k in range(below + 1)) / 2**n

    assert missed(int(low)) <= 0.05 < missed(int(low) + 1)


@pytest.mark.parametrize(
    ("low", "high", "wanted", "verdict"),
    [(1.1, 1.3, 1.0, "met"), (0.9, 1.3, 1.0, "open"), (0.7, 0.9, 1.0, "below"), (0.7, 0.9, math.nan, "")],
)
def test_verdict_is_open_while_the_interval_holds_what_is_wanted(low, high, wanted, verdict) -> None:
    assert Line("a", "n", 1, 1, 1.0, low, high, 6, wanted).verdict == verdict


def test_a_missing_peer_is_a_line_that_says_so() -> None:
    line = ratios.missing("c", "jax")
    assert "jax is not installed; write pip install 'zpg[bench]'" in report.text_of(line, math.nan)
    assert line.verdict == "not measured"
    json.dumps(line.record(), allow_nan=False)


def test_a_ratio_that_fell_by_the_factor_is_flagged_and_others_stay(tmp_path: Path) -> None:
    out = tmp_path / "results" / "bench.json"
    report.write(out, [Line("a", "first", 1, 2, 2.0), Line("a", "second", 1, 2, 2.0)], [{"name": "g", "x": 1}], {})
    earlier = report.kept(out)
    assert report.worse(Line("a", "first", ratio=2.0 / 1.31), earlier) == pytest.approx(1.31)
    assert "WORSE by 1.31" in report.text_of(Line("a", "first", 1, 1, 1.5, 1, 2), 1.31)
    for fine in (Line("a", "first", ratio=2.0 / 1.29), Line("a", "first", ratio=9.0), Line("a", "new", ratio=0.1)):
        assert math.isnan(report.worse(fine, earlier))
    report.write(out, [Line("a", "second", 1, 3, 3.0)], [], earlier)
    kept = report.kept(out)
    assert [kept["lines"][name]["ratio"] for name in ("first", "second")] == [2.0, 3.0]
    assert kept["growth"] == [{"name": "g", "x": 1}]


def test_a_file_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "bench.json"
    other.write_text("[1]")
    with pytest.raises(SystemExit, match="must hold the results of an earlier `make bench`"):
        report.kept(other)
