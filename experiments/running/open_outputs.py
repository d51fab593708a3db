"""Outputs that are open already, such as standard output, and the paths that name them."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STANDARD_OUTPUT = Path("-")
MOST_LINKS = 40


class OutputClosedError(Exception):
    """Whoever read an output of this process, such as ``head``, has left. Not an OSError, which libraries handle."""


def link_target(path: Path) -> Path:
    """Where the links of a path lead, be there something yet or not. Open outputs are links in form only.

    Raises
    ------
    OSError
        If links lead in a circle.
    """
    for _ in range(MOST_LINKS):
        if output_number(path) is not None or not path.is_symlink():
            return path
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def output_number(path: Path) -> int | None:
    """Descriptor of the open output that a path names, if it names one: ``-`` or ``/dev/fd/N``."""
    if path == STANDARD_OUTPUT:
        return 1
    if not (path.name.isascii() and path.name.isdigit()):
        return None
    mine = (Path("/dev/fd"), Path(f"/proc/{os.getpid()}/fd"))
    return int(path.name) if path.parent.resolve() in mine else None


def is_standard_output(path: Path) -> bool:
    """Whether a path names the standard output of this process: ``-``, ``/dev/stdout``, ``/dev/fd/1``."""
    try:
        return output_number(link_target(path)) == 1
    except OSError:
        return False


def write_open_output(number: int, content: bytes) -> None:
    """Write where an open output stands; to open it anew would cut it off, or fail on a socket.

    Raises
    ------
    InputError, OutputClosedError
        See `failing_output`.
    """
    if sys.stdout is not None:
        sys.stdout.flush()  # what was printed before comes before
    with failing_output(), open(os.dup(number), "wb") as file:
        file.write(content)


@contextmanager
def failing_output() -> Iterator[None]:
    """Say of an open output that fails what to do, unless nobody reads it any more.

    Raises
    ------
    InputError
        If it cannot be written.
    OutputClosedError
        If it is a pipe whose reader has left.
    """
    try:
        yield
    except BrokenPipeError as error:
        raise OutputClosedError from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise input_error(f"the output cannot be written: {reason}; make room, or send it elsewhere") from error


def input_error(message: str) -> ValueError:
    """An `InputError`. Its package costs half a second, so it is loaded only here."""
    from theory.errors import InputError

    return InputError(message)
