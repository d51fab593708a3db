"""zpg plan: how to spend trajectories and votes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from experiments.commands.app import app
from experiments.commands.options import Address, Backend, Jobs, Json, Out, Seed, execution, ready_folder
from experiments.commands.terminal import progress_bar, show
from experiments.commands.writing import write_tables
from experiments.running.files import check_file, check_folder, prepare_folder

if TYPE_CHECKING:
    import pandas as pd

    from experiments.planning.guess import Guess
    from experiments.planning.plan import Plan
    from experiments.planning.settings import Limits, Prices

INSTANCE = "circular"
USUAL: dict[str, Any] = {
    "instance": INSTANCE, "budget": None, "target": None, "cost_trajectory": 1.0, "cost_vote": 1.0, "model": "exact",
    "max_iterations": 10_000, "max_pairs": None, "max_queries": 100, "until": True, "block_size": None, "seed": 0,
}  # fmt: skip
GUESSED = ("dim", "horizon", "curvature", "spread", "value_gap")


@app.command()
def plan(
    instance: Annotated[
        str | None,
        typer.Option("--instance", help=f"A name from `zpg list`, or module:attribute for your own [{INSTANCE}]."),
    ] = None,
    budget: Annotated[float | None, typer.Option("--budget", help="Largest expected cost of the run.")] = None,
    target: Annotated[
        float | None, typer.Option("--target", help="Largest mean of E|grad V|^2; the cheapest plan is sought.")
    ] = None,
    cost_trajectory: Annotated[float, typer.Option("--cost-trajectory", help="Cost of a trajectory.")] = 1.0,
    cost_vote: Annotated[float, typer.Option("--cost-vote", help="Cost of a vote.")] = 1.0,
    model: Annotated[
        Literal["exact", "sharpened", "certificate"],
        typer.Option("--model", help="What is minimised: a prediction, the bound with the L that is found, a theorem."),
    ] = "exact",
    max_iterations: Annotated[int, typer.Option("--max-iterations", help="Largest T.")] = 10_000,
    max_pairs: Annotated[int | None, typer.Option("--max-pairs", help="Largest N [what the budget pays for].")] = None,
    max_queries: Annotated[int, typer.Option("--max-queries", help="Largest M.")] = 100,
    until: Annotated[
        bool, typer.Option("--until/--no-until", help="Whether raters may be asked until the first disagreement.")
    ] = True,
    block_size: Annotated[
        list[int] | None, typer.Option("--block-size", help="K of ZBCPG, 0 for ZPG; repeat the option [0, 1, 3 and d].")
    ] = None,
    dim: Annotated[int | None, typer.Option("--dim", help="Without an instance: number of parameters d.")] = None,
    horizon: Annotated[int | None, typer.Option("--horizon", help="Without an instance: H.")] = None,
    curvature: Annotated[
        float | None, typer.Option("--curvature", help="Without an instance: a guess of tr A.")
    ] = None,
    spread: Annotated[
        float | None, typer.Option("--spread", help="Without an instance: standard deviation of the return.")
    ] = None,
    value_gap: Annotated[
        float | None, typer.Option("--value-gap", help="Without an instance: a guess of V* - V at the start.")
    ] = None,
    validate: Annotated[
        bool, typer.Option("--validate", help="Run plans on random instances instead; ten minutes on two cores.")
    ] = False,
    out: Out = Path("results"),
    jobs: Jobs = -1,
    backend: Backend = "loky",
    address: Address = None,
    seed: Seed = 0,
    json: Json = None,
) -> None:
    """Plan a run for a budget or a target: iterations, pairs, raters a pair, radius, step and block size."""
    check_file(json)
    began = time.perf_counter()
    if validate:
        _validate(ready_folder(out, seed, jobs, backend, address), json, seed, jobs, backend, address, began)
        return
    # A plan may be refused after all its work, and a refusal writes nothing: the folder is made last.
    check_folder(out)
    from experiments.planning.plan import plan_budget

    guesses = dict(zip(GUESSED, (dim, horizon, curvature, spread, value_gap), strict=True))
    prices, limits = _terms(cost_trajectory, cost_vote, max_iterations, max_pairs, max_queries, block_size, until)
    where = _guess(instance, guesses) or (INSTANCE if instance is None else instance)
    found = plan_budget(where, budget=budget, target=target, prices=prices, limits=limits, model=model, seed=seed)
    wall = time.perf_counter() - began
    settings = {
        "instance": where if isinstance(where, str) else None, "budget": budget, "target": target,
        "cost_trajectory": cost_trajectory, "cost_vote": cost_vote, "model": model, "max_iterations": max_iterations,
        "max_pairs": max_pairs, "max_queries": max_queries, "until": until,
        "block_size": [str(k) for k in block_size or []] or None, "seed": seed,
        **{name: value for name, value in guesses.items() if value is not None},
    }  # fmt: skip
    tables = {"plan": found.summary, "front": found.front, "others": found.others, "margins": found.margins}
    tables["notes"] = _notes_frame(found.notes)
    files = write_tables(prepare_folder(out), "plan", tables, json, settings=settings, usual=USUAL, wall=wall)
    _print_plan(found, prices, f"{where}; seed {seed}, {wall:.1f} s; rows in {files}")


def _terms(
    cost_trajectory: float,
    cost_vote: float,
    max_iterations: int,
    max_pairs: int | None,
    max_queries: int,
    block_size: list[int] | None,
    until: bool,
) -> tuple[Prices, Limits]:
    from experiments.planning.settings import Limits, Prices

    sizes = tuple(size or None for size in block_size) if block_size else None
    return Prices(cost_trajectory, cost_vote), Limits(max_iterations, max_pairs, max_queries, sizes, until)


def _guess(instance: str | None, guesses: dict[str, Any]) -> Guess | None:
    """What is guessed in place of an instance; None if nothing is."""
    from experiments.planning.guess import Guess
    from theory.errors import InputError

    given = [name for name, value in guesses.items() if value is not None]
    if not given:
        return None
    options = ", ".join(f"--{name.replace('_', '-')}" for name in guesses)
    if instance is not None or len(given) < len(guesses):
        missing = [f"--{name.replace('_', '-')}" for name in guesses if name not in given]
        problem = f"{', '.join(missing)} missing" if missing else f"--instance {instance} as well"
        raise InputError(f"without an instance all of {options} must be given, got {problem}; or name an instance")
    return Guess(**guesses)


def _notes_frame(notes: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"note": list(notes)})


def _print_plan(found: Plan, prices: Prices, line: str) -> None:
    from experiments.commands.plan_tables import front_table, margins_table, others_table, parts_table, plan_lines

    for text in plan_lines(found, prices):
        print(text)
    for table in (parts_table(found), others_table(found), margins_table(found), front_table(found)):
        show(table)
    for note in found.notes:
        print(f"Note: {note}.")
    print(line)


def _validate(
    folder: Path, json: Path | None, seed: int, jobs: int, backend: Any, address: str | None, began: float
) -> None:
    from experiments.commands.plan_tables import exceptions_table, summary_table
    from experiments.planning.random_instances import FACTOR, SHARE
    from experiments.studies.plan_validation import NOISE, exceptions, summary, validate_both_sets

    with progress_bar("validation") as progress:
        rows = validate_both_sets(execution(folder, seed, jobs, backend, address, progress))
    wall = time.perf_counter() - began
    counts = {name: summary(group) for name, group in rows.groupby("set")}
    worse = exceptions(rows)
    summaries = {f"summary_{name}": frame for name, frame in counts.items()}
    tables = {"validation": rows, **summaries, "exceptions": worse}
    files = write_tables(folder, "plan", tables, json, settings={"seed": seed}, usual={"seed": 0}, wall=wall)
    passed = not (worse["reason"] != NOISE).any()
    for name, frame in counts.items():
        show(summary_table(frame, f"Plans that were run, {name} set of instances"))
        share = float(frame["within"].iloc[-1])
        passed = passed and share >= SHARE
        print(f"{share:.0%} of the predictions are within a factor of {FACTOR} (asked for: {SHARE:.0%})")
    if len(worse):
        show(exceptions_table(worse))
    print(f"rows in {files}")
    # A plan that loses by less than the noise of the runs is no failure of the planner.
    raise typer.Exit(0 if passed else 1)
