"""zpg rates: claims, certificates and planted faults."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.commands.app import app, version
from experiments.commands.options import (
    Address,
    Backend,
    Jobs,
    Json,
    Out,
    Preset,
    Seed,
    execution,
    one_of,
    ready_folder,
    split,
)
from experiments.commands.terminal import progress_bar
from experiments.commands.writing import write_tables
from experiments.running.files import check_file

if TYPE_CHECKING:
    from experiments.commands.rate_runs import Asked, Found


@app.command()
def rates(
    preset: Preset = "quick",
    method: Annotated[
        str, typer.Option("--method", "--algorithm", help="A method, a family such as zbcpg, or all.")
    ] = "all",
    axis: Annotated[str, typer.Option("--axis", help="T, N, M, eps, d, floor, energy or all.")] = "all",
    claims: Annotated[
        list[str] | None,
        typer.Option("--claims", help="Run these instead: a name from `zpg list`, or module:attribute; repeatable."),
    ] = None,
    instance: Annotated[
        list[str] | None,
        typer.Option(
            "--instance",
            help="Run the stated claims on this one, with windows found by rule: a name or module:attribute.",
        ),
    ] = None,
    grid: Annotated[
        str | None, typer.Option("--grid", help="With --instance and one --axis: the window, such as 1e4,1e5,1e6.")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option("--iterations", help="With --instance and axis N, M or eps: T (eps: T at eps = 1).")
    ] = None,
    step_scale: Annotated[
        float | None, typer.Option("--step-scale", help="With --instance: c of the step c / d.")
    ] = None,
    radius_scale: Annotated[
        float | None, typer.Option("--radius-scale", help="With --instance: factor of the schedule's radius.")
    ] = None,
    garnets: Annotated[
        bool, typer.Option("--garnets", help="Run only the T, N and M claims on 24 random garnets, none selected.")
    ] = False,
    planted: Annotated[
        bool, typer.Option("--controls/--no-controls", help="Also run claims with planted faults.")
    ] = True,
    out: Out = Path("results"),
    jobs: Jobs = -1,
    backend: Backend = "loky",
    address: Address = None,
    seed: Seed = 0,
    json: Json = None,
) -> None:
    """Run the rate checks: one row a claim, with slope, interval, stated exponent and verdict."""
    from experiments.commands.rate_runs import Asked, run_asked, tables_of
    from experiments.rates.windows import Fixed

    check_file(json)
    began = time.perf_counter()
    fixed = Fixed(_numbers(grid), iterations, step_scale, radius_scale)
    on = one_of(instance, "--instance", None)
    asked = Asked(preset, method, axis, split(claims), on, fixed, garnets, planted)
    check_asked(asked)
    folder = ready_folder(out, seed, jobs, backend, address)
    with progress_bar("rate checks") as progress:
        found = run_asked(asked, execution(folder, seed, jobs, backend, address, progress))
    wall = time.perf_counter() - began
    settings: dict[str, Any] = {"preset": preset, "method": method, "axis": axis, "claims": asked.claims}
    settings |= {"instance": on, "controls": planted, "seed": seed}
    extra = {"grid": grid, "iterations": iterations, "step_scale": step_scale, "radius_scale": radius_scale}
    settings |= {name: value for name, value in extra.items() if value is not None}
    settings |= {"only": "garnets"} if garnets else {}
    usual = {"preset": "quick", "method": "all", "axis": "all", "claims": [], "controls": True, "seed": 0}
    files = write_tables(folder, "rates", tables_of(found), json, settings=settings, usual=usual, wall=wall)
    _print(found, f"seed {seed}, zpg {version()}, {wall:.0f} s; rows in {files}")
    raise typer.Exit(0 if found.passed else 1)


def check_asked(asked: Asked) -> None:
    """Refuse options that exclude each other, or are out of range."""
    from experiments.catalogue.claims import AXIS_TITLES
    from experiments.catalogue.lookup import find
    from experiments.catalogue.methods import methods_named
    from experiments.catalogue.shipped_claims import claims_in
    from experiments.commands.rate_runs import nothing_to_run
    from experiments.rates.own_claims import checked, own_axes
    from experiments.rates.windows import Fixed
    from theory.errors import InputError

    if asked.claims and asked.instance is not None:
        raise typer.BadParameter("claims name their own instances; leave one of the two out", param_hint="--instance")
    if asked.claims and asked.method != "all":
        raise typer.BadParameter("claims name their own methods; leave one of the two out", param_hint="--method")
    known = (*AXIS_TITLES, "floor", "energy", "all")
    if asked.axis not in known:
        raise InputError(f"axis must be one of {', '.join(known)}, got {asked.axis!r}")
    if asked.garnets and (asked.claims or asked.instance is not None):
        raise typer.BadParameter("the garnets are a family of their own; leave the other out", param_hint="--garnets")
    if asked.fixed != Fixed() and asked.instance is None:
        raise typer.BadParameter(
            "--grid, --iterations, --step-scale and --radius-scale change claims on one instance; add --instance NAME",
            param_hint="--instance",
        )
    checked(asked.axis, asked.fixed)
    # What is named is looked up and checked before a folder is made.
    methods_named(asked.method)
    named: list[str] = [claim.axis for name in asked.claims for claim in claims_in(name)]
    if asked.instance is not None:
        find("instance", asked.instance)
        named = [*own_axes(asked.axis)] or ["none"]
    if named and asked.axis not in (*named, "all"):
        raise nothing_to_run(asked)


def _numbers(grid: str | None) -> tuple[float, ...] | None:
    """Numbers of a comma list."""
    if grid is None:
        return None
    try:
        return tuple(float(part) for part in grid.split(",") if part.strip())
    except ValueError:
        raise typer.BadParameter(
            f"must be numbers with commas between, such as 1e4,1e5,1e6, got {grid}", param_hint="--grid"
        ) from None


def _print(found: Found, footer: str) -> None:
    """Tables on the terminal."""
    from experiments.commands.rate_tables import print_curves, print_energy, print_floors, print_rates, print_shares
    from experiments.commands.tables import print_footer

    if found.rates is not None:
        print_rates(found.rates)
    if found.floors is not None:
        print_floors(found.floors)
    if found.curves is not None:
        print_curves(found.curves)
    if found.energy is not None:
        print_energy(found.energy)
    if found.garnets is not None:
        print_shares(found.garnets)
    print_footer(footer)
