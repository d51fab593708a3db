"""Output of every command: its tables as CSV and all of them as JSON, with the settings of the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.commands.app import version
from experiments.commands.options import command_given, suffix, with_settings
from experiments.running.files import write_csv, write_json

if TYPE_CHECKING:
    import pandas as pd


def write_tables(
    folder: Path,
    name: str,
    tables: dict[str, pd.DataFrame],
    json: Path | None,
    *,
    settings: dict[str, Any],
    usual: dict[str, Any],
    wall: float,
) -> str:
    """Write every table as CSV, a record of what made them, and all of them to one JSON file if one is asked for.

    Parameters
    ----------
    folder : Path
    name : str
        Name of the command.
    tables : dict of DataFrame
    json : Path, optional
    settings : dict
        Settings of the run. They are columns of every CSV and keys of the JSON.
    usual : dict
        The default settings. Other values become part of the file names, so that no run overwrites another.
    wall : float
        Duration of the run in seconds.

    Returns
    -------
    str
        Pattern of the names of the files.
    """
    from experiments.running.records import ENDING, computed, write_record  # late: --help must not wait for numpy

    other = {key: value for key, value in settings.items() if value != usual.get(key)}
    prefix = name + suffix(**other)
    whole = {title: with_settings(frame, settings) for title, frame in tables.items()}
    files = [
        write_csv(folder / (f"{prefix}_{title}.csv" if title else f"{prefix}.csv"), frame)
        for title, frame in whole.items()
    ]
    write_record(folder / f"{prefix}{ENDING}", computed(command_given(name), settings), files, whole)
    if json is not None:
        content = {title or name: frame.to_dict(orient="records") for title, frame in tables.items()}
        write_json(json, {"version": version(), "wall_seconds": round(wall, 1)} | settings | content)
    return f"{folder}/{prefix}_*.csv" if all(tables) else f"{folder}/{prefix}.csv"
