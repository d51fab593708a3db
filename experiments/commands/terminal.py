"""Tables and progress on the terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from experiments.running.progress import ProgressLines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Wide enough for every table when the output is not a terminal.
PIPE_WIDTH = 170

# Seconds between looks at the clock.
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


def _remind_until(over: threading.Event, lines: ProgressLines) -> None:
    while not over.wait(LOOK_EVERY):
        lines.remind()
