"""Tables and progress on the terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Wide enough for every table when the output is not a terminal.
PIPE_WIDTH = 170

# Seconds before the first line of progress, between lines, and between looks at the clock.
QUIET_FOR = 2.0
LINE_EVERY = 10.0
LOOK_EVERY = 0.5


def console() -> Console:
    """Console on standard output, wide when it is not a terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)


def show(table: Table) -> None:
    """Print a table. No word of it is cut: on a terminal that is too narrow its lines go on in the next."""
    from rich.measure import Measurement

    for column in table.columns:
        cells = [str(cell) for cell in (column.header, *column.cells)]
        words = cells if column.no_wrap else [word for cell in cells for word in cell.split()]
        column.min_width = max(map(len, words), default=0)
    screen = console()
    size = Measurement.get(screen, screen.options.update(max_width=PIPE_WIDTH), table)
    if screen.width < size.minimum:
        screen.width = size.maximum
    screen.print(table, crop=False)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Progress with time left on standard error: a bar on a terminal, a line now and then elsewhere."""
    if not sys.stderr.isatty():
        lines, over = ProgressLines(label), threading.Event()
        # One piece of work may take longer than anyone waits in silence.
        threading.Thread(target=_remind_until, args=(over, lines), daemon=True).start()
        try:
            yield lines.report
        finally:
            over.set()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


class ProgressLines:
    """Progress as plain lines: none in the first two seconds, then one every ten at most.

    Parameters
    ----------
    label : str
        What is under way.
    clock : function without arguments
        Seconds, from anywhere.
    """

    def __init__(self, label: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._label = label
        self._clock = clock
        self._one_at_a_time = threading.Lock()
        self._next_line = clock() + QUIET_FOR
        # The stretch of work that the time left is estimated from: when it began, and with how much done.
        self._began, self._base = clock(), 0
        self._last, self._done, self._total = self._began, 0, 0

    def report(self, done: int, total: int) -> None:
        """Tell how much is done; a line is printed if it is time for one."""
        now = self._clock()
        if now < self._last:  # set back, as a virtual machine may do: the time since the last report is lost
            self._began -= self._last - now
            self._next_line -= self._last - now
        if done < self._done or self._done >= self._total:  # another stretch begins
            self._began, self._base = self._last, self._done if done >= self._done else 0
        self._last, self._done, self._total = now, done, total
        if done < total:
            self._tell(now)

    def remind(self) -> None:
        """Print a line if it is time for one, though nothing more is done."""
        self._tell(self._clock())

    def _tell(self, now: float) -> None:
        with self._one_at_a_time:
            if now < self._next_line:
                return
            self._next_line = now + LINE_EVERY
        fresh, missing = self._done - self._base, self._total - self._done
        so_far = f"{self._done} of {self._total}" if self._total else f"{_duration(now - self._began)} so far"
        left = f", about {_duration((now - self._began) / fresh * missing)} left" if fresh > 0 and missing > 0 else ""
        with suppress(Exception):  # no result is worth less because nobody reads how far it was
            print(f"{self._label}: {so_far}{left}", file=sys.stderr, flush=True)


def _remind_until(over: threading.Event, lines: ProgressLines) -> None:
    while not over.wait(LOOK_EVERY):
        lines.remind()


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
