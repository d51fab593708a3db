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
    Instances,
    Jobs,
    Json,
    Methods,
    Out,
    Seed,
    execution,
    one_of,
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
CheckTests = Annotated[
    bool,
    typer.Option("--check-tests", help="Also count how often the tests call a difference where there is none."),
]
INSTANCE = "stochastic-gridworld"


@app.command()
def compare(
    instance: Instances = None,
    methods: Methods = None,
    preset: Annotated[
        Literal["quick", "paper"],
        typer.Option("--preset", help="quick: 48,000 votes a run, 50 seeds; paper: 160,000 votes, 200 seeds."),
    ] = "quick",
    budget: Annotated[
        int | None, typer.Option("--budget", min=1, help="Votes a run; a run may have a pair for every fifth vote.")
    ] = None,
    pairs: Annotated[
        int | None,
        typer.Option("--pairs", min=1, help="Trajectory pairs an iteration, N [default: tuned; 32 with --queries]"),
    ] = None,
    queries: Annotated[
        int | None, typer.Option("--queries", min=1, help="Votes a pair, M [default: tuned; 5 with --pairs]")
    ] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", min=2, help="Runs of each method.")] = None,
    scale: Scale = None,
    raters: Raters = None,
    check_tests: CheckTests = False,
    out: Out = Path("results"),
    jobs: Jobs = -1,
    backend: Backend = "loky",
    address: Address = None,
    seed: Seed = 0,
    json: Json = None,
) -> None:
    """Compare methods on one preference oracle and one budget. One rule tunes each method and its split T x N x M.

    --pairs and --queries fix the split.
    """
    import numpy as np

    from experiments.catalogue.informative_link import informative_link
    from experiments.catalogue.links import matched_link
    from experiments.catalogue.lookup import find, kind_named
    from experiments.commands.comparison_tables import print_comparison, print_sizes
    from experiments.comparison.budget import COMPARED_SEEDS, PRESETS, Budget, splits
    from experiments.comparison.compare_learning import COMPARED, compare_learning
    from experiments.comparison.size_check import check_tests as check_sizes

    check_file(json)
    began = time.perf_counter()
    usual = PRESETS[preset][0]
    votes = usual.votes if budget is None else budget
    fixed = pairs is not None or queries is not None
    spent = Budget.of_votes(votes, pairs or usual.n_pairs, queries or int(usual.n_queries)) if fixed else splits(votes)
    where = one_of(instance, "--instance", INSTANCE)
    names = split(methods)
    # Broken instances and methods are refused before a folder is made.
    for kind, wanted in (("instance", where), *(("method", name) for name in names)):
        kind_named(kind).find(wanted)
    link = informative_link(find("instance", where), scale)
    if raters is not None:
        matched_link(raters, link)
    folder = ready_folder(out, seed, jobs, backend, address)
    with progress_bar("comparison") as progress:
        found = compare_learning(
            where,
            names or COMPARED,
            budget=spent,
            n_seeds=seeds or COMPARED_SEEDS[preset],
            scale=scale,
            raters=raters,
            execution=execution(folder, seed, jobs, backend, address, progress),
        )
    sizes = check_sizes(found, np.random.default_rng([seed, 4])) if check_tests else None
    wall = time.perf_counter() - began
    tables = {"curves": found.curves, "finals": found.finals, "tests": found.tests, "tuning": found.tuning}
    tables |= {} if sizes is None else {"size": sizes}
    settings: dict[str, Any] = {
        "instance": where,
        "preset": preset,
        "methods": names,
        "budget": budget,
        "pairs": pairs,
    }
    settings |= {"queries": queries, "runs": seeds, "scale": scale, "raters": raters, "seed": seed}
    standard = {"instance": INSTANCE, "preset": "quick", "methods": [], "seed": 0}
    files = write_tables(folder, "compare", tables, json, settings=settings, usual=standard, wall=wall)
    if sizes is not None:
        print_sizes(sizes)
    print_comparison(found, f"seed {seed}, zpg {version()}, {wall:.0f} s; rows in {files}")
