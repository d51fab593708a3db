"""How a command ends: its exit code and, where something went wrong, one line on standard error."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import textwrap
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from experiments.commands.streams import watched_streams
from experiments.running.files import write_bytes_whole
from experiments.running.open_outputs import OutputClosedError

if TYPE_CHECKING:
    from experiments.running.failures import TasksFailedError

FAILED = 1
BAD_USAGE = 2
CRASHED = 3
INTERRUPTED = 130
OUTPUT_CLOSED = 141  # as a shell reports a program that the signal for it ended

# What libraries of linear algebra read when they are loaded.
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

IN_WORDS = "Exit code: 0 as expected, 1 a verdict is otherwise or a part of yours failed, 2 bad usage, 3 crash."

# What joblib's own workers, dask and ray raise when a worker process is gone.
_WORKER_LOST = {"BrokenProcessPool", "KilledWorker", "WorkerCrashedError"}


@dataclass
class Whereabouts:
    """What is known of a running command when it crashes."""

    folder: Path | None = None


def note_folder(context: typer.Context, folder: Path) -> Path:
    """Remember the folder for results: the details of a crash belong there."""
    if isinstance(context.obj, Whereabouts):
        context.obj.folder = folder
    return folder


def run(application: typer.Typer) -> None:
    """Run the command line of this process, and end the process with its exit code.

    A mistake of the user's is one line on standard error and 2. A crash is one line, which names the file that holds
    the details, and 3. Where nobody reads the output any more nothing is said.
    """
    # Before numpy is loaded: what is worked out outside of the tasks has the same bytes everywhere too.
    os.environ.update(dict.fromkeys(THREADS, "1"))
    with watched_streams():
        code = _exit_code(application)
    sys.exit(code)


def _exit_code(application: typer.Typer) -> int:
    whereabouts = Whereabouts()
    try:
        code = _invoke(application, whereabouts)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _say("interrupted; finished cells are kept, the same command goes on from there")
        return INTERRUPTED
    except OutputClosedError:
        return OUTPUT_CLOSED
    except TyperException as error:
        _say(f"{error.format_message()} (zpg --help lists the commands and their options)")
        return BAD_USAGE
    except (Exception, SystemExit) as error:  # nothing of this project calls sys.exit while a command runs
        if _is_mistake(error):
            _say(str(error))
            return BAD_USAGE
        failures = sys.modules.get("experiments.running.failures")
        if failures is not None and isinstance(error, failures.TasksFailedError):
            return _report_failures(error, whereabouts.folder)
        _report_crash(error, whereabouts.folder)
        return CRASHED
    return code


def _invoke(application: typer.Typer, whereabouts: Whereabouts) -> int:
    """Run the command itself, and not as Typer would, which takes an EOFError or a broken pipe for its own."""
    command = get_command(application)
    try:
        with command.make_context("zpg", sys.argv[1:], obj=whereabouts) as context:
            command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    return 0


def _report_failures(error: TasksFailedError, folder: Path | None) -> int:
    """Say which cells failed. Where no part is the user's, the defect is here."""
    place = _write_details(error.details, folder)
    summary = error.summary + ("" if error.own else "; this is a defect") + (f"; details in {place}" if place else "")
    *lines, last = error.lines
    for line in [*lines, last, summary] if lines else [f"{last}; {summary}"]:
        _say(line)
    return FAILED if error.own else CRASHED


def _is_mistake(error: BaseException) -> bool:
    errors = sys.modules.get("theory.errors")  # never imported, never raised
    return errors is not None and isinstance(error, errors.InputError)


def _report_crash(error: BaseException, folder: Path | None) -> None:
    details = "".join(traceback.format_exception(error))
    place = _write_details(details, folder)
    where = f"details in {place}" if place else "the details could not be written to a file and follow"
    if any(kind.__name__ in _WORKER_LOST for kind in type(error).__mro__):
        _say(
            "a worker process ended unexpectedly (out of memory?); finished cells are kept, the same command goes on "
            f"from there, and fewer --jobs need less memory; {where}"
        )
    else:
        what = textwrap.shorten(f"{type(error).__name__}: {error}", 300, placeholder=" ...")
        _say(f"crashed by {what}; this is a defect, here or in a module of yours; {where}")
    if not place:
        with suppress(Exception):
            print(details.rstrip(), file=sys.stderr)


def _write_details(details: str, folder: Path | None) -> Path | None:
    """Write a crash into the folder for results, or else into that for temporary files."""
    name = f"zpg-crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    head = f"{' '.join(sys.argv)}\nPython {platform.python_version()}, {platform.platform()}\n\n"
    content = (head + details).encode(errors="backslashreplace")
    for place in (folder, Path(tempfile.gettempdir())):
        if place is not None and place.is_dir():
            with suppress(Exception):
                return write_bytes_whole(place / name, content)
    return None


def _say(message: str) -> None:
    with suppress(Exception):
        print("zpg: " + " ".join(message.split()), file=sys.stderr)
