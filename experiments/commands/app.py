"""The command line: an application to which every command adds itself."""

from __future__ import annotations

import importlib.metadata
from typing import Annotated

import typer

from experiments.commands.exit_codes import IN_WORDS

app = typer.Typer(
    name="zpg",
    help="Does zeroth-order policy gradient from preferences converge at its stated rates? Checked on small MDPs.",
    epilog=IN_WORDS,
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def version() -> str:
    """Version of the package."""
    return importlib.metadata.version("zpg")


def _print_version(asked: bool) -> None:
    if asked:
        print(f"zpg {version()}")
        raise typer.Exit


@app.callback()
def top(
    context: typer.Context,
    asked: Annotated[  # noqa: ARG001  (its callback acts)
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Print the help where no command is given."""
    if context.invoked_subcommand is None:
        print(context.get_help())
