"""Tables of `zpg rates` on the terminal."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from experiments.commands.terminal import console, show

if TYPE_CHECKING:
    import pandas as pd

    from experiments.rates.run_claims import RateResults
    from experiments.rates.run_curves import CurveResults
    from experiments.rates.run_energy import EnergyResults
    from experiments.rates.run_floors import FloorResults


def print_rates(results: RateResults) -> None:
    """One row a claim, and the certificates in a line."""
    from rich.table import Table

    every = results.verdicts
    judged = every[every["outcome"] != "NOT APPLICABLE"]
    screen = console()
    if len(judged):
        # What the law of the algorithm predicts over a window found by rule, beside the stated bound.
        ahead = ["predicted"] if judged["predicted"].notna().any() else []
        columns = ("claim", "slope", "95% interval", "stated", *ahead, "verdict", "local slopes", "measured / bound")
        table = Table(*columns, "window", "runs")
        for row in judged.to_dict(orient="records"):
            table.add_row(*_cells(row, predicted=bool(ahead)))
        show(table)
    for row in every[every["outcome"] == "NOT APPLICABLE"].to_dict(orient="records"):
        screen.print(f"not applicable: {row['claim']}: {row['reason']}")
    screen.print(_certificate_line(results.certificates))
    if not judged["in_family"].all():
        screen.print(
            "alone: judged outside the family; its noise is too skewed for a promised error rate (zpg calibrate)"
        )
    if judged["curved"].any():
        screen.print(
            "curved: significant curvature, and local slopes beyond the margin; the slope is that of the window alone"
        )
    total, other = len(judged), results.other
    for row in other.to_dict(orient="records"):
        screen.print(f"not as expected: {row['claim']}: {row['outcome']}: {row['reason']}")
    spared = f", {len(every) - total} not applicable" if total < len(every) else ""
    screen.print(f"{'PASSED' if results.passed else 'FAILED'}: {total - len(other)} of {total} as expected{spared}")
    if not results.points.empty:
        screen.print(f"largest clip rate {results.points['clip_rate'].max():.2g}")


def _cells(row: dict[Hashable, Any], *, predicted: bool) -> list[str]:
    """Cells of one claim."""
    ahead = [f"{row['predicted']:+.3f}" if row["predicted"] == row["predicted"] else ""] if predicted else []
    return [
        str(row["claim"]),
        f"{row['slope']:+.3f}",
        f"[{row['ci_low']:+.3f}, {row['ci_high']:+.3f}]" if row["replicates"] > 1 else "exact",
        f"{row['exponent']:+.2f}",
        *ahead,
        _verdict(row),
        f"{min(row['local_slopes']):+.2f} .. {max(row['local_slopes']):+.2f}",
        f"{row['ratio']:.2g}" if row["ratio"] == row["ratio"] else "",
        str(row["window"]),
        str(row["replicates"]) if row["replicates"] > 1 else "",
    ]


def print_floors(results: FloorResults) -> None:
    """One row a claim on a constant: the floor that was measured over the one that is predicted."""
    from rich.table import Table

    table = Table(
        "floor of E|grad V|²", "predicted", "measured / predicted", "95% interval", "next order", "verdict", "runs"
    )
    for row in results.rows.to_dict(orient="records"):
        ran = row["replicates"] > 0
        table.add_row(
            str(row["claim"]).removesuffix(", floor"),
            f"{row['predicted']:.3g}" if not row["reason"] else "",
            f"{row['ratio']:.3f}" if ran else "",
            f"[{row['ratio_low']:.3f}, {row['ratio_high']:.3f}]" if ran else "",
            f"{row['next_order']:+.2%}" if row["next_order"] == row["next_order"] else "",
            str(row["outcome"]),
            f"{row['replicates']:.0f}" if ran else "",
        )
    show(table)
    screen = console()
    for row in results.rows[results.rows["reason"] != ""].to_dict(orient="records"):
        screen.print(f"not applicable: {row['claim']}: {row['reason']}")
    for row in results.other.to_dict(orient="records"):
        screen.print(f"not as expected: {row['claim']}: {row['outcome']}")
    judged = results.judged
    mean = f", mean ratio {judged['ratio'].mean():.4f}" if len(judged) else ""
    if judged["reduced"].notna().any():
        mean += f"; {judged['reduced'].mean():.4f} with the linear run as control variate, not judged"
    exact = int((judged["outcome"] == "EXACT").sum())
    planted = results.rows[results.rows["kind"] == "control"]
    caught = f"; {(planted['outcome'] == 'VIOLATED').sum()} of {len(planted)} faults caught" if len(planted) else ""
    screen.print(f"{'PASSED' if results.passed else 'FAILED'}: {exact} of {len(judged)} floors EXACT{mean}{caught}")


def print_curves(results: CurveResults) -> None:
    """One row a claim on a curve: measured over predicted at its checkpoints."""
    from rich.table import Table

    table = Table("curve of E|grad V|²", "measured / predicted, and iteration", "verdict", "runs")
    for claim, rows in results.rows.groupby("claim", sort=False):
        first = rows.iloc[0]
        read = [f"{ratio:.3f} ({t:.0f})" for ratio, t in zip(rows["ratio"], rows["iteration"], strict=True)]
        runs = first["replicates"] * (1 if first["distance"] == 0 else 2)
        ran = runs == runs
        table.add_row(str(claim), "  ".join(read) if ran else "", str(first["outcome"]), f"{runs:.0f}" if ran else "")
    show(table)
    screen, claims = console(), results.claims
    for row in claims[claims["reason"] != ""].to_dict(orient="records"):
        screen.print(f"not applicable: {row['claim']}: {row['reason']}")
    for row in results.other.to_dict(orient="records"):
        screen.print(f"not as expected: {row['claim']}: {row['outcome']}")
    judged = claims[(claims["kind"] == "claim") & (claims["outcome"] != "NOT APPLICABLE")]
    planted = claims[claims["kind"] == "control"]
    caught = f"; {(planted['outcome'] == 'VIOLATED').sum()} of {len(planted)} faults caught" if len(planted) else ""
    exact = int((judged["outcome"] == "EXACT").sum())
    screen.print(f"{'PASSED' if results.passed else 'FAILED'}: {exact} of {len(judged)} curves EXACT{caught}")


def print_energy(results: EnergyResults) -> None:
    """One row a claim: the gain of value over what the gradients pay for, at two steps and in the limit."""
    from rich.table import Table

    table = Table("gain / alpha Σ grad V·E g", "at 1/8 step", "at 1/32", "at 0", "95% interval", "verdict", "runs")
    for row in results.rows.to_dict(orient="records"):
        table.add_row(
            str(row["claim"]).removesuffix(", energy"),
            *(f"{row[name]:.3f}" for name in ("ratio_first", "ratio_second", "ratio")),
            f"[{row['ratio_low']:.3f}, {row['ratio_high']:.3f}]",
            str(row["outcome"]),
            str(row["replicates"]),
        )
    show(table)
    screen = console()
    for row in results.other.to_dict(orient="records"):
        screen.print(f"not as expected: {row['claim']}: {row['outcome']}")
    total, other = len(results.rows), len(results.other)
    screen.print(f"{'PASSED' if results.passed else 'FAILED'}: {total - other} of {total} balances as expected")


def print_shares(results: RateResults) -> None:
    """Shares of the verdicts on the random garnets, one row an axis and method; then what is VIOLATED."""
    from rich.table import Table

    from experiments.rates.garnets import CALLS, shares

    table = Table("axis", "method", *CALLS, "claims", title="24 random garnets, none selected")
    for (axis, _, title), rows in shares(results.verdicts).groupby(["axis", "method", "title"], sort=False):
        found = rows.set_index("call")
        cells = [f"{found['share'][call]:.0%}" for call in CALLS]
        table.add_row(str(axis), str(title), *cells, str(found["count"].sum()))
    show(table)
    screen, verdicts = console(), results.verdicts
    for call in ("VIOLATED", "UNDECIDED"):
        for row in verdicts[verdicts["outcome"] == call].to_dict(orient="records"):
            screen.print(f"{call}: {row['claim']}: {row['reason']}")
    n_violated = int((verdicts["outcome"] == "VIOLATED").sum())
    screen.print(f"{'FAILED' if n_violated else 'PASSED'}: {n_violated} of {len(verdicts)} VIOLATED on random garnets")


def _verdict(row: dict[Hashable, Any]) -> str:
    marks = {"TIGHT": row["tight"], "curved": row["curved"], "alone": not row["in_family"]}
    return ", ".join([str(row["outcome"]), *(mark for mark, given in marks.items() if given)])


def _certificate_line(certificates: pd.DataFrame) -> str:
    if certificates.empty:
        return "no certified cells were run"
    worst = certificates.loc[certificates["ratio"].idxmax()]
    exceeded, informative = (certificates["ratio"] > 1), certificates["informative"]
    return (
        f"certificates (L proved, alpha < 3/(4Ld)): {len(certificates)} cells on "
        f"{certificates['instance'].nunique()} instance(s), {exceeded.sum()} exceeded; a run that never moved would "
        f"exceed {informative.sum()} on {certificates.loc[informative, 'instance'].nunique()} of them;\n"
        f"largest measured / certificate {worst['ratio']:.3g} ({worst['method']} on {worst['instance']})"
    )
