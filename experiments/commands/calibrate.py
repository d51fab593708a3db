"""zpg calibrate: error rates of the verdicts on the real noise of the claims."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.commands.app import app
from experiments.commands.options import Address, Backend, Jobs, Json, Out, Seed, execution, ready_folder
from experiments.commands.terminal import progress_bar
from experiments.commands.writing import write_tables
from experiments.running.files import check_file

if TYPE_CHECKING:
    import pandas as pd
    from numpy.random import Generator

    from experiments.rates.calibration_report import CalibrationReport
    from experiments.rates.floor_calibration import FloorCalibration
    from experiments.running.execution import Execution

FAMILIES, REPLICATES = 2000, 512


@app.command()
def calibrate(
    families: Annotated[int, typer.Option("--families", min=1, help="Simulated families of claims.")] = FAMILIES,
    replicates: Annotated[
        int, typer.Option("--replicates", min=64, help="Measured replicates of each claim, to be resampled.")
    ] = REPLICATES,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Draw noise from fitted laws instead: nothing is run, ten seconds.")
    ] = False,
    out: Out = Path("results"),
    jobs: Jobs = -1,
    backend: Backend = "loky",
    address: Address = None,
    seed: Seed = 0,
    json: Json = None,
) -> None:
    """Check the verdicts themselves: error rates and coverage where the true slopes are known."""
    import numpy as np
    import pandas as pd

    from experiments.commands.tables import print_calibration, print_floor_calibration
    from experiments.rates.calibration import calibrate as run_calibration

    check_file(json)
    began = time.perf_counter()
    folder = ready_folder(out, seed, jobs, backend, address)
    rng = np.random.default_rng([seed, 4])
    if synthetic:
        report, alone, constants = run_calibration(families, rng), pd.DataFrame(), None
    else:
        with progress_bar("pools") as progress:
            how = execution(folder, seed, jobs, backend, address, progress)
            report, alone, constants = _on_measured_noise(families, replicates, rng, how)
    wall = time.perf_counter() - began
    tables = {"families": report.families, "claims": report.claims, "detection": report.detection}
    tables |= {} if alone.empty else {"alone": alone}
    tables |= {} if constants is None else {"floors": constants.rows}
    settings = {"simulated": families, "pool": 0 if synthetic else replicates, "seed": seed}
    usual = {"simulated": FAMILIES, "pool": REPLICATES, "seed": 0}
    files = write_tables(folder, "calibration", tables, json, settings=settings, usual=usual, wall=wall)
    noise = "synthetic noise" if synthetic else f"noise of {replicates} measured replicates a claim"
    print_calibration(report, alone, f"{families} families, {noise}; seed {seed}, {wall:.0f} s; rows in {files}")
    if constants is not None:
        print_floor_calibration(constants)
    raise typer.Exit(0 if report.passed and (constants is None or constants.passed) else 1)


def _on_measured_noise(
    families: int, replicates: int, rng: Generator, how: Execution
) -> tuple[CalibrationReport, pd.DataFrame, FloorCalibration]:
    """Calibrate the families whose error rates are promised on pools of their replicates, and claims outside alone."""
    import pandas as pd

    from experiments.catalogue.shipped_claims import sharpened_claims, stated_claims
    from experiments.rates.calibration import calibrate as run_calibration
    from experiments.rates.calibration import family_claims
    from experiments.rates.floor_calibration import calibrate_floors, measure_floor_pools
    from experiments.rates.floor_claims import floor_claims
    from experiments.rates.pools import measure_pools
    from experiments.rates.single_looks import single_looks

    family = family_claims()
    others = [claim for claim in (*stated_claims(), *sharpened_claims()) if not claim.in_family]
    pools = measure_pools([*family, *others], replicates, how)
    floors = measure_floor_pools(floor_claims(), replicates, how)
    report = run_calibration(
        families, rng, claims=family, noise=lambda claim: pools[claim.name], kind=lambda claim: claim.name
    )
    alone = [single_looks(claim, pools[claim.name], families, rng) for claim in others]
    return report, pd.concat(alone, ignore_index=True), calibrate_floors(families, rng, floors)
