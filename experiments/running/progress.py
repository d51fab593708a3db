"""Progress of long work: plain lines, and a bar in a notebook."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.running.execution import Progress

# Seconds before the first line of progress, and between lines.
QUIET_FOR = 2.0
LINE_EVERY = 10.0


def show_progress(label: str = "working") -> Progress:
    """Progress that shows itself, for ``Execution(progress=show_progress())``.

    In a notebook it is a bar below the cell, with the time left. Elsewhere it is a line on standard error now and then:
    none in the first two seconds, then one every ten at most.

    Parameters
    ----------
    label : str, default "working"
        What is under way.

    Returns
    -------
    function of (done, total)

    Raises
    ------
    InputError
        If the label is not a text.
    """
    # The command line imports this module, and must answer --help before numpy could be imported.
    from theory.errors import require_text

    require_text("label", label, 0)
    return NotebookBar(label) if in_notebook() else ProgressLines(label).report


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook. Nothing is imported to find out."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class NotebookBar:
    """A bar below a cell, which the kernel updates in place.

    Parameters
    ----------
    label : str
        What is under way.
    """

    def __init__(self, label: str) -> None:
        self._lines = ProgressLines(label)
        self._handle: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Show how much is done."""
        self._lines.note(done, total)
        bar = _Markup(self._lines.text(), done, total)
        with suppress(Exception):  # no result is worth less because nobody sees how far it was
            if self._handle is None:
                self._handle = sys.modules["IPython.display"].display(bar, display_id=True)
            else:
                self._handle.update(bar)


class _Markup:
    def __init__(self, text: str, done: int, total: int) -> None:
        self._text, self._done, self._total = text, done, total

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f'<progress value="{self._done}" max="{max(self._total, 1)}"></progress> {escape(self._text)}'


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
        self.note(done, total)
        if done < total:
            self._tell(self._last)

    def note(self, done: int, total: int) -> None:
        """Tell how much is done, without a line."""
        now = self._clock()
        if now < self._last:  # set back, as a virtual machine may do: the time since the last report is lost
            self._began -= self._last - now
            self._next_line -= self._last - now
        if done < self._done or self._done >= self._total:  # another stretch begins
            self._began, self._base = self._last, self._done if done >= self._done else 0
        self._last, self._done, self._total = now, done, total

    def remind(self) -> None:
        """Print a line if it is time for one, though nothing more is done."""
        self._tell(self._clock())

    def text(self, now: float | None = None) -> str:
        """How much is done, and the time left, at a time of the clock; by default that of the last report."""
        passed = (self._last if now is None else now) - self._began
        fresh, missing = self._done - self._base, self._total - self._done
        so_far = f"{self._done} of {self._total}" if self._total else f"{_duration(passed)} so far"
        left = f", about {_duration(passed / fresh * missing)} left" if fresh > 0 and missing > 0 else ""
        return f"{self._label}: {so_far}{left}"

    def _tell(self, now: float) -> None:
        with self._one_at_a_time:
            if now < self._next_line:
                return
            self._next_line = now + LINE_EVERY
        with suppress(Exception):  # no result is worth less because nobody reads how far it was
            print(self.text(now), file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
