"""Results on disk: whole or not at all, and never in place of a device, a link or a pipe."""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.running.open_outputs import input_error, link_target, output_number, write_open_output

if TYPE_CHECKING:
    import pandas as pd


def write_bytes_whole(path: Path, content: bytes) -> Path:
    """Write a file so that nobody ever finds half of it, after a crash or a power cut either.

    A regular file is replaced in one step and keeps its permissions. A link stays, and what it points to is written.
    A device, pipe or socket is written to as it is, and so is an open output: ``-``, ``/dev/fd/N``.

    Parameters
    ----------
    path : Path
    content : bytes

    Returns
    -------
    Path
        As given.

    Raises
    ------
    InputError
        If it cannot be written; no temporary file is left then.
    OutputClosedError
        If it is an open output that nobody reads any more.
    """
    with _in_one_line(str(path)):
        target = link_target(path)
        number = output_number(target)
        if number is not None:
            write_open_output(number, content)
        elif _is_replaced(target):
            _replace(target, content)
        elif target.is_socket():
            _send(target, content)
        else:
            with open(os.open(target, os.O_WRONLY | os.O_NOCTTY), "wb") as file:
                file.write(content)
    return path


def write_csv(path: Path, frame: pd.DataFrame) -> Path:
    """Write a frame with every digit; see `write_bytes_whole`."""
    return write_bytes_whole(path, csv_bytes(frame))


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """A frame as CSV with every digit."""
    text: str = frame.to_csv(index=False)
    return text.encode()


def write_parquet(path: Path, frame: pd.DataFrame) -> Path:
    """Write a frame with the types of its columns; see `write_bytes_whole`.

    Values of an enumeration are written as their text, and so is a column whose values have several types.
    """
    return write_bytes_whole(path, frame.assign(**_as_text(frame)).to_parquet(engine="pyarrow", index=False))


def _as_text(frame: pd.DataFrame) -> dict[str, Any]:
    """The columns of objects, each as texts, since Parquet has one type a column. What is missing stays missing."""
    objects = [name for name in frame if frame[name].dtype == object]
    return {name: frame[name].map(str, na_action="ignore").astype("str") for name in objects}


def write_json(path: Path, content: Any) -> Path:
    """Write JSON; infinities and NaN, which JSON has not, become strings and null. See `write_bytes_whole`."""
    text = json.dumps(plain(content), indent=2, allow_nan=False) + "\n"
    return write_bytes_whole(path, text.encode())


def prepare_folder(folder: Path, argument: str = "--out") -> Path:
    """Make a folder for results.

    Parameters
    ----------
    folder : Path
    argument : str
        What the user calls it.

    Returns
    -------
    Path
        As given.

    Raises
    ------
    InputError
        If it cannot be made or written to.
    """
    with _folder_errors(folder, argument):
        folder.mkdir(parents=True, exist_ok=True)
        _try_folder(folder)
    return folder


def check_folder(folder: Path, argument: str = "--out") -> None:
    """Require that a folder can be made or written to, before any work is done for it. Nothing is made.

    Parameters
    ----------
    folder : Path
    argument : str
        What the user calls it.

    Raises
    ------
    InputError
        If it cannot be made or written to.
    """
    there = next((each for each in (folder, *folder.absolute().parents) if os.path.lexists(each)), folder)
    with _folder_errors(folder, argument):
        _try_folder(there)


def check_file(path: Path | None, argument: str = "--json") -> None:
    """Require that a file asked for can be written, before any work is done for it. Nothing is written.

    Parameters
    ----------
    path : Path, optional
        Whatever `write_bytes_whole` takes; without one nothing is required.
    argument : str
        What the user calls it.

    Raises
    ------
    InputError
        If it is a folder, its folder is missing, or it may not be written.
    """
    if path is None:
        return
    with _in_one_line(f"{argument} {path}"):
        target = link_target(path)
        number = output_number(target)
        if number is not None:
            os.fstat(number)
        elif _is_replaced(target):
            _try_folder(target.parent)
            _try_file(target)
        elif target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        elif not os.access(target, os.W_OK):  # opening a pipe would wait for its reader
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _is_replaced(target: Path) -> bool:
    return target.is_file() or not target.exists()


def _replace(target: Path, content: bytes) -> None:
    temporary = _temporary(target.parent)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with open(descriptor, "wb") as file:
            if _try_file(target):
                _copy_permissions(target, descriptor)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    with suppress(OSError):  # the file is whole already, and some file systems cannot do this
        _sync_folder(target.parent)


def _copy_permissions(target: Path, descriptor: int) -> None:
    known = target.stat()
    for owner, group in ((-1, known.st_gid), (known.st_uid, -1)):
        with suppress(PermissionError):  # only root may give a file away
            os.fchown(descriptor, owner, group)
    os.fchmod(descriptor, stat.S_IMODE(known.st_mode))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _send(target: Path, content: bytes) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(target))
        peer.sendall(content)


def _temporary(folder: Path) -> Path:
    # The name of the target is no part of it: that may already be as long as names can be.
    return folder / f".zpg-{os.getpid()}-{os.urandom(4).hex()}.tmp"


def _try_folder(folder: Path) -> None:
    """Make a file and remove it: permission bits do not tell of read-only and special file systems."""
    temporary = _temporary(folder)
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    temporary.unlink()


def _try_file(target: Path) -> bool:
    """Whether there is a file already. One that may not be written may not be replaced either."""
    if not target.exists():
        return False
    os.close(os.open(target, os.O_WRONLY))
    return True


@contextmanager
def _folder_errors(folder: Path, argument: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise input_error(
            f"{argument} {folder} cannot be made or written to: {_reason(error)}; name a folder you may write to"
        ) from error


@contextmanager
def _in_one_line(name: str) -> Iterator[None]:
    """Turn what the system has to say into one line that tells what to do."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EISDIR:
            message = f"{name} is a folder; name a file in it"
        elif error.errno in {errno.ENOENT, errno.ENOTDIR} and error.filename:
            message = f"{name}: there is no folder {Path(error.filename).parent}; make it first"
        elif error.errno in {errno.ENOSPC, errno.EDQUOT}:
            message = f"{name} cannot be written: {_reason(error)}; make room, or name a file elsewhere"
        else:
            message = f"{name} cannot be written: {_reason(error)}; name a file you may write to"
        raise input_error(message) from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def plain(value: Any) -> Any:
    """A value of what JSON has: infinities become strings, NaN becomes None, and keys strings."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
