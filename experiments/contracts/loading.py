"""A user's component from ``module:attribute``."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from theory.errors import InputError


def load_attribute(text: str) -> Any:
    """What a module holds under a name.

    Parameters
    ----------
    text : str
        ``module:attribute``; the module is looked for in the current folder too.

    Raises
    ------
    InputError
        If the text is of another form, or the module or the attribute cannot be had.
    """
    module_name, colon, attribute = text.partition(":")
    if not (colon and module_name and attribute):
        raise InputError(f"component must be module:attribute, such as mine:LINK for LINK of mine.py, got {text!r}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(
            f"component {text!r}: cannot import {module_name} ({type(error).__name__}: {error}); mend the module"
        ) from error
    if not hasattr(module, attribute):
        raise InputError(f"component {text!r}: module {module_name} has no attribute {attribute!r}")
    return getattr(module, attribute)


def build(text: str, function: Callable[[], Any]) -> Any:
    """What a user's function without arguments returns.

    Raises
    ------
    InputError
        If it raises.
    """
    try:
        return function()
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"component {text!r}: calling it without arguments failed ({type(error).__name__}: {error}); "
            "see to it there"
        ) from error
