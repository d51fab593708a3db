"""zpg solve and zpg clean."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from experiments.commands.app import app
from experiments.commands.options import Json, Out
from experiments.commands.terminal import progress_bar
from experiments.running.files import check_file, write_json


@app.command()
def solve(
    instance: Annotated[str, typer.Argument(help="A name from `zpg list`, or module:attribute for your own.")],
    json: Json = None,
) -> None:
    """Solve an instance exactly: value, optimum, gradient norm, L, law of the return, assumptions."""
    from experiments.catalogue.lookup import find
    from experiments.studies.solve import solve_instance

    check_file(json)
    with progress_bar("solve"):
        solution = solve_instance(find("instance", instance))
    if json is not None:
        write_json(json, solution)
    for name, value in solution.items():
        print(f"{name:<36} {value!r}" if isinstance(value, float) else f"{name:<36} {value}")


@app.command()
def clean(out: Out = Path("results")) -> None:
    """Delete the finished work that a folder of results keeps; tables and figures stay."""
    kept = out / "cache"
    if not kept.is_dir():
        print(f"nothing to delete: there is no {kept}")
        return
    files = [path for path in kept.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    shutil.rmtree(kept)
    print(f"deleted {len(files)} files, {size / 1e6:.1f} MB, in {kept}")
