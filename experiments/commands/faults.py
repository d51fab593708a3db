"""zpg faults: for every claim a planted fault, which its check must catch."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from experiments.commands.app import app, version
from experiments.commands.options import Address, Backend, Jobs, Json, Out, Seed, execution, ready_folder
from experiments.commands.terminal import console, progress_bar, show
from experiments.commands.writing import write_tables
from experiments.running.files import check_file

if TYPE_CHECKING:
    from experiments.rates.run_faults import FaultResults


@app.command()
def faults(
    out: Out = Path("results"),
    jobs: Jobs = -1,
    backend: Backend = "loky",
    address: Address = None,
    seed: Seed = 0,
    json: Json = None,
) -> None:
    """Run every claim with a planted fault that must turn it: no claim that cannot fail."""
    from experiments.rates.faulty_claims import faulty_claims
    from experiments.rates.run_faults import run_faults

    check_file(json)
    began = time.perf_counter()
    folder = ready_folder(out, seed, jobs, backend, address)
    with progress_bar("planted faults") as progress:
        results = run_faults(faulty_claims(), execution(folder, seed, jobs, backend, address, progress))
    wall = time.perf_counter() - began
    tables = {"claims": results.rows, "groups": results.by_group()}
    files = write_tables(folder, "faults", tables, json, settings={"seed": seed}, usual={"seed": 0}, wall=wall)
    print_faults(results)
    console().print(f"seed {seed}, zpg {version()}, {wall:.0f} s; rows in {files}")
    raise typer.Exit(0 if results.passed else 1)


def print_faults(results: FaultResults) -> None:
    """One row a group of claims: fault, what is measured under it, and how many are caught."""
    from rich.table import Table

    table = Table("claims", "planted fault", "quantity", "measured", "95% limits", "verdict", "caught")
    for row in results.by_group().to_dict(orient="records"):
        sign = "+" if row["quantity"] == "slope" else ""
        table.add_row(
            str(row["group"]),
            str(row["fault"]),
            str(row["quantity"]),
            between(row["least"], row["most"], sign),
            between(row["low"], row["high"], sign),
            str(row["verdicts"]),
            caught(row),
        )
    show(table)
    screen = console()
    for row in results.rows[~results.rows["judged"]].to_dict(orient="records"):
        screen.print(f"not judged: {row['claim']}: {row['verdict']}")
    for row in results.missed.to_dict(orient="records"):
        screen.print(f"not caught: {row['claim']}: {row['fault']}: {row['verdict']}, {row['expected']} was expected")
    judged = results.rows["judged"].sum()
    verdict = "PASSED" if results.passed else "FAILED"
    screen.print(f"{verdict}: {results.rows['caught'].sum()} of {judged} faults caught")


def between(least: float, most: float, sign: str) -> str:
    """A range to three decimals, or its one number."""
    ends = tuple(format(end + 0.0 if round(end, 3) else 0.0, f"{sign}.3f") for end in (least, most))
    return ends[0] if ends[0] == ends[1] else " .. ".join(ends)


def caught(row: dict[str, object]) -> str:
    """Caught of judged, and how many claims are not judged."""
    left = int(row["claims"]) - int(row["judged"])  # type: ignore[call-overload]
    return f"{row['caught']} of {row['judged']}{f', {left} not judged' if left else ''}"
