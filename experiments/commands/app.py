"""The command line: an application to which every command adds itself, and how it ends."""

from __future__ import annotations

import importlib.metadata
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

app = typer.Typer(
    name="zpg",
    help="Does zeroth-order policy gradient from preferences converge at its stated rates? Checked on small MDPs.",
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


def run(application: typer.Typer) -> None:
    """Run a command line; a user's mistake is one line on standard error and exit code 2."""
    try:
        code = application(standalone_mode=False)
    except ValueError as error:
        from theory.errors import InputError  # late: the package costs half a second

        if not isinstance(error, InputError):
            raise
        _fail(str(error))
    except TyperException as error:
        _fail(f"{error.format_message()} (zpg --help lists the commands and their options)")
    except typer.Abort:
        _fail("stopped")
    if code == 130:
        print("zpg: interrupted; finished cells are kept, the same command goes on from there", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> None:
    print("zpg: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(2)
