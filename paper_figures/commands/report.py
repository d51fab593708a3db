"""zpg report: one page for a co-author, and LaTeX tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.commands.app import app
from experiments.commands.options import Address, Backend, Jobs, Out, Preset, Seed, execution, ready_folder, split
from experiments.commands.terminal import progress_bar


@app.command()
def report(
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            help="Figures to show: names from `zpg list`, or module:attribute; repeat the option or use commas "
            "[those of the claims, and those that `zpg figures` has made]",
        ),
    ] = None,
    preset: Preset = "quick",
    method: Annotated[str, typer.Option("--method", help="A method, a family such as zbcpg, or all.")] = "all",
    claims: Annotated[
        list[str] | None,
        typer.Option("--claims", help="Only these: a name from `zpg list`, or module:attribute; repeatable."),
    ] = None,
    planted: Annotated[
        bool, typer.Option("--controls/--no-controls", help="Also run claims with planted faults.")
    ] = True,
    date: Annotated[str | None, typer.Option("--date", help="A date to show on the page [none]")] = None,
    out: Out = Path("results"),
    jobs: Jobs = -1,
    backend: Backend = "loky",
    address: Address = None,
    seed: Seed = 0,
) -> None:
    """Write report.html, one page that needs nothing else, and tables/*.tex, from finished work where there is any.

    The claims are those of `zpg rates` with the same options.
    """
    from experiments.commands.rate_runs import Asked, run_asked
    from experiments.commands.rates import check_asked
    from experiments.rates.windows import Fixed
    from paper_figures.registry import FigureContext, get_figure
    from paper_figures.report.build import page_of, write_report
    from paper_figures.report.drawings import drawings

    asked = Asked(preset, method, "all", split(claims), None, Fixed(), False, planted)
    # What cannot be made is refused before a folder is.
    names = split(only)
    for name in names:
        get_figure(name)
    check_asked(asked)
    folder = ready_folder(out, seed, jobs, backend, address)
    with progress_bar("report") as progress:
        how = execution(folder, seed, jobs, backend, address, progress)
        found = run_asked(asked, how)
        drawn = drawings(found, asked, names, folder / "figures", FigureContext(preset, how))
    page = page_of(found, asked, drawn, folder, seed, date)
    for path in write_report(page, found, folder):
        print(path)
    print(f"{len(page.entries)} claims and planted faults, {len(page.unexpected)} not as expected")
    raise typer.Exit(0 if page.passed else 1)
