"""zpg compare: learning curves of all methods on one preference oracle."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from experiments.commands.app import app, version
from experiments.commands.options import (
    Address,
    Backend,
    Instance,
    Jobs,
    Json,
    Methods,
    Out,
    Seed,
    execution,
    ready_folder,
    split,
)
from experiments.commands.terminal import progress_bar
from experiments.commands.writing import write_tables
from experiments.running.files import check_file

Scale = Annotated[
    float | None,
    typer.Option(
        "--scale",
        help="Of the raters' link, in units of return [default: the instance's own, or the spread of a difference]",
    ),
]
Raters = Annotated[
    str | None,
    typer.Option(
        "--raters",
        help="Link the raters use instead of the one assumed: a name, made as steep at 0, or module:attribute.",
    ),
]
INSTANCE = "stochastic-gridworld"


@app.command()
def compare(
    instance: Instance = INSTANCE,
    methods: Methods = None,
    preset: Annotated[
        Literal["quick", "paper"],
        typer.Option("--preset", help="quick: 48,000 votes a run, 20 seeds; paper: 160,000 votes, 100 seeds."),
    ] = "quick",
    budget: Annotated[
        int | None, typer.Option("--budget", min=1, help="Votes a run; sets the number of iterations.")
    ] = None,
    pairs: Annotated[
        int | None, typer.Option("--pairs", min=1, help="Trajectory pairs an iteration, N [default: 32]")
    ] = None,
    queries: Annotated[int | None, typer.Option("--queries", min=1, help="Votes a pair, M [default: 5]")] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", min=2, help="Runs of each method.")] = None,
    scale: Scale = None,
    raters: Raters = None,
    out: Out = Path("results"),
    jobs: Jobs = -1,
    backend: Backend = "loky",
    address: Address = None,
    seed: Seed = 0,
    json: Json = None,
) -> None:
    """Compare learning curves of all methods on one preference oracle, each tuned by the same rule."""
    from experiments.catalogue.links import matched_link
    from experiments.catalogue.lookup import find, kind_named
    from experiments.commands.tables import print_comparison
    from experiments.comparison.budget import PRESETS, Budget
    from experiments.comparison.compare_learning import COMPARED, compare_learning, informative_link

    check_file(json)
    began = time.perf_counter()
    usual, usual_seeds = PRESETS[preset]
    votes = usual.n_iterations * usual.n_pairs * int(usual.n_queries) if budget is None else budget
    spent = Budget.of_votes(votes, pairs or usual.n_pairs, queries or int(usual.n_queries))
    names = split(methods)
    # Broken instances and methods are refused before a folder is made.
    for kind, wanted in (("instance", instance), *(("method", name) for name in names)):
        kind_named(kind).find(wanted)
    link = informative_link(find("instance", instance), scale)
    if raters is not None:
        matched_link(raters, link)
    folder = ready_folder(out, seed, jobs, backend, address)
    with progress_bar("comparison") as progress:
        found = compare_learning(
            instance,
            names or COMPARED,
            budget=spent,
            n_seeds=seeds or usual_seeds,
            scale=scale,
            raters=raters,
            execution=execution(folder, seed, jobs, backend, address, progress),
        )
    wall = time.perf_counter() - began
    tables = {"curves": found.curves, "finals": found.finals, "tests": found.tests, "tuning": found.tuning}
    settings: dict[str, Any] = {
        "instance": instance,
        "preset": preset,
        "methods": names,
        "budget": budget,
        "pairs": pairs,
    }
    settings |= {"queries": queries, "runs": seeds, "scale": scale, "raters": raters, "seed": seed}
    standard = {"instance": INSTANCE, "preset": "quick", "methods": [], "seed": 0}
    files = write_tables(folder, "compare", tables, json, settings=settings, usual=standard, wall=wall)
    print_comparison(found, f"seed {seed}, zpg {version()}, {wall:.0f} s; rows in {files}")
