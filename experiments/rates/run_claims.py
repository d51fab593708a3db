"""The rate checks: run claims, and give points and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.catalogue.certificates import CertificateCheck
from experiments.catalogue.claims import Claim, name_of
from experiments.catalogue.lookup import find
from experiments.rates.cells import Cell, cells_of
from experiments.rates.exact_claim import ExactClaim
from experiments.rates.own_claims import Inapplicable
from experiments.rates.rows import exact_row, inapplicable_row, point_rows, sampled_row, verdict_row
from experiments.rates.sampled_claim import SampledClaim
from experiments.rates.smoothness import estimate_all
from experiments.rates.tasks import Measured, Task, carry_out, measured, require_different, tasks_between, work_of
from experiments.running.execution import Execution, chosen_execution
from experiments.running.run_tasks import run_tasks
from experiments.statistics.power_law import fit_power_law
from experiments.statistics.repeats import ROUNDING
from experiments.statistics.sequential import SequentialPlan, SequentialResult, judge_sequentially
from experiments.statistics.shown import Shown
from experiments.statistics.verdicts import Outcome, judge
from theory.arrays import FloatArray
from theory.errors import InputError, require_kind, require_list

# Looks at one, two and four times the first number of replicates of a claim.
DEFAULT_PLAN = SequentialPlan((8, 16, 32), until_tight=True)


@dataclass(frozen=True, eq=False, repr=False)
class RateResults(Shown):
    """Results of the rate checks.

    Attributes
    ----------
    points : DataFrame
        One row per grid point of every claim, control and certified cell: ``claim, method, instance, axis, x``,
        settings, ``mean`` and ``standard_error`` of the quantity over replicates, ``bound``, ``proved``, ``ratio``
        (mean / bound), ``informative`` (the bound lies below |grad V|^2 at the start), ``clip_rate``.
    verdicts : DataFrame
        One row per claim or control (``kind``): slope, interval, stated exponent, outcome, largest measured / bound,
        and more.
    """

    points: pd.DataFrame
    verdicts: pd.DataFrame

    shown_columns = ("claim", "slope", "ci_low", "ci_high", "exponent", "outcome", "tight", "replicates", "reason")

    def __repr__(self) -> str:
        counts = self.verdicts["outcome"].value_counts()
        found = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        return f"RateResults({found}; {len(self.certificates)} certificates; passed={self.passed})"

    def to_frame(self) -> pd.DataFrame:
        """The verdicts, one row per claim."""
        return self.verdicts

    @property
    def certificates(self) -> pd.DataFrame:
        """The points whose bound is proved."""
        return self.points[self.points["proved"]]

    @property
    def passed(self) -> bool:
        """Whether something was judged, every row is as expected, and no certificate is exceeded."""
        judged = self.verdicts["outcome"] != Outcome.NOT_APPLICABLE
        return bool(judged.any()) and self.other.empty and bool((self.certificates["ratio"] <= 1).all())

    @property
    def other(self) -> pd.DataFrame:
        """Rows that are not as expected: claims that do not hold, controls that are not caught.

        What cannot be judged is left out.

        The variance of one estimate is an equality, not a bound: there the exponent must be attained as well.
        """
        kind = self.verdicts["kind"]
        expected = np.where(kind == "control", Outcome.VIOLATED, Outcome.HOLDS)
        slack = (kind == "sampled claim") & ~self.verdicts["tight"].astype(bool)
        spared = self.verdicts["outcome"] == Outcome.NOT_APPLICABLE
        return self.verdicts[((self.verdicts["outcome"] != expected) | slack) & ~spared]


def run_claims(
    claims: Sequence[Claim],
    checks: Sequence[CertificateCheck] = (),
    *,
    sampled: Sequence[SampledClaim] = (),
    exact: Sequence[ExactClaim] = (),
    controls: Sequence[Claim] = (),
    exact_controls: Sequence[ExactClaim] = (),
    inapplicable: Sequence[Inapplicable] = (),
    plan: SequentialPlan = DEFAULT_PLAN,
    execution: Execution | None = None,
) -> RateResults:
    """Run claims, controls and certificate checks, and judge them.

    The claims are one family, judged group-sequentially (`judge_sequentially`). Undecided claims get more replicates,
    up to the last look of the plan. A claim that is not `in_family` is judged alone, by the same rule. A control is
    judged alone, from its first look.

    Parameters
    ----------
    claims : sequence of Claim
        With different names, which seed the runs.
    checks : sequence of CertificateCheck
    sampled : sequence of SampledClaim
        Claims on the variance of one estimate, members of the same family.
    exact, exact_controls : sequences of ExactClaim
        Claims on exactly computed quantities, and such claims with a fault.
    controls : sequence of Claim
        Claims with a fault.
    inapplicable : sequence of Inapplicable
        Claims that cannot be judged. They have a row that says why.
    plan : SequentialPlan
        Its looks count in multiples of a claim's own replicates.
    execution : Execution, optional
        The same seed gives the same rows, whatever the other settings are.

    Raises
    ------
    InputError
        If there are no claims, or two have the same name.
    """
    for name, group in (("claims", claims), ("controls", controls)):
        require_list(name, group, Claim, "stated_claims()[0]", 0)
    require_kind("plan", plan, SequentialPlan, "SequentialPlan((8, 16, 32))")
    _check(claims, checks, sampled, exact, controls, exact_controls, inapplicable)
    how = chosen_execution(execution)
    runs = _Runs(how, plan)
    # Checks and controls run together with the first look, so that all workers are busy.
    judged: list[Measured] = [*claims, *sampled]
    runs.add([*runs.cells_at(judged, 0, plan.looks[0]), *_cells([*checks, *controls], how)])
    results = _judged(judged, runs, plan)
    smoothness = _smoothness([*claims, *controls], how)
    tables = [point_rows(each, runs.rows(each.name), smoothness) for each in (*claims, *controls)]
    verdicts = [
        *(_claim_row(*row, how.seed) for row in zip(claims, results, tables, strict=False)),
        *(sampled_row(*row) for row in zip(sampled, results[len(claims) :], strict=True)),
        *(exact_row(claim, "exact claim") for claim in exact),
        *(_control_row(c, runs, t, how.seed) for c, t in zip(controls, tables[len(claims) :], strict=True)),
        *(exact_row(claim, "control") for claim in exact_controls),
        *(inapplicable_row(claim) for claim in inapplicable),
    ]
    proved = [point_rows(check, runs.rows(check.name)) for check in checks]
    return RateResults(_stacked([*tables, *proved]), pd.DataFrame(verdicts))


def _judged(claims: Sequence[Measured], runs: _Runs, plan: SequentialPlan) -> list[SequentialResult[Measured]]:
    """Results in the order of the claims. The family is judged together, every other claim alone."""
    family = [claim for claim in claims if claim.in_family]
    groups = [family, *([claim] for claim in claims if not claim.in_family)]
    results = [result for group in groups if group for result in judge_sequentially(group, runs.measure, plan)]
    by_name = {result.claim.name: result for result in results}
    return [by_name[claim.name] for claim in claims]


class _Runs:
    """All runs so far, by claim."""

    def __init__(self, execution: Execution, plan: SequentialPlan) -> None:
        self._execution, self._plan = execution, plan
        self._frames: dict[str, list[pd.DataFrame]] = {}

    def cells_at(self, claims: Sequence[Measured], first: int, last: int) -> list[Task]:
        """Cells between two looks, which are scaled to each claim's own number of replicates."""
        unit = self._plan.looks[0]
        return [
            cell
            for claim in claims
            for cell in tasks_between(
                claim, self._execution.seed, claim.replicates * first // unit, claim.replicates * last // unit
            )
        ]

    def add(self, cells: Sequence[Task]) -> None:
        """Run cells and keep their rows."""
        if not cells:
            return
        found: dict[str, list[pd.DataFrame]] = {}
        for cell, rows in zip(cells, run_tasks(carry_out, cells, work_of, self._execution), strict=True):
            found.setdefault(cell.claim, []).append(rows)
        for name, parts in found.items():
            self._frames.setdefault(name, []).append(pd.concat(parts, ignore_index=True))

    def rows(self, name: str) -> pd.DataFrame:
        """All rows of a claim."""
        return pd.concat(self._frames[name], ignore_index=True)

    def measure(self, claims: Sequence[Measured], first: int, last: int) -> list[FloatArray]:
        """Quantity of each claim between two looks, (n_points, n_replicates). The first look was run before."""
        if first > 0:
            self.add(self.cells_at(claims, first, last))
        return [_values(claim, self._frames[claim.name][-1]) for claim in claims]


