"""What zpg rates runs: which claims the options select, and their results."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import typer

from experiments.commands.options import Preset

if TYPE_CHECKING:
    import pandas as pd

    from experiments.rates.run_claims import RateResults
    from experiments.rates.run_curves import CurveResults
    from experiments.rates.run_energy import EnergyResults
    from experiments.rates.run_floors import FloorResults
    from experiments.rates.windows import Fixed
    from experiments.running.execution import Execution


@dataclass(frozen=True)
class Asked:
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
class Found:
    """Results; what was not asked for is None."""

    rates: RateResults | None = None
    floors: FloorResults | None = None
    curves: CurveResults | None = None
    energy: EnergyResults | None = None
    garnets: RateResults | None = None

    @property
    def passed(self) -> bool:
        """Whether something was run, and all of it is as expected. Of the garnets no claim may be VIOLATED."""
        judged = (self.rates, self.floors, self.curves, self.energy)
        found = [each.passed for each in judged if each is not None]
        if self.garnets is not None:
            found.append(not (self.garnets.verdicts["outcome"] == "VIOLATED").any())
        return bool(found) and all(found)


def run_asked(asked: Asked, how: Execution) -> Found:
    """Run what was asked for."""
    from experiments.rates.garnets import run_garnets

    if asked.garnets:
        return Found(garnets=run_garnets(asked.method, asked.axis, how))
    found = _on_instance(asked, asked.instance, how) if asked.instance is not None else _shipped(asked, how)
    if found == Found():
        raise nothing_to_run(asked)
    return replace(found, garnets=run_garnets(execution=how)) if asked.family else found


def nothing_to_run(asked: Asked) -> typer.BadParameter:
    """What to say where the options select no claim."""
    given = {"of": ", ".join(asked.claims), "for method": asked.method, "on": asked.instance}
    limits = "".join(f" {word} {value}" for word, value in given.items() if value and value != "all")
    message = f"no claim{limits} is on axis {asked.axis}; `zpg list` has them all"
    return typer.BadParameter(message, param_hint="--axis")


def _on_instance(asked: Asked, instance: str, how: Execution) -> Found:
    """Claims on one instance, with windows by rule. Faults are planted in shipped claims, which are not run here."""
    from experiments.catalogue.shipped_claims import certificate_checks
    from experiments.rates.own_claims import claims_on, own_axes, own_methods
    from experiments.rates.run_claims import run_claims
    from experiments.rates.run_floors import run_floors

    axes = own_axes(asked.axis)
    own = claims_on([instance], own_methods(asked.method), axes, fixed=asked.fixed, preset=asked.preset, execution=how)
    floors = run_floors(own.floors, execution=how) if own.floors else None
    if not (own.claims or own.inapplicable):
        return Found(floors=floors)
    checks = certificate_checks(asked.method, [instance]) if asked.axis == "all" else []
    return Found(run_claims(own.claims, checks, inapplicable=own.inapplicable, execution=how), floors)


def _shipped(asked: Asked, how: Execution) -> Found:
    """Shipped claims, or those that are named; the former with planted faults."""
    if asked.claims:
        return _named(asked, how)
    return Found(_slopes(asked, how), *_constants(asked, how))


def _named(asked: Asked, how: Execution) -> Found:
    """Claims that are named."""
    from experiments.catalogue.shipped_claims import claims_in
    from experiments.rates.run_claims import run_claims

    judged = [c for name in asked.claims for c in claims_in(name) if asked.axis in (c.axis, "all")]
    return Found(run_claims(judged, execution=how)) if judged else Found()


def _slopes(asked: Asked, how: Execution) -> RateResults | None:
    """Claims on slopes, certificates, and their planted faults."""
    from experiments.catalogue import shipped_claims as shipped
    from experiments.rates.exact_claims import exact_claims, exact_controls
    from experiments.rates.run_claims import run_claims
    from experiments.rates.variance_claims import variance_claims

    preset, method, axis = asked.preset, asked.method, asked.axis
    if axis in ("floor", "energy"):
        return None
    judged = [*shipped.stated_claims(preset, method, axis), *shipped.sharpened_claims(preset, method, axis)]
    sampled = [claim for claim in variance_claims(preset) if axis in (claim.axis, "all")]
    exact = [claim for claim in exact_claims() if axis in (claim.axis, "all")]
    if not (judged or sampled or exact):
        return None
    return run_claims(
        judged,
        # A certificate bounds the whole sum, so it belongs to no axis alone.
        shipped.certificate_checks(method) if axis == "all" else [],
        sampled=sampled,
        exact=exact,
        controls=shipped.controls(preset, axis) if asked.controls else [],
        exact_controls=[c for c in exact_controls() if axis in (c.axis, "all")] if asked.controls else [],
        execution=how,
    )


def _constants(asked: Asked, how: Execution) -> tuple[FloorResults | None, CurveResults | None, EnergyResults | None]:
    """Claims on constants: floors, curves and energy balances, each with its planted faults."""
    from experiments.catalogue.methods import methods_named
    from experiments.rates.curve_claim import curve_claims, curve_controls
    from experiments.rates.energy_claims import energy_claims, energy_controls
    from experiments.rates.floor_claims import floor_claims, floor_controls
    from experiments.rates.run_curves import run_curves
    from experiments.rates.run_energy import run_energy
    from experiments.rates.run_floors import run_floors

    preset, axis, faults = asked.preset, asked.axis, asked.controls
    chosen = methods_named(asked.method)
    on_floors, on_energy = axis in ("floor", "all"), axis in ("energy", "all")
    floors = [claim for claim in floor_claims(preset) if claim.method in chosen] if on_floors else []
    curves = [claim for claim in curve_claims(preset) if claim.setting.method in chosen] if on_floors else []
    balances = energy_claims(preset, asked.method) if on_energy else []
    return (
        run_floors(floors, floor_controls() if faults else [], how, reduced=preset == "paper") if floors else None,
        run_curves(curves, curve_controls() if faults else [], how) if curves else None,
        run_energy(balances, energy_controls() if faults else [], how) if balances else None,
    )


def tables_of(found: Found) -> dict[str, pd.DataFrame]:
    """Tables by the end of their file's name."""
    from experiments.rates.garnets import shares

    tables: dict[str, pd.DataFrame] = {}
    if found.rates is not None:
        tables |= {"points": found.rates.points, "verdicts": found.rates.verdicts}
    if found.floors is not None:
        tables["floors"] = found.floors.rows
    if found.curves is not None:
        tables["curves"] = found.curves.rows
    if found.energy is not None:
        tables["energy"] = found.energy.rows
    if found.garnets is not None:
        tables |= {"garnets": found.garnets.verdicts, "shares": shares(found.garnets.verdicts)}
    return tables
