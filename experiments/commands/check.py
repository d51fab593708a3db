"""zpg check: the full contract of a component that a user wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.commands.options import Json, Seed
from experiments.commands.terminal import console, progress_bar, show
from experiments.running.files import check_file, write_json

if TYPE_CHECKING:
    from experiments.catalogue.requirements import CheckOutcome
    from experiments.contracts.check_component import Contract

Component = Annotated[
    str, typer.Argument(help="module:attribute of your own: an object, or a function without arguments that builds it.")
]
KindName = Annotated[
    str | None, typer.Option("--kind", help="policy, link, estimator ... [default: told by what it has]")
]
Expect = Annotated[
    list[str] | None,
    typer.Option(
        "--expect", help='"name of a check=reason": it must fail, and then counts as passed; may be repeated.'
    ),
]


def check_command(figure_contract: Callable[[], Contract]) -> Callable[..., None]:
    """Command ``check``; what figures are asked is loaded from the layer above when it runs."""

    def check(
        component: Component,
        kind: KindName = None,
        expect: Expect = None,
        seed: Seed = 0,
        json: Json = None,
    ) -> None:
        """Check a component of your own against all that its kind must be: one row a check."""
        from experiments.catalogue.requirements import require_kind_name
        from experiments.contracts.check_component import check_component

        check_file(json)
        known, expected = None if kind is None else require_kind_name(kind), _expectations(expect or [])
        with progress_bar("check"):
            outcomes = check_component(
                component, kind=known, seed=seed, expected_failures=expected, figure_contract=figure_contract()
            )
        failed = sum(not outcome.passed for outcome in outcomes)
        if json is not None:
            rows = [dict(vars(outcome)) for outcome in outcomes]
            write_json(json, {"component": component, "seed": seed, "failed": failed, "checks": rows})
        _print_outcomes(outcomes, f"{component}, seed {seed}")
        raise typer.Exit(1 if failed else 0)

    return check


def _expectations(given: Sequence[str]) -> dict[str, str]:
    """Reasons by name of check."""
    pairs = {}
    for text in given:
        name, equals, reason = (part.strip() for part in text.partition("="))
        if not (equals and name and reason):
            raise typer.BadParameter(f'must be "name of a check=reason", got {text!r}', param_hint="--expect")
        pairs[name] = reason
    return pairs


def _print_outcomes(outcomes: Sequence[CheckOutcome], footer: str) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("check", "passed", "required and found")
    for outcome in outcomes:
        table.add_row(escape(outcome.name), "yes" if outcome.passed else "NO", escape(outcome.sentence))
    show(table)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    screen = console()
    for outcome in failed:
        screen.print(f"failed: {outcome.name}: {outcome.sentence}", markup=False, soft_wrap=True)
    told = f"{len(outcomes) - len(failed)} of {len(outcomes)} checks passed"
    if failed:
        told += "; checks that take draws wait until those before them pass"
    screen.print(f"{'FAILED' if failed else 'PASSED'}: {told}; {footer}", markup=False)
