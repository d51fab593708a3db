"""Command line: parses, calls, writes. Heavy imports wait until a command runs."""

from __future__ import annotations

import importlib.metadata
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from experiments.commands.exit_codes import IN_WORDS, note_folder
from experiments.commands.streams import free_standard_output
from experiments.commands.tables import print_calibration, print_comparison, print_rates, print_variance
from experiments.commands.terminal import progress_bar
from experiments.running.files import check_file, prepare_folder, write_csv, write_json

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    name="zpg",
    help="Does zeroth-order policy gradient from preferences converge at its stated rates? Checked on small MDPs.",
    epilog=IN_WORDS,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Out = Annotated[Path, typer.Option("--out", help="Folder for results and finished cells.", callback=note_folder)]
Jobs = Annotated[int, typer.Option("--jobs", help="Workers; -1 for one a core. The results do not depend on it.")]
Backend = Annotated[
    Literal["loky", "dask", "ray"],
    typer.Option("--backend", help="loky, dask or ray (the last two need their packages)."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same rows.")]
Scale = Annotated[
    float | None,
    typer.Option(
        "--scale",
        help="Of the raters' link, in units of return [default: the instance's own, or the spread of a difference]",
    ),
]
Raters = Annotated[
    str | None,
    typer.Option(
        "--raters", help="Link the raters use instead of the one assumed, as steep at 0; tuning does not know."
    ),
]
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


@app.command()
def rates(
    preset: Preset = "quick",
    algorithm: Annotated[
        str, typer.Option("--algorithm", help="zpg, zbcpg-1, zbcpg-3, zbcpg-d, zbcpg or all.")
    ] = "all",
    axis: Annotated[str, typer.Option("--axis", help="T, N, M, eps, d or all.")] = "all",
    instance: Annotated[
        str | None, typer.Option("--instance", help="A name from `zpg list`, or module:attribute for your own.")
    ] = None,
    planted: Annotated[
        bool, typer.Option("--controls/--no-controls", help="Also run claims with planted faults.")
    ] = True,
    out: Out = Path("results"),
    jobs: Jobs = -1,
    backend: Backend = "loky",
    seed: Seed = 0,
    json: Json = None,
) -> None:
    """Run the rate checks: one row a claim, with slope, interval, stated exponent and verdict."""
    from experiments.catalogue.shipped_claims import (
        certificate_checks,
        controls,
        own_claims,
        sharpened_claims,
        stated_claims,
    )
    from experiments.rates.exact_claims import exact_claims, exact_controls
    from experiments.rates.run_claims import run_claims

    check_file(json)
    began = time.perf_counter()
    if instance is None:
        selection = preset, algorithm, axis
        claims, checks = [*stated_claims(*selection), *sharpened_claims(*selection)], certificate_checks(algorithm)
        exact = exact_claims()
    else:
        claims, checks = own_claims(instance, preset, algorithm, axis), certificate_checks(algorithm, [instance])
        exact = []
    if not claims:
        raise typer.BadParameter(
            f"no claim on axis {axis} for algorithm {algorithm} and this instance", param_hint="--axis"
        )
    folder = prepare_folder(out)
    with progress_bar("rate checks") as progress:
        results = run_claims(
            claims,
            checks,
            exact=exact,
            controls=controls(preset) if planted else [],
            exact_controls=exact_controls() if planted else [],
            seed=seed,
            jobs=jobs,
            backend=backend,
            cache=folder / "cache",
            progress=progress,
        )
    wall = time.perf_counter() - began
    tables = {"points": results.points, "verdicts": results.verdicts}
    _write_tables(folder, "rates", tables, json, _provenance(seed, wall, preset=preset))
    print_rates(results, f"seed {seed}, zpg {_version()}, {wall:.0f} s; rows in {folder}/rates_*.csv")
    raise typer.Exit(0 if results.passed else 1)


@app.command()
def variance(
    instance: Annotated[
        str, typer.Option("--instance", help="A name from `zpg list`, or module:attribute.")
    ] = "circular",
    theta: Annotated[
        Literal["uniform", "random", "optimum"], typer.Option("--theta", help="Parameters to compare at.")
    ] = "uniform",
    pairs: Annotated[int, typer.Option("--pairs", min=1, help="Trajectory pairs a gradient, N.")] = 100,
    queries: Annotated[int, typer.Option("--queries", min=1, help="Votes a pair, M.")] = 20,
    out: Out = Path("results"),
    seed: Seed = 0,
    json: Json = None,
) -> None:
    """Compare estimators at equal trajectories and votes: error budget of each at its best radius."""
    import numpy as np

    from experiments.catalogue.instances import get_instance
    from experiments.studies.variance import compare_variance, parameters_at

    check_file(json)
    began = time.perf_counter()
    chosen = get_instance(instance)
    folder = prepare_folder(out)
    where = parameters_at(chosen, theta, np.random.default_rng([seed, 3]))
    frame = compare_variance(chosen, where, n_pairs=pairs, n_queries=queries, seed=seed)
    wall = time.perf_counter() - began
    write_csv(folder / "variance.csv", frame)
    if json is not None:
        settings = _provenance(seed, wall, instance=instance, theta=theta, pairs=pairs, queries=queries)
        write_json(json, settings | {"estimators": frame.to_dict(orient="records")})
    print_variance(frame, f"{chosen.name}, theta {theta}, N = {pairs}, M = {queries}; seed {seed}, {wall:.0f} s")


@app.command()
def compare(
    instance: Annotated[
        str, typer.Option("--instance", help="A name from `zpg list`, or module:attribute.")
    ] = "stochastic-gridworld",
    methods: Annotated[str, typer.Option("--methods", help="Comma-separated names from `zpg list`, or all.")] = "all",
    preset: Annotated[
        Literal["quick", "paper"],
        typer.Option("--preset", help="quick: 48,000 votes a run, 20 seeds; paper: 160,000 votes, 100 seeds."),
    ] = "quick",
    budget: Annotated[
        int | None, typer.Option("--budget", min=1, help="Votes a run; sets the number of iterations.")
    ] = None,
    pairs: Annotated[int, typer.Option("--pairs", min=1, help="Trajectory pairs an iteration, N.")] = 32,
    queries: Annotated[int, typer.Option("--queries", min=1, help="Votes a pair, M.")] = 5,
    seeds: Annotated[int | None, typer.Option("--seeds", min=2, help="Runs of each method.")] = None,
    scale: Scale = None,
    raters: Raters = None,
    out: Out = Path("results"),
    jobs: Jobs = -1,
    backend: Backend = "loky",
    seed: Seed = 0,
    json: Json = None,
) -> None:
    """Compare learning curves of all methods on one preference oracle, each tuned by the same rule."""
    from experiments.catalogue.methods import METHODS
    from experiments.comparison.compare_learning import PRESETS, compare_learning

    check_file(json)
    began = time.perf_counter()
    usual_votes, usual_seeds = PRESETS[preset]
    votes = usual_votes if budget is None else budget
    if votes < pairs * queries:
        raise typer.BadParameter(
            f"{votes} votes do not pay for one iteration of {pairs} pairs x {queries} votes = {pairs * queries}",
            param_hint="--budget",
        )
    folder = prepare_folder(out)
    with progress_bar("comparison") as progress:
        found = compare_learning(
            instance,
            list(METHODS) if methods == "all" else [name.strip() for name in methods.split(",")],
            n_iterations=votes // (pairs * queries),
            n_pairs=pairs,
            n_queries=queries,
            n_seeds=seeds or usual_seeds,
            scale=scale,
            raters=raters,
            seed=seed,
            jobs=jobs,
            backend=backend,
            cache=folder / "cache",
            progress=progress,
        )
    wall = time.perf_counter() - began
    tables = {"curves": found.curves, "finals": found.finals, "tests": found.tests, "tuning": found.tuning}
    _write_tables(folder, "compare", tables, json, _provenance(seed, wall, instance=instance, preset=preset))
    print_comparison(found, f"seed {seed}, zpg {_version()}, {wall:.0f} s; rows in {folder}/compare_*.csv")


@app.command()
def calibrate(
    families: Annotated[int, typer.Option("--families", min=1, help="Simulated families of claims.")] = 2000,
    out: Out = Path("results"),
    seed: Seed = 0,
    json: Json = None,
) -> None:
    """Check the verdicts themselves: error rates and coverage on synthetic power laws whose truth is known."""
    import numpy as np

    from experiments.rates import calibration as calibration

    check_file(json)
    began = time.perf_counter()
    folder = prepare_folder(out)
    report = calibration.calibrate(families, np.random.default_rng([seed, 4]))
    wall = time.perf_counter() - began
    tables = {"families": report.families, "claims": report.claims, "detection": report.detection}
    _write_tables(folder, "calibration", tables, json, _provenance(seed, wall, families=families))
    print_calibration(report, f"{families} families; seed {seed}, {wall:.0f} s; rows in {folder}/calibration_*.csv")
    raise typer.Exit(0 if report.passed else 1)


@app.command()
def solve(
    instance: Annotated[str, typer.Argument(help="A name from `zpg list`, or module:attribute for your own.")],
    json: Json = None,
) -> None:
    """Solve an instance exactly: value, optimum, gradient norm, L, law of the return, assumptions."""
    from experiments.catalogue.instances import get_instance
    from experiments.studies.solve import solve_instance

    check_file(json)
    solution = solve_instance(get_instance(instance))
    if json is not None:
        write_json(json, solution)
    for name, value in solution.items():
        print(f"{name:<36} {value!r}" if isinstance(value, float) else f"{name:<36} {value}")


def _version() -> str:
    return importlib.metadata.version("zpg")


def _provenance(seed: int, wall: float, **settings: Any) -> dict[str, Any]:
    return {"version": _version(), "seed": seed, "wall_seconds": round(wall, 1)} | settings


def _write_tables(
    folder: Path, prefix: str, tables: dict[str, pd.DataFrame], json: Path | None, provenance: dict[str, Any]
) -> None:
    """Every table as CSV, and all of them in one JSON file if one is asked for."""
    for name, frame in tables.items():
        write_csv(folder / f"{prefix}_{name}.csv", frame)
    if json is not None:
        write_json(json, provenance | {name: frame.to_dict(orient="records") for name, frame in tables.items()})
