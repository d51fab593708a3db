"""Tasks that failed: what is told of them, once all the others are finished."""

from __future__ import annotations

import textwrap
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import users_line
from experiments.catalogue.method import Method

# Failures that are told one by one.
MOST_TOLD = 5
# Longest text about a task, and about what went wrong in it.
LONGEST = 200
# Fields of a task that tell a reader nothing.
UNTOLD = frozenset({"entropy", "spawn_key", "seed", "link", "rater_link"})


@dataclass(frozen=True)
class Failure:
    """One task that failed.

    Attributes
    ----------
    task : str
        Which one, in one line.
    reason : str
        What it raised, in one line, and where the user's code did so.
    details : str
        The traceback.
    """

    task: str
    reason: str
    details: str

    @classmethod
    def of(cls, task: Any, error: BaseException) -> Failure:
        """What is told of a task that raised. It is text, since an exception may be one that cannot be sent."""
        came = _short(traceback.format_exception_only(error)[-1])
        return cls(described(task), came + users_line(error), "".join(traceback.format_exception(error)))

    def __str__(self) -> str:
        return f"{self.task}: {self.reason}"


class TaskError(Exception):
    """Ends one task in a worker, so that nothing is kept of it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class TasksFailedError(Exception):
    """Some tasks failed, and all the others are finished.

    Parameters
    ----------
    failures : sequence of Failure
        In the order of the tasks.
    total : int
        Number of tasks.
    kept : bool
        Whether the results of the others are kept.
    own : bool
        Whether code of the user's took part.
    """

    def __init__(self, failures: Sequence[Failure], total: int, *, kept: bool, own: bool) -> None:
        self.failures, self.own = tuple(failures), own
        number = len(self.failures)
        rest = (
            "the others are kept, and done again only if a module of theirs changes"
            if kept
            else "the others are finished"
        )
        self.summary = f"{number} of {total} cells failed; {rest}"
        super().__init__("\n".join([self.summary, *self.lines]))

    @property
    def lines(self) -> list[str]:
        """One line for each of the first failures, and the number of the others."""
        more = len(self.failures) - MOST_TOLD
        return [*map(str, self.failures[:MOST_TOLD]), *([f"and {more} more"] if more > 0 else [])]

    @property
    def details(self) -> str:
        """Tracebacks of the failures that are told."""
        return "\n".join(f"{each.task}\n{each.details}" for each in self.failures[:MOST_TOLD])


def described(task: Any) -> str:
    """Which task it is: its names and numbers, in one line."""
    return _short(", ".join(_parts(task)) or type(task).__name__)


def _parts(task: Any) -> Iterator[str]:
    for field in fields(task) if is_dataclass(task) else ():
        value = getattr(task, field.name)
        if field.name in UNTOLD or isinstance(value, bool):
            continue
        if isinstance(value, str | int | float) and value != "":
            yield f"{field.name} {value}"
        elif isinstance(value, Instance | Method):
            yield f"{field.name} {value.name}"
        elif isinstance(value, tuple) and value and all(isinstance(each, int | float) for each in value):
            yield f"{field.name} {value[0]}" + (f" .. {value[-1]}" if len(value) > 1 else "")
        elif is_dataclass(value):
            yield from _parts(value)


def _short(text: str) -> str:
    return textwrap.shorten(text, LONGEST, placeholder=" ...")
