"""The one exception that means the user, not the library, made a mistake."""

from __future__ import annotations


class InputError(ValueError):
    """An argument is not what the call requires.

    The message is one line: which argument, what was required, what came, what to do.
    The command line prints it as it is and exits with 2; any other exception is a defect.
    """
