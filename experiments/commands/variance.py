"""zpg variance: the error budget of every estimator."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from experiments.commands.app import app
from experiments.commands.options import (
    Address,
    Backend,
    Instances,
    Jobs,
    Json,
    Methods,
    Out,
    Pairs,
    Queries,
    Seed,
    execution,
    one_of,
    ready_folder,
    split,
)
from experiments.commands.terminal import progress_bar
from experiments.commands.writing import write_tables
from experiments.running.files import check_file

USUAL: dict[str, Any] = {"instance": "circular", "theta": "uniform", "methods": [], "pairs": 100, "queries": 20}


@app.command()
def variance(
    instance: Instances = None,
    theta: Annotated[
        str, typer.Option("--theta", help="uniform, random, optimum, or numbers with commas: where to compare.")
    ] = USUAL["theta"],
    methods: Methods = None,
    pairs: Pairs = USUAL["pairs"],
    queries: Queries = USUAL["queries"],
    out: Out = Path("results"),
    jobs: Jobs = -1,
    backend: Backend = "loky",
    address: Address = None,
    seed: Seed = 0,
    json: Json = None,
) -> None:
    """Compare estimators at equal trajectories and votes: error budget of each at its best radius."""
    import numpy as np

    from experiments.catalogue.lookup import find
    from experiments.commands.tables import print_variance
    from experiments.studies.variance import compare_variance, parameters_at

    check_file(json)
    began = time.perf_counter()
    where = one_of(instance, "--instance", USUAL["instance"])
    chosen, names = find("instance", where), split(methods)
    for name in names:
        find("method", name)
    point = parameters_at(chosen, theta, np.random.default_rng([seed, 3]))
    folder = ready_folder(out, seed, jobs, backend, address)
    with progress_bar("variance") as progress:
        frame = compare_variance(
            where,
            point,
            n_pairs=pairs,
            n_queries=queries,
            methods=names or None,
            execution=execution(folder, seed, jobs, backend, address, progress),
        )
    wall = time.perf_counter() - began
    settings = {
        "instance": where,
        "theta": theta,
        "methods": names,
        "pairs": pairs,
        "queries": queries,
        "seed": seed,
    }
    files = write_tables(folder, "variance", {"": frame}, json, settings=settings, usual=USUAL | {"seed": 0}, wall=wall)
    line = f"{where}, theta {theta}, N = {pairs}, M = {queries}; seed {seed}, {wall:.0f} s; rows in {files}"
    print_variance(frame, line)
