"""The console command: the commands of the experiments, and those that draw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.commands.app import Backend, Jobs, Out, Preset, Seed, app, run
from experiments.commands.check import check_command
from experiments.running.output import prepare_folder, progress_bar

if TYPE_CHECKING:
    from experiments.contracts.check_component import Contract


@app.command()
def figures(
    only: Annotated[list[str] | None, typer.Option("--only", help="Name of a figure; may be repeated.")] = None,
    formats: Annotated[str, typer.Option("--format", help="Comma-separated: pdf, png, svg.")] = "pdf,png",
    preset: Preset = "quick",
    out: Out = Path("results"),
    jobs: Jobs = -1,
    backend: Backend = "loky",
    seed: Seed = 0,
) -> None:
    """Regenerate the figures from finished cells, running those that are missing."""
    from paper_figures.build import build_figures
    from paper_figures.registry import FigureContext

    folder = prepare_folder(out)
    with progress_bar("figures") as progress:
        context = FigureContext(
            preset=preset, seed=seed, jobs=jobs, backend=backend, cache=folder / "cache", progress=progress
        )
        paths = build_figures(only or [], formats.split(","), prepare_folder(folder / "figures"), context)
    for path in paths:
        print(path)


@app.command(name="list")
def list_everything() -> None:
    """List instances, links, algorithms, claims and figures."""
    from experiments.catalogue.algorithms import ALGORITHMS
    from experiments.catalogue.instances import INSTANCES
    from experiments.catalogue.methods import METHODS
    from experiments.catalogue.shipped_claims import stated_claims
    from paper_figures.registry import all_figures
    from theory import LINKS

    sections = {
        "instances": INSTANCES,
        "links": {name: (link.__doc__ or "").strip().splitlines()[0] for name, link in LINKS.items()},
        "algorithms": {name: algorithm.title for name, algorithm in ALGORITHMS.items()},
        "methods": {name: method.title for name, method in METHODS.items()},
        "claims": {claim.name: claim.reason for claim in stated_claims()},
        "figures": {name: figure.title for name, figure in all_figures().items()},
    }
    for title, entries in sections.items():
        print(title)
        for name, summary in entries.items():
            print(f"  {name:<28} {summary}")


def _figure_contract() -> Contract:
    from paper_figures.figure_contract import figure_contract

    return figure_contract


app.command(name="check")(check_command(_figure_contract))


def main() -> None:
    """Entry point of ``zpg``."""
    run(app)


if __name__ == "__main__":
    main()
