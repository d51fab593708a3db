"""zpg rates: claims, certificates and planted faults."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.commands.app import app, version
from experiments.commands.options import Address, Backend, Jobs, Json, Out, Preset, Seed, execution, split
from experiments.commands.terminal import progress_bar
from experiments.commands.writing import write_tables
from experiments.running.files import check_file, prepare_folder

if TYPE_CHECKING:
    from experiments.catalogue.certificates import CertificateCheck
    from experiments.catalogue.claims import Claim
    from experiments.rates.curve_claim import CurveClaim
    from experiments.rates.exact_claim import ExactClaim
    from experiments.rates.floor_claim import FloorClaim
    from experiments.rates.sampled_claim import SampledClaim


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
        str | None, typer.Option("--instance", help="Run the stated claims on this one: a name, or module:attribute.")
    ] = None,
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
    from experiments.catalogue.claims import AXIS_TITLES
    from experiments.catalogue.shipped_claims import controls
    from experiments.commands.energy import print_energy
    from experiments.commands.tables import print_curves, print_floors, print_footer, print_rates
    from experiments.rates.curve_claim import curve_controls
    from experiments.rates.energy_claims import energy_claims, energy_controls
    from experiments.rates.exact_claims import exact_controls
    from experiments.rates.floor_claims import floor_controls
    from experiments.rates.run_claims import run_claims
    from experiments.rates.run_curves import run_curves
    from experiments.rates.run_energy import run_energy
    from experiments.rates.run_floors import run_floors
    from theory.errors import InputError

    check_file(json)
    began = time.perf_counter()
    names = split(claims)
    if names and instance is not None:
        raise typer.BadParameter("claims name their own instances; leave one of the two out", param_hint="--instance")
    if names and method != "all":
        raise typer.BadParameter("claims name their own methods; leave one of the two out", param_hint="--method")
    known = (*AXIS_TITLES, "floor", "energy", "all")
    if axis not in known:
        raise InputError(f"axis must be one of {', '.join(known)}, got {axis!r}")
    judged, checks, sampled, exact = _selected(names, instance, preset, method, axis)
    # Shipped claims on constants are about shipped instances.
    own = bool(names) or instance is not None
    floors, curves = ([], []) if own else _constants(preset, method, axis)
    balances = energy_claims(preset, method) if axis in ("energy", "all") and not own else []
    if not (judged or sampled or exact or floors or balances):
        asked = {"of": ", ".join(names), "for method": method if method != "all" else "", "on": instance}
        limits = "".join(f" {word} {value}" for word, value in asked.items() if value)
        raise typer.BadParameter(f"no claim{limits} is on axis {axis}; `zpg list` has them all", param_hint="--axis")
    faults = planted and not names
    folder = prepare_folder(out)
    results, constants, over_time, energies = None, None, None, None
    with progress_bar("rate checks") as progress:
        how = execution(folder, seed, jobs, backend, address, progress)
        if judged or sampled or exact:
            results = run_claims(
                judged,
                checks,
                sampled=sampled,
                exact=exact,
                controls=controls(preset, axis) if faults else [],
                exact_controls=[c for c in exact_controls() if axis in (c.axis, "all")] if faults else [],
                execution=how,
            )
        if floors:
            constants = run_floors(floors, floor_controls() if faults else [], how, reduced=preset == "paper")
        if curves:
            over_time = run_curves(curves, curve_controls() if faults else [], how)
        if balances:
            energies = run_energy(balances, energy_controls() if faults else [], how)
    wall = time.perf_counter() - began
    settings: dict[str, Any] = {"preset": preset, "method": method, "axis": axis, "claims": names}
    settings |= {"instance": instance}
    settings |= {"controls": planted, "seed": seed}
    usual = {"preset": "quick", "method": "all", "axis": "all", "claims": [], "controls": True, "seed": 0}
    tables = {} if results is None else {"points": results.points, "verdicts": results.verdicts}
    tables |= {} if constants is None else {"floors": constants.rows}
    tables |= {} if energies is None else {"energy": energies.rows}
    tables |= {} if over_time is None else {"curves": over_time.rows}
    files = write_tables(folder, "rates", tables, json, settings=settings, usual=usual, wall=wall)
    footer = f"seed {seed}, zpg {version()}, {wall:.0f} s; rows in {files}"
    if results is not None:
        print_rates(results)
    if constants is not None:
        print_floors(constants)
    if over_time is not None:
        print_curves(over_time)
    if energies is not None:
        print_energy(energies)
    print_footer(footer)
    passed = all(found.passed for found in (results, constants, over_time, energies) if found is not None)
    raise typer.Exit(0 if passed else 1)


def _constants(preset: Preset, method: str, axis: str) -> tuple[list[FloorClaim], list[CurveClaim]]:
    """Claims on constants and on curves that the options ask for."""
    from experiments.catalogue.methods import methods_named
    from experiments.rates.curve_claim import curve_claims
    from experiments.rates.floor_claims import floor_claims

    if axis not in ("floor", "all"):
        return [], []
    chosen = methods_named(method)
    floors = [claim for claim in floor_claims(preset) if claim.method in chosen]
    return floors, [claim for claim in curve_claims(preset) if claim.setting.method in chosen]


def _selected(
    names: list[str], instance: str | None, preset: Preset, method: str, axis: str
) -> tuple[list[Claim], list[CertificateCheck], list[SampledClaim], list[ExactClaim]]:
    """Claims, certificate checks, sampled and exact claims that the options ask for."""
    from experiments.catalogue.shipped_claims import (
        certificate_checks,
        claims_in,
        claims_on,
        sharpened_claims,
        stated_claims,
    )
    from experiments.rates.exact_claims import exact_claims
    from experiments.rates.variance_claims import variance_claims

    if axis in ("floor", "energy"):
        return [], [], [], []
    if names:
        return [claim for name in names for claim in claims_in(name) if axis in (claim.axis, "all")], [], [], []
    if instance is not None:
        return claims_on(instance, preset, method, axis), certificate_checks(method, [instance]), [], []
    claims = [*stated_claims(preset, method, axis), *sharpened_claims(preset, method, axis)]
    sampled = [claim for claim in variance_claims(preset) if axis in (claim.axis, "all")]
    exact = [claim for claim in exact_claims() if axis in (claim.axis, "all")]
    # A certificate bounds the whole sum, so it belongs to no axis alone.
    return claims, certificate_checks(method) if axis == "all" else [], sampled, exact