def _values(claim: Measured, rows: pd.DataFrame) -> FloatArray:
    """Values (n_points, n_replicates) for a verdict: one column, an exact one, if equal replicates are meant."""
    values = measured(rows)
    meant = isinstance(claim, Claim) and find("method", claim.method).deterministic
    return values[:, :1] if meant and np.allclose(values, values[:, :1], rtol=ROUNDING, atol=0) else values


def _cells(planned: Sequence[Claim | CertificateCheck], how: Execution) -> list[Cell]:
    """Cells of the first look of each."""
    return [cell for each in planned for cell in cells_of(each, how.seed)]


def _claim_row(claim: Claim, result: SequentialResult[Measured], points: pd.DataFrame, seed: int) -> dict[str, object]:
    return verdict_row(claim, "claim", result.verdict, points, result.values, seed)


def _control_row(control: Claim, runs: _Runs, points: pd.DataFrame, seed: int) -> dict[str, object]:
    values = _values(control, runs.rows(control.name))
    return verdict_row(control, "control", judge(fit_power_law(control.grid, values), control), points, values, seed)


def _smoothness(claims: Sequence[Claim], how: Execution) -> dict[str, float]:
    """L_hat of every instance of the claims."""
    different = {name_of(on): on for claim in claims for on, _ in claim.points()}
    names = sorted(different)
    return dict(zip(names, estimate_all([different[name] for name in names], how), strict=True))


def _stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if tables:
        return pd.concat(tables, ignore_index=True)
    return pd.DataFrame({"proved": np.array([], dtype=bool), "ratio": [], "clip_rate": []})


def _check(*groups: Sequence[Claim | CertificateCheck | SampledClaim | ExactClaim | Inapplicable]) -> None:
    names = [each.name for group in groups for each in group]
    if not names:
        raise InputError("claims must hold at least one claim, got none; stated_claims() gives those that are shipped")
    require_different(names)
