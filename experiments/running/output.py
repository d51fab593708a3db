"""Results on disk, never half written, and tables on the terminal."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

# Wide enough for every table when the output is not a terminal.
PIPE_WIDTH = 170


def prepare_folder(folder: Path) -> Path:
    """Make a folder for results.

    Raises
    ------
    InputError
        If it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _input_error(
            f"--out {folder} cannot be made: {error.strerror}; name a folder you may write to"
        ) from error
    if not os.access(folder, os.W_OK):
        raise _input_error(f"--out {folder} is not writable; name a folder you may write to")
    return folder


def check_file(path: Path | None) -> None:
    """Require that a file asked for can be written, before any work is done for it.

    Raises
    ------
    InputError
        If it is a folder, or its folder is missing or not writable.
    """
    if path is None:
        return
    if path.is_dir():
        raise _input_error(f"--json {path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise _input_error(f"--json {path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise _input_error(f"--json {path}: {path.parent} is not writable; name a folder you may write to")


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Let `write` fill a temporary file beside `path`, then rename it: readers see the old file or the new one.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        temporary.replace(path)
    except OSError as error:
        raise _input_error(f"{path} cannot be written: {error.strerror}; name a path you may write to") from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def write_csv(path: Path, frame: pd.DataFrame) -> Path:
    """Write a frame with every digit."""
    return write_whole(path, lambda temporary: frame.to_csv(temporary, index=False))


def write_json(path: Path, content: Any) -> Path:
    """Write JSON; infinities and NaN, which JSON has not, become strings and null."""
    text = json.dumps(_plain(content), indent=2, allow_nan=False) + "\n"
    return write_whole(path, lambda temporary: temporary.write_text(text))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


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
def progress_bar(label: str) -> Iterator[Callable[[int, int], None] | None]:
    """Progress with time left, on a terminal only."""
    if not sys.stderr.isatty():
        yield None
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


def _input_error(message: str) -> ValueError:
    from theory.errors import InputError  # late: the package costs half a second

    return InputError(message)
