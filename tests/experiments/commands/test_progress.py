"""Progress where standard error is no terminal: few lines, at the right time, and none of them a danger."""

from __future__ import annotations

import io
import os
import sys
import time

import pytest

import experiments.commands.terminal as terminal
import experiments.running.progress as progress
from experiments.commands.streams import WatchedStream
from experiments.commands.terminal import progress_bar
from experiments.running.progress import ProgressLines


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def run_steps(n_steps: int, seconds_a_step: float, capsys: pytest.CaptureFixture[str]) -> list[str]:
    clock = Clock()
    lines = ProgressLines("rate checks", clock)
    for done in range(1, n_steps + 1):
        clock.now += seconds_a_step
        lines.report(done, n_steps)
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.splitlines()


def test_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_steps(199, 0.01, capsys) == []


def test_a_line_every_ten_seconds_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_steps(80, 0.5, capsys) == [
        "rate checks: 4 of 80, about 38 s left",
        "rate checks: 24 of 80, about 28 s left",
        "rate checks: 44 of 80, about 18 s left",
        "rate checks: 64 of 80, about 8 s left",
    ]


def test_a_slow_step_is_told_when_it_is_done_and_the_end_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_steps(3, 60.0, capsys) == [
        "rate checks: 1 of 3, about 2 min left",
        "rate checks: 2 of 3, about 60 s left",
    ]
    assert run_steps(3, 9000.0, capsys)[0] == "rate checks: 1 of 3, about 5.0 h left"


def test_time_left_is_that_of_the_stretch_under_way(capsys: pytest.CaptureFixture[str]) -> None:
    """A second batch of slower steps, and a total that grows after everything known was done."""
    clock = Clock()
    lines = ProgressLines("x", clock)
    for done in range(1, 11):
        clock.now += 0.1
        lines.report(done, 10)
    for done in (1, 2):
        clock.now += 20
        lines.report(done, 4)
    assert capsys.readouterr().err.splitlines() == ["x: 1 of 4, about 60 s left", "x: 2 of 4, about 40 s left"]
    lines.report(4, 4)
    clock.now += 30
    lines.report(5, 7)
    assert capsys.readouterr().err.splitlines() == ["x: 5 of 7, about 60 s left"]
    clock.now += 30
    lines.report(1, 1)
    clock.now += 30
    lines.report(1, 2)
    assert capsys.readouterr().err.splitlines() == ["x: 1 of 2"]


@pytest.mark.parametrize("jump", [-1e-3, -15.0, -1e9, 1e9])
def test_a_clock_that_is_set_back_changes_no_time_left(jump: float, capsys: pytest.CaptureFixture[str]) -> None:
    """Between two steps of ten seconds each. Set forward, time left is a guess, and never negative."""
    clock = Clock()
    lines = ProgressLines("x", clock)
    for done in range(1, 5):
        clock.now += 10
        lines.report(done, 8)
    clock.now += jump
    for done in range(5, 8):
        lines.report(done, 8)
        clock.now += 10
    told = capsys.readouterr().err.splitlines()
    assert told[:4] == [f"x: {done} of 8, about {10 * (8 - done)} s left" for done in range(1, 5)]
    assert not any("-" in line for line in told)
    if jump < 0:
        # The step during which it was set back took no time, as far as anybody knows: 40 s for 6 steps, 50 s for 7.
        assert told[4:] == ["x: 6 of 8, about 17 s left", "x: 7 of 8, about 9 s left"]


def test_it_is_what_a_command_gets_when_its_errors_are_piped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar("x") as report:
        report(1, 2)
        assert isinstance(getattr(report, "__self__", None), ProgressLines)


def test_a_reader_who_left_does_not_stop_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stderr", WatchedStream(stream))
        clock = Clock()
        lines = ProgressLines("x", clock)
        for done in range(1, 4):
            clock.now += 20
            lines.report(done, 5)


def test_long_pieces_are_announced_and_while_they_last_the_time_left_grows(capsys: pytest.CaptureFixture[str]) -> None:
    """Looked at every half second for 35 s: silence for two seconds, then a line every ten, without a total as well."""
    clock = Clock()
    unknown, lines = ProgressLines("solving", clock), ProgressLines("comparison", clock)
    lines.report(0, 4)
    for half_seconds in range(1, 71):
        clock.now += 0.5
        if half_seconds == 20:
            lines.report(1, 4)
        if half_seconds <= 30:
            unknown.remind()
        lines.remind()
    assert capsys.readouterr().err.splitlines() == [
        "solving: 2 s so far",
        "comparison: 0 of 4",
        "solving: 12 s so far",
        "comparison: 1 of 4, about 36 s left",
        "comparison: 1 of 4, about 66 s left",
        "comparison: 1 of 4, about 96 s left",
    ]
    lines.report(4, 4)
    assert capsys.readouterr().err == ""


def test_a_command_that_is_piped_is_never_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is reported while the first piece lasts; the clock of the lines runs on by itself."""
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    monkeypatch.setattr(progress, "QUIET_FOR", 0.02)
    monkeypatch.setattr(progress, "LINE_EVERY", 0.02)
    monkeypatch.setattr(terminal, "LOOK_EVERY", 0.01)
    with progress_bar("x") as report:
        report(0, 2)
        deadline = time.monotonic() + 10
        while said.getvalue().count("x: 0 of 2\n") < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert said.getvalue().count("x: 0 of 2\n") >= 2
