"""zpg rates: claims, certificates and planted faults."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.commands.app import app, version
from experiments.commands.options import Address, Backend, Jobs, Json, Out, Preset, Seed, execution, one_of, split
from experiments.commands.terminal import progress_bar
from experiments.commands.writing import write_tables
from experiments.running.files import check_file, prepare_folder

if TYPE_CHECKING:
    import pandas as pd

    from experiments.rates.floor_claim import FloorClaim
    from experiments.rates.run_claims import RateResults
    from experiments.rates.run_floors import FloorResults
    from experiments.rates.windows import Fixed
    from experiments.running.execution import Execution


@dataclass(frozen=True)
class _Asked:
    """What the options select."""

    preset: Preset
    method: str
    axis: str
    claims: list[str]
    instance: str | None
    fixed: Fixed
    garnets: bool
    controls: bool

    @property
    def family(self) -> bool:
        """Whether the random garnets are run: alone, or after everything else."""
        return self.garnets or (self.preset == "paper" and not self.claims and self.instance is None and self.usual)

    @property
    def usual(self) -> bool:
        """Whether nothing is left out."""
        return self.method == "all" and self.axis == "all"


@dataclass(frozen=True)
class _Found:
    """Results; what was not asked for is None."""

    rates: RateResults | None = None
    floors: FloorResults | None = None
    garnets: RateResults | None = None

    @property
    def passed(self) -> bool:
        """Whether something was run, and all of it is as expected. Of the garnets no claim may be VIOLATED."""
        found = [each.passed for each in (self.rates, self.floors) if each is not None]
        if self.garnets is not None:
            found.append(not (self.garnets.verdicts["outcome"] == "VIOLATED").any())
        return bool(found) and all(found)


@app.command()
def rates(
    preset: Preset = "quick",
    method: Annotated[
        str, typer.Option("--method", "--algorithm", help="A method, a family such as zbcpg, or all.")
    ] = "all",
    axis: Annotated[str, typer.Option("--axis", help="T, N, M, eps, d, floor or all.")] = "all",
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
    from experiments.rates.windows import Fixed

    check_file(json)
    began = time.perf_counter()
    fixed = Fixed(_numbers(grid), iterations, step_scale, radius_scale)
    on = one_of(instance, "--instance")
    asked = _Asked(preset, method, axis, split(claims), on, fixed, garnets, planted)
    _check(asked)
    folder = prepare_folder(out)
    with progress_bar("rate checks") as progress:
        found = _run(asked, execution(folder, seed, jobs, backend, address, progress))
    wall = time.perf_counter() - began
    settings: dict[str, Any] = {"preset": preset, "method": method, "axis": axis, "claims": asked.claims}
    settings |= {"instance": on, "controls": planted, "seed": seed}
    extra = {"grid": grid, "iterations": iterations, "step_scale": step_scale, "radius_scale": radius_scale}
    settings |= {name: value for name, value in extra.items() if value is not None}
    settings |= {"only": "garnets"} if garnets else {}
    usual = {"preset": "quick", "method": "all", "axis": "all", "claims": [], "controls": True, "seed": 0}
    files = write_tables(folder, "rates", _tables(found), json, settings=settings, usual=usual, wall=wall)
    _print(found, f"seed {seed}, zpg {version()}, {wall:.0f} s; rows in {files}")
    raise typer.Exit(0 if found.passed else 1)


def _check(asked: _Asked) -> None:
    """Options that exclude each other, or are out of range."""
    from experiments.catalogue.claims import AXIS_TITLES
    from experiments.rates.own_claims import checked
    from experiments.rates.windows import Fixed
    from theory.errors import InputError

    if asked.claims and asked.instance is not None:
        raise typer.BadParameter("claims name their own instances; leave one of the two out", param_hint="--instance")
    if asked.claims and asked.method != "all":
        raise typer.BadParameter("claims name their own methods; leave one of the two out", param_hint="--method")
    known = (*AXIS_TITLES, "floor", "all")
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


def _run(asked: _Asked, how: Execution) -> _Found:
    """Run what was asked for."""
    from experiments.rates.garnets import run_garnets

    if asked.garnets:
        return _Found(garnets=run_garnets(asked.method, asked.axis, how))
    found = _on_instance(asked, asked.instance, how) if asked.instance is not None else _shipped(asked, how)
    if found.rates is None and found.floors is None:
        given = {"of": ", ".join(asked.claims), "for method": asked.method, "on": asked.instance}
        limits = "".join(f" {word} {value}" for word, value in given.items() if value and value != "all")
        message = f"no claim{limits} is on axis {asked.axis}; `zpg list` has them all"
        raise typer.BadParameter(message, param_hint="--axis")
    return _Found(found.rates, found.floors, run_garnets(execution=how)) if asked.family else found


def _on_instance(asked: _Asked, instance: str, how: Execution) -> _Found:
    """Claims on one instance, with windows by rule. Faults are planted in shipped claims, which are not run here."""
    from experiments.catalogue.shipped_claims import certificate_checks
    from experiments.rates.own_claims import claims_on, own_axes, own_methods
    from experiments.rates.run_claims import run_claims
    from experiments.rates.run_floors import run_floors

    axes = own_axes(asked.axis)
    own = claims_on([instance], own_methods(asked.method), axes, fixed=asked.fixed, preset=asked.preset, execution=how)
    floors = run_floors(own.floors, execution=how) if own.floors else None
    if not (own.claims or own.inapplicable):
        return _Found(floors=floors)
    checks = certificate_checks(asked.method, [instance]) if asked.axis == "all" else []
    return _Found(run_claims(own.claims, checks, inapplicable=own.inapplicable, execution=how), floors)


def _shipped(asked: _Asked, how: Execution) -> _Found:
    """Shipped claims, or those that are named; the former with planted faults."""
    from experiments.catalogue import shipped_claims as shipped
    from experiments.rates.exact_claims import exact_claims, exact_controls
    from experiments.rates.floor_claims import floor_controls
    from experiments.rates.run_claims import run_claims
    from experiments.rates.run_floors import run_floors
    from experiments.rates.variance_claims import variance_claims

    preset, method, axis = asked.preset, asked.method, asked.axis
    named = [claim for name in asked.claims for claim in shipped.claims_in(name) if claim.axis == axis or axis == "all"]
    faults, results, constants = asked.controls and not asked.claims, None, None
    judged, sampled, exact = named, [], []
    if not asked.claims and axis != "floor":
        judged = [*shipped.stated_claims(preset, method, axis), *shipped.sharpened_claims(preset, method, axis)]
        sampled = [claim for claim in variance_claims(preset) if axis in (claim.axis, "all")]
        exact = [claim for claim in exact_claims() if axis in (claim.axis, "all")]
    if judged or sampled or exact:
        results = run_claims(
            judged,
            # A certificate bounds the whole sum, so it belongs to no axis alone.
            shipped.certificate_checks(method) if axis == "all" and not asked.claims else [],
            sampled=sampled,
            exact=exact,
            controls=shipped.controls(preset, axis) if faults else [],
            exact_controls=[c for c in exact_controls() if axis in (c.axis, "all")] if faults else [],
            execution=how,
        )
    if not asked.claims and axis in ("floor", "all"):
        floors = _floors(preset, method)
        constants = run_floors(floors, floor_controls() if faults else [], how) if floors else None
    return _Found(results, constants)


def _floors(preset: Preset, method: str) -> list[FloorClaim]:
    """Claims on constants of the methods asked for."""
    from experiments.catalogue.methods import methods_named
    from experiments.rates.floor_claims import floor_claims

    chosen = methods_named(method)
    return [claim for claim in floor_claims(preset) if claim.method in chosen]


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


def _tables(found: _Found) -> dict[str, pd.DataFrame]:
    """Tables by the end of their file's name."""
    from experiments.rates.garnets import shares

    tables: dict[str, pd.DataFrame] = {}
    if found.rates is not None:
        tables |= {"points": found.rates.points, "verdicts": found.rates.verdicts}
    if found.floors is not None:
        tables["floors"] = found.floors.rows
    if found.garnets is not None:
        tables |= {"garnets": found.garnets.verdicts, "shares": shares(found.garnets.verdicts)}
    return tables


def _print(found: _Found, footer: str) -> None:
    """Tables on the terminal."""
    from experiments.commands.rate_tables import print_floors, print_rates, print_shares
    from experiments.commands.tables import print_footer

    if found.rates is not None:
        print_rates(found.rates)
    if found.floors is not None:
        print_floors(found.floors)
    if found.garnets is not None:
        print_shares(found.garnets)
    print_footer(footer)
