"""Standard output and standard error of a command: watched for failure, and kept free for JSON where it goes there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO, cast

import typer

from experiments.running.open_outputs import failing_output, is_standard_output


class WatchedStream:
    """A stream whose failures are told apart from every other error. Once it failed it fails, whoever ignored that.

    Parameters
    ----------
    stream : text stream
        Everything but writing is left to it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._failure: OSError | None = None

    def write(self, text: str) -> int:
        """Write; see `failing_output` for what is raised."""
        with self._watched():
            return self._stream.write(text)

    def flush(self) -> None:
        """Flush; see `failing_output` for what is raised."""
        with self._watched():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        with failing_output():
            if self._failure is not None:
                raise self._failure
            try:
                yield
            except OSError as error:
                self._failure = error
                self._discard_the_rest()
                raise

    def _discard_the_rest(self) -> None:
        """Or what could not be written would fail a second time, when the interpreter ends."""
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextmanager
def watched_streams() -> Iterator[None]:
    """Watch standard output and standard error, which are both flushed at the end."""
    output, errors = (WatchedStream(stream or _nowhere()) for stream in (sys.stdout, sys.stderr))
    with redirect_stdout(cast(TextIO, output)), redirect_stderr(cast(TextIO, errors)):
        try:
            yield
        finally:
            for stream in (output, errors):
                with suppress(Exception):
                    stream.flush()


def _nowhere() -> TextIO:
    """Of a process that was started without the stream."""
    return open(os.devnull, "w")


def free_standard_output(context: typer.Context, path: Path | None) -> Path | None:
    """Where the JSON goes to standard output, send everything else to standard error, what workers print as well.

    Parameters
    ----------
    context : typer.Context
        Of the command; standard output is as it was when it is closed.
    path : Path, optional
        As the user gave it.

    Returns
    -------
    Path or None
        What to write to.
    """
    if path is None or not is_standard_output(path):
        return path
    kept = os.dup(1)
    sys.stdout.flush()
    os.dup2(2, 1)

    def restore() -> None:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)

    context.call_on_close(restore)
    return Path(f"/dev/fd/{kept}")
