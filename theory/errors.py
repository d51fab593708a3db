"""The one exception that means the user, not the library, made a mistake."""

from __future__ import annotations

from typing import Any


class InputError(ValueError):
    """An argument is not what the call requires.

    The message is one line: which argument, what was required, what came, what to do.
    The command line prints it as it is and exits with 2; any other exception is a defect.
    """


def require_kind(name: str, value: Any, kind: type, example: str) -> None:
    """Require an argument to be of a kind, where a mistaken one would be found out late or never.

    Raises
    ------
    InputError
        If it is not.
    """
    if not isinstance(value, kind):
        raise InputError(f"{name} must be a {kind.__name__} such as {example}, got {value!r}")
