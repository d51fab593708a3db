"""Results on disk, never half written."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


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


def _input_error(message: str) -> ValueError:
    from theory.errors import InputError  # late: the package costs half a second

    return InputError(message)
