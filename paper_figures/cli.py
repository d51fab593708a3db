"""The console command: the commands of the experiments, `figures` and `list`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.commands import calibrate, compare, faults, plan, rates, solve, variance  # noqa: F401  (they add themselves)
from experiments.commands.app import app
from experiments.commands.check import check_command
from experiments.commands.exit_codes import run
from experiments.commands.options import Address, Backend, Jobs, Out, Preset, Seed, execution, ready_folder, split
from experiments.commands.terminal import progress_bar
from experiments.running.files import prepare_folder
from paper_figures.commands import report  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.contracts.check_component import Contract
    from paper_figures.registry import FigureContext


@app.command()
def figures(
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="A name from `zpg list`, or module:attribute; repeat the option or use commas."),
    ] = None,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="pdf, png, svg; repeat the option or use commas [all]")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say which are out of date, and why; 1 if any is. Nothing is made.")
    ] = False,
    preset: Preset = "quick",
    out: Out = Path("results"),
    jobs: Jobs = -1,
    backend: Backend = "loky",
    address: Address = None,
    seed: Seed = 0,
) -> None:
    """Regenerate the figures that are out of date from finished cells, running those that are missing.

    Beside each: its caption, its frames as CSV and Parquet, and a record of what made it.
    """
    from paper_figures.build import build_figures
    from paper_figures.registry import FigureContext, get_figure
    from paper_figures.save import FORMATS, check_formats

    names, endings = split(only), split(formats) or FORMATS
    # What cannot be made is refused before a folder is.
    for name in names:
        get_figure(name)
    check_formats(endings)
    if check:
        from experiments.running.execution import Execution

        raise typer.Exit(_print_check(names, out, FigureContext(preset, Execution(seed)), split(formats)))
    folder = ready_folder(out, seed, jobs, backend, address)
    with progress_bar("figures") as progress:
        how = execution(folder, seed, jobs, backend, address, progress)
        paths = build_figures(
            names,
            endings,
            prepare_folder(folder / "figures"),
            FigureContext(preset, how),
        )
    for path in paths:
        print(path)
    print(
        f"beside each in {folder / 'figures'}: its caption, its frames as CSV and Parquet, and the record of its making"
    )


def _print_check(names: Sequence[str], out: Path, context: FigureContext, formats: Sequence[str]) -> int:
    """Print what is out of date, tables of other commands among it unless figures are named; the exit code."""
    from paper_figures.records import out_of_date, tables_out_of_date
    from paper_figures.registry import all_figures

    found = out_of_date(names or list(all_figures()), out / "figures", context, formats)
    found |= {} if names else tables_out_of_date(out)
    for name, reasons in found.items():
        print(f"{name}: {'out of date: ' + '; '.join(reasons) if reasons else 'up to date'}")
    return 1 if any(found.values()) else 0


@app.command(name="list")
def list_everything() -> None:
    """List instances, methods, links, inversions, claims and figures."""
    from experiments.catalogue.lookup import kind_named
    from experiments.rates.exact_claims import exact_claims
    from experiments.rates.variance_claims import variance_claims
    from paper_figures.registry import all_figures

    words = {
        "instances": "instance",
        "methods": "method",
        "links": "link",
        "inversions": "inversion",
        "claims": "claim",
    }
    sections = {title: dict(kind_named(word).names()) for title, word in words.items()}
    sections["claims on simulated estimates"] = {claim.name: claim.reason for claim in variance_claims()}
    sections["claims, computed exactly"] = {claim.name: claim.reason for claim in exact_claims()}
    sections["figures"] = {name: figure.title for name, figure in all_figures().items()}
    for title, entries in sections.items():
        print(title)
        for name, summary in entries.items():
            print(f"  {name:<34} {summary}")


def _figure_contract() -> Contract:
    from paper_figures.figure_contract import figure_contract

    return figure_contract


app.command(name="check")(check_command(_figure_contract))


def main() -> None:
    """Entry point of ``zpg``."""
    run(app)


if __name__ == "__main__":
    main()
