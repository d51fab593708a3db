"""Run faulty claims, and say of each whether its check catches the fault."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from experiments.catalogue.certificates import CertificateCheck
from experiments.catalogue.claims import Claim
from experiments.rates.energy_claim import EnergyClaim
from experiments.rates.exact_claim import ExactClaim
from experiments.rates.faulty_claims import FaultyClaim
from experiments.rates.floor_claim import FloorClaim
from experiments.rates.floor_verdicts import FloorOutcome
from experiments.rates.run_claims import run_claims
from experiments.rates.run_energy import run_energy
from experiments.rates.run_floors import run_floors
from experiments.rates.sampled_claim import SampledClaim
from experiments.running.execution import Execution, chosen_execution
from experiments.statistics.shown import Shown
from experiments.statistics.verdicts import Outcome

EXCEEDED = "EXCEEDED"

C = TypeVar("C")


@dataclass(frozen=True, eq=False, repr=False)
class FaultResults(Shown):
    """Results of the faulty claims.

    Attributes
    ----------
    rows : DataFrame
        One row per faulty claim: ``claim, group, fault, quantity`` (``slope`` or what is divided by what),
        ``measured`` with 95% limits ``low, high``, ``expected`` and found ``verdict``, ``judged``, ``caught``. A claim
        on a floor that cannot be predicted is not judged. Of a certificate, the smallest ratio of its cells.
    """

    rows: pd.DataFrame

    def __repr__(self) -> str:
        return f"FaultResults({self.rows['caught'].sum()} of {self.rows['judged'].sum()} caught; passed={self.passed})"

    def to_frame(self) -> pd.DataFrame:
        """One row per faulty claim."""
        return self.rows

    @property
    def missed(self) -> pd.DataFrame:
        """Rows whose fault is not caught."""
        return self.rows[self.rows["judged"] & ~self.rows["caught"]]

    @property
    def passed(self) -> bool:
        """Whether every fault that is judged is caught, and some fault of every group is judged."""
        return self.missed.empty and bool(self.rows.groupby("group")["judged"].any().all())

    def by_group(self) -> pd.DataFrame:
        """One row per group: numbers of claims, judged and caught, range of what is measured, hull of the limits."""
        keys = ["group", "fault", "quantity", "expected"]
        return self.rows.groupby(keys, sort=False, as_index=False).agg(
            claims=("claim", "size"),
            judged=("judged", "sum"),
            caught=("caught", "sum"),
            least=("measured", "min"),
            most=("measured", "max"),
            low=("low", "min"),
            high=("high", "max"),
            verdicts=("verdict", lambda found: ", ".join(dict.fromkeys(map(str, found)))),
        )


def run_faults(faulty: Sequence[FaultyClaim], execution: Execution | None = None) -> FaultResults:
    """Run faulty claims by the same code as sound ones, and judge each alone.

    Parameters
    ----------
    faulty : sequence of FaultyClaim
        At least one.
    execution : Execution, optional

    Raises
    ------
    InputError
        If two claims have one name.
    """
    found: dict[str, dict[str, object]] = {}
    claims, checks = _of(Claim, faulty), _of(CertificateCheck, faulty)
    sampled, exact = _of(SampledClaim, faulty), _of(ExactClaim, faulty)
    if claims or checks or sampled or exact:
        results = run_claims(
            [], checks, sampled=sampled, controls=claims, exact_controls=exact, execution=chosen_execution(execution)
        )
        found |= {str(row["claim"]): _slope(row) for row in results.verdicts.to_dict(orient="records")}
        if checks:
            found |= {str(name): _certificate(cells) for name, cells in results.certificates.groupby("claim")}
    if floors := _of(FloorClaim, faulty):
        rows = run_floors([], floors, execution).rows.to_dict(orient="records")
        found |= {str(row["claim"]): _floor(row) for row in rows}
    if energies := _of(EnergyClaim, faulty):
        rows = run_energy([], energies, execution).rows.to_dict(orient="records")
        found |= {str(row["claim"]): _energy(row) for row in rows}
    described = [
        {"claim": each.claim.name, "group": each.group, "fault": each.fault, **found[each.claim.name]}
        for each in faulty
    ]
    frame = pd.DataFrame(described)
    return FaultResults(frame.assign(caught=frame["judged"] & (frame["verdict"] == frame["expected"])))


def _of(kind: type[C], faulty: Sequence[FaultyClaim]) -> list[C]:
    return [each.claim for each in faulty if isinstance(each.claim, kind)]


def _slope(row: dict[str, object]) -> dict[str, object]:
    """An exact slope has no interval: its limits are the slope."""
    exact = row["replicates"] == 1
    limits = {"low": row["slope"] if exact else row["ci_low"], "high": row["slope"] if exact else row["ci_high"]}
    return _found("slope", row["slope"], Outcome.VIOLATED, row["outcome"]) | limits


def _certificate(cells: pd.DataFrame) -> dict[str, object]:
    """Every cell must exceed its bound. A run without steps has no spread."""
    least = float(cells["ratio"].min())
    row = _found("measured / certificate", least, EXCEEDED, EXCEEDED if least > 1 else "KEPT")
    return row | {"low": least, "high": least}


def _floor(row: dict[str, object]) -> dict[str, object]:
    judged = row["outcome"] != FloorOutcome.NOT_APPLICABLE
    limits = {"low": row["ratio_low"], "high": row["ratio_high"], "judged": judged}
    return (
        _found("measured / predicted", row["ratio"] if judged else math.nan, Outcome.VIOLATED, row["outcome"]) | limits
    )


def _energy(row: dict[str, object]) -> dict[str, object]:
    limits = {"low": row["ratio_low"], "high": row["ratio_high"]}
    return _found("gain / paid", row["ratio"], FloorOutcome.VIOLATED, row["outcome"]) | limits


def _found(quantity: str, measured: object, expected: str, verdict: object) -> dict[str, object]:
    return {"quantity": quantity, "measured": measured, "expected": expected, "verdict": verdict, "judged": True}
