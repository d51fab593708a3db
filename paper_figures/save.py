"""Figures to files: whole or not at all, and the same bytes from the same figure."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.running.files import prepare_folder, write_bytes_whole
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
        If a format is unknown, when nothing is written, or a file cannot be.
    """
    check_formats(formats)
    prepare_folder(folder, "folder")
    return [write_bytes_whole(folder / f"{name}.{ending}", render(figure, ending)) for ending in formats]


def render(figure: Figure, ending: str) -> bytes:
    """A figure as the bytes of a file in one of the formats."""
    buffer = BytesIO()
    with print_style():  # fonts and ticks are settled only here
        figure.savefig(buffer, format=ending, **_OPTIONS[ending])
    return buffer.getvalue()
