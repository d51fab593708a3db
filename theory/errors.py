"""The exception that means a mistake of the user, not a defect of the library, and checks that raise it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


class InputError(ValueError):
    """An argument is not what the call requires.

    The message is one line: which argument, what was required, what came, what to do.
    The command line prints it unchanged and exits with 2; any other exception is a defect.
    """


def require_kind(name: str, value: Any, kind: type | tuple[type, ...], example: str) -> None:
    """Require an argument of one class, or of one of several, where a wrong one would fail late or never.

    Raises
    ------
    InputError
        If it is of another class.
    """
    # A class passes as a runtime protocol, since it has the same methods.
    if isinstance(value, type) or not isinstance(value, kind):
        kinds = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
        raise InputError(f"{name} must be a {kinds} such as {example}, got {value!r}")


def require_integer(name: str, value: Any, least: int) -> None:
    """Require an integer, of Python or NumPy, of at least `least`; a bool is refused.

    Raises
    ------
    InputError
        If it is anything else.
    """
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= least:
        return
    whole = isinstance(value, float | np.floating) and float(value).is_integer() and value >= least
    remedy = f"; write {int(value)}" if whole else ""
    raise InputError(f"{name} must be an integer of at least {least}, got {value!r}{remedy}")


def require_number(name: str, value: Any, required: str, allowed: Callable[[float], bool], remedy: str = "") -> None:
    """Require one real number, of Python or NumPy, that is allowed; a bool is refused.

    Raises
    ------
    InputError
        If it is anything else.
    """
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not (number and allowed(value)):
        raise InputError(f"{name} must {required}, got {value!r}{remedy}")


def require_positive(name: str, value: Any, remedy: str = "") -> None:
    """Require one positive, finite number.

    Raises
    ------
    InputError
        If it is anything else.
    """
    require_number(name, value, "be positive and finite", lambda number: 0 < number < math.inf, remedy)


def require_text(name: str, value: Any, least: int = 1) -> None:
    """Require text of at least so many characters.

    Raises
    ------
    InputError
        If it is anything else.
    """
    if not isinstance(value, str) or len(value) < least:
        raise InputError(f"{name} must be text{' that is not empty' if least else ''}, got {value!r}")


def require_function(name: str, value: Any, example: str) -> None:
    """Require something that can be called.

    Raises
    ------
    InputError
        If it cannot.
    """
    if not callable(value):
        raise InputError(f"{name} must be a function such as {example}, got {value!r}")


def require_list(name: str, value: Any, kind: type | tuple[type, ...], example: str, least: int = 1) -> None:
    """Require a list or tuple of at least so many things, all of one class or of one of several.

    Raises
    ------
    InputError
        If it is anything else.
    """
    require_kind(name, value, (list, tuple), f"[{example}]")
    if len(value) < least:
        raise InputError(f"{name} must hold at least {least}, got {len(value)}; write for example [{example}]")
    for each in value:
        require_kind(name, each, kind, example)
