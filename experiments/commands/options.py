"""Options that several commands share, and their values."""

from __future__ import annotations

import hashlib
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from experiments.commands.exit_codes import note_folder
from experiments.commands.streams import free_standard_output
from experiments.running.files import prepare_folder

if TYPE_CHECKING:
    import pandas as pd

    from experiments.running.execution import Execution, Progress

Out = Annotated[Path, typer.Option("--out", help="Folder for results and finished work.", callback=note_folder)]
Jobs = Annotated[int, typer.Option("--jobs", help="Workers; -1 for one a core. The results do not depend on it.")]
Backend = Annotated[
    Literal["loky", "dask", "ray"],
    typer.Option("--backend", help="loky: processes of this machine. dask and ray: a cluster, joined or started."),
]
Address = Annotated[
    str | None,
    typer.Option("--address", help="HOST:PORT of a running dask or ray cluster [default: start one]"),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same rows.")]
Json = Annotated[
    Path | None,
    typer.Option(
        "--json",
        help="Also write everything to this JSON file. - is standard output; the tables go to standard error then.",
        callback=free_standard_output,
    ),
]
Preset = Annotated[
    Literal["quick", "paper"], typer.Option("--preset", help="quick, or paper: eight times the replicates.")
]
Instances = Annotated[
    list[str] | None,
    typer.Option("--instance", help="A name from `zpg list`, or module:attribute for your own; given once."),
]
Methods = Annotated[
    list[str] | None,
    typer.Option("--methods", help="Names from `zpg list` or module:attribute; repeat the option or use commas."),
]
Pairs = Annotated[int, typer.Option("--pairs", min=1, help="Trajectory pairs, N.")]
Queries = Annotated[int, typer.Option("--queries", min=1, help="Votes a pair, M.")]

# Longer file names are replaced by a digest.
LONGEST_SUFFIX = 160


def split(values: list[str] | None) -> list[str]:
    """Names from a repeated option, from commas, or both; ``all`` is the same as no names."""
    names = [name.strip() for value in values or [] for name in value.split(",") if name.strip()]
    return [] if names == ["all"] else names


Usual = TypeVar("Usual", str, None)


def one_of(values: list[str] | None, option: str, usual: Usual) -> str | Usual:
    """The value of an option that may be given once, or its default."""
    if values is not None and len(values) > 1:
        raise typer.BadParameter(f"may be given once, got {', '.join(values)}", param_hint=option)
    return values[0] if values else usual


def ready_folder(out: Path, seed: int, jobs: int, backend: Any, address: str | None) -> Path:
    """Make the folder for results, once it is sure that the work could be carried out: a refusal writes nothing.

    Raises
    ------
    InputError
        If a setting is out of its range, or the folder cannot be made.
    """
    from experiments.running.execution import Execution

    Execution(seed, jobs, backend, address)
    return prepare_folder(out)


def execution(
    folder: Path, seed: int, jobs: int, backend: Any, address: str | None, progress: Progress | None
) -> Execution:
    """The execution settings of a command. Finished work is kept in its folder."""
    from experiments.running.execution import Execution

    return Execution(seed, jobs, backend, address, folder / "cache", progress)


def suffix(**settings: Any) -> str:
    """End of a file name, made of the settings that are not None."""
    given = {name: value for name, value in settings.items() if value not in (None, [], "")}
    words = "".join(f"_{name}-{_word(value)}" for name, value in given.items())
    if len(words) <= LONGEST_SUFFIX:
        return words
    return f"_{hashlib.sha256(words.encode()).hexdigest()[:12]}"


def command_given(name: str) -> str:
    """The command line of this process; the name of the command where it was called in another way."""
    words = sys.argv[1:]
    return shlex.join(["zpg", *(words if Path(sys.argv[0]).name in {"zpg", "cli.py"} else [name])])


def with_settings(frame: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """A frame with the settings of its run as columns, except those whose name it has already."""
    missing = {name: ", ".join(value) if isinstance(value, list) else value for name, value in settings.items()}
    return frame.assign(**{name: value for name, value in missing.items() if name not in frame.columns})


def _word(value: Any) -> str:
    text = "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    # A minus sign must not be lost among the other marks: other numbers are another file.
    signed = re.sub(r"(?<![A-Za-z0-9])-(?=[0-9.])", "m", text)
    return re.sub(r"[^A-Za-z0-9.+]+", ".", signed).strip(".")
