"""Figures to files: whole or not at all, and the same bytes from the same figure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from paper_figures.style import print_style
from theory.errors import InputError

# Without dates, which would make every file a new one.
_OPTIONS: dict[str, dict[str, Any]] = {
    "pdf": {"metadata": {"CreationDate": None}},
    "png": {"dpi": 300},
    "svg": {"metadata": {"Date": None}},
}
FORMATS = tuple(_OPTIONS)


def check_formats(formats: Sequence[str]) -> None:
    """Accept the formats that can be written.

    Raises
    ------
    InputError
        If a format is unknown or there is none.
    """
    if not formats:
        raise InputError(f"formats must name at least one of {', '.join(FORMATS)}, got none")
    for name in formats:
        if name not in FORMATS:
            raise InputError(f"format must be one of {', '.join(FORMATS)}, got {name!r}")


def save(figure: Figure, name: str, folder: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write a figure in some formats, in place of what was there.

    Parameters
    ----------
    figure : Figure
    name : str
        Of the files, without ending.
    folder : Path
        Made if missing.
    formats : sequence of {"pdf", "png", "svg"}

    Returns
    -------
    list of Path
        One a format, in their order.

    Raises
    ------
    InputError
        If a format is unknown; nothing is written then.
    """
    check_formats(formats)
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(folder / f"{name}.{ending}", _render(figure, ending)) for ending in formats]


def _render(figure: Figure, ending: str) -> bytes:
    buffer = BytesIO()
    with print_style():  # fonts and ticks are settled only here
        figure.savefig(buffer, format=ending, **_OPTIONS[ending])
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> Path:
    """Replace a file in one step, so that nobody ever reads half of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path
