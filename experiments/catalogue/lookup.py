"""One lookup for everything that a command names: a built-in name, or ``module:attribute`` for the user's own.

Workers resolve the same text, so nothing has to be registered. In Python the object itself may be passed.
"""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from experiments.catalogue import user_modules
from theory.errors import InputError

if TYPE_CHECKING:
    from experiments.catalogue.claims import Claim
    from experiments.catalogue.instance import Instance
    from experiments.catalogue.method import Method
    from theory import Inversion, Link

T = TypeVar("T")

# Each module has a `KIND`. They are imported when first needed, because `zpg --help` must be fast.
_HOMES = {
    "instance": "experiments.catalogue.instances",
    "method": "experiments.catalogue.methods",
    "link": "experiments.catalogue.links",
    "inversion": "experiments.catalogue.inversions",
    "claim": "experiments.catalogue.shipped_claims",
}


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A kind of thing that is found by name.

    Attributes
    ----------
    word : str
        Name of the kind, used in messages.
    names : function -> mapping from name to one line
        The built-in names and their summaries.
    build : function of a built-in name -> thing
    accept : function of (text, value of a user's attribute) -> thing
        Raises InputError if the value cannot be used.
    """

    word: str
    names: Callable[[], Mapping[str, str]]
    build: Callable[[str], T]
    accept: Callable[[str, object], T]

    def find(self, wanted: object) -> T:
        """Resolve a name, a ``module:attribute`` or the thing itself.

        Raises
        ------
        InputError
            If there is no such name, module or attribute, or the value cannot be used.
        """
        if not isinstance(wanted, str):
            return self.accept(f"given as an object of type {type(wanted).__name__}", wanted)
        if wanted in self.names():
            return self.build(wanted)
        if ":" in wanted:
            return self.accept(wanted, attribute_of(self.word, wanted))
        raise unknown(self.word, wanted, list(self.names()))


@overload
def find(kind: Literal["instance"], wanted: str | Instance) -> Instance: ...
@overload
def find(kind: Literal["method"], wanted: str | Method) -> Method: ...
@overload
def find(kind: Literal["link"], wanted: str | Link) -> Link: ...
@overload
def find(kind: Literal["inversion"], wanted: str | Inversion) -> Inversion: ...
@overload
def find(kind: Literal["claim"], wanted: str | Claim) -> Claim: ...
def find(kind: str, wanted: Any) -> Any:
    """Find the thing that a name stands for.

    Parameters
    ----------
    kind : {"instance", "method", "link", "inversion", "claim"}
    wanted : str or object
        A built-in name, ``module:attribute`` for the user's own, or the thing itself. A thing is checked and returned.

    Raises
    ------
    InputError
        If there is no such name, or the thing breaks the contract of its kind.
    """
    return kind_named(kind).find(wanted)


def kind_named(kind: str) -> Kind[Any]:
    """The kind with this name.

    Raises
    ------
    InputError
        If there is no such kind.
    """
    if not isinstance(kind, str) or kind not in _HOMES:
        raise unknown("kind", kind, list(_HOMES))
    found: Kind[Any] = importlib.import_module(_HOMES[kind]).KIND
    return found


def attribute_of(word: str, text: str) -> object:
    """Value of ``module:attribute``. The module is imported again if its source has changed.

    Raises
    ------
    InputError
        If the module cannot be imported or has no such attribute.
    """
    module_name, _, attribute = text.partition(":")
    if module_name.partition(".")[0] in user_modules.PACKAGES:
        raise InputError(
            f"{word} {text!r} must not lie in a package of zpg itself; choose another name for your module"
        )
    try:
        module = user_modules.load(module_name)
    except InputError as error:
        raise InputError(f"{word} {text!r}: {error}{users_line(error)}") from error
    except (Exception, SystemExit) as error:
        came = f"{type(error).__name__}: {error}"
        raise InputError(f"{word} {text!r}: cannot import {module_name} ({came}){users_line(error)}") from error
    if not attribute.isidentifier() or not hasattr(module, attribute):
        public = [name for name in vars(module) if not name.startswith("_")]
        file = getattr(module, "__file__", None) or "no file"
        raise InputError(
            f"{word} {text!r}: module {module_name} ({file}) has no attribute {attribute!r}"
            f"{_nearest(attribute, public)}"
        )
    return getattr(module, attribute)


def called(word: str, text: str, build: Callable[[], object]) -> object:
    """Call a user's function without arguments, and return its value.

    Raises
    ------
    InputError
        If the function raises.
    """
    try:
        return build()
    except InputError as error:
        raise InputError(f"{word} {text!r}: {error}{users_line(error)}") from error
    except (Exception, SystemExit) as error:
        came = f"{type(error).__name__}: {error}"
        raise InputError(f"{word} {text!r}: calling it without arguments failed ({came}){users_line(error)}") from error


def unknown(word: str, wanted: str, names: list[str]) -> InputError:
    """Error for an unknown name, with the nearest known names."""
    return InputError(
        f"{word} must be one of {', '.join(names)}, or module:attribute for your own; "
        f"got {wanted!r}{_nearest(str(wanted), names)}"
    )


def users_line(error: BaseException) -> str:
    """Last file and line of the user's code in the traceback of an exception; empty if there is none."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    own = [frame for frame in frames if not user_modules.is_installed(Path(frame.filename))]
    return f"; see {Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""


def _nearest(wanted: str, names: list[str]) -> str:
    # Case is the most common slip: mdp for MDP.
    same = {name.lower(): name for name in names}
    near = [same[name] for name in get_close_matches(wanted.lower(), list(same), n=3, cutoff=0.5)]
    return f"; nearest: {', '.join(near)}" if near else ""
