"""The part of zpg rates on the energy balance: its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.commands.terminal import console, show

if TYPE_CHECKING:
    from experiments.rates.run_energy import EnergyResults


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
