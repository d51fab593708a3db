"""zpg calibrate: do the verdicts keep their error rates."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from experiments.commands.app import app
from experiments.commands.options import Json, Out, Seed
from experiments.commands.writing import write_tables
from experiments.running.files import check_file, prepare_folder

FAMILIES = 2000


@app.command()
def calibrate(
    families: Annotated[int, typer.Option("--families", min=1, help="Simulated families of claims.")] = FAMILIES,
    out: Out = Path("results"),
    seed: Seed = 0,
    json: Json = None,
) -> None:
    """Check the verdicts themselves: error rates and coverage on synthetic power laws whose truth is known."""
    import numpy as np

    from experiments.commands.tables import print_calibration
    from experiments.rates import calibration

    check_file(json)
    began = time.perf_counter()
    folder = prepare_folder(out)
    report = calibration.calibrate(families, np.random.default_rng([seed, 4]))
    wall = time.perf_counter() - began
    tables = {"families": report.families, "claims": report.claims, "detection": report.detection}
    settings, usual = {"simulated": families, "seed": seed}, {"simulated": FAMILIES, "seed": 0}
    files = write_tables(folder, "calibration", tables, json, settings=settings, usual=usual, wall=wall)
    print_calibration(report, f"{families} families; seed {seed}, {wall:.0f} s; rows in {files}")
    raise typer.Exit(0 if report.passed else 1)
