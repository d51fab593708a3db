"""What a check found, and how checks are run: in order, and never with a traceback."""

from __future__ import annotations

import math
import sysconfig
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

# Not to be blamed for what a user's component raises: this project, the standard library, installed packages.
FOREIGN = (
    *(Path(__file__).resolve().parents[3] / name for name in ("theory", "estimators", "experiments", "paper_figures")),
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")),
)
# Longest part of a message of somebody else's that is quoted.
LONGEST_QUOTE = 240


@dataclass(frozen=True)
class CheckOutcome:
    """What one check of a component found.

    Attributes
    ----------
    name : str
        Of the check; what it is about comes first: ``link: half at zero``.
    passed : bool
    sentence : str
        What was required, what came and, where it failed, what to do.
    figure : float
        The number it rests on, nan if there is none.
    """

    name: str
    passed: bool
    sentence: str
    figure: float = math.nan


# Checks are plain functions of what is checked; each yields what it finds.
Check: TypeAlias = Callable[[Any], Iterator[CheckOutcome]]


def judged(
    name: str, passed: bool | np.bool_, required: str, came: str, remedy: str, figure: float = math.nan
) -> CheckOutcome:
    """Outcome in words: "must ..., got ..."; the remedy is told where it is needed."""
    told = "" if passed else f"; {remedy}"
    return CheckOutcome(name, bool(passed), f"must {required}, got {came}{told}", float(figure))


def run_checks(checks: Sequence[Check], subject: Any, gates: int = 1) -> Iterator[CheckOutcome]:
    """Run checks one after the other. The first `gates` of them are what the others stand on: these end it."""
    for number, check in enumerate(checks):
        found = run_check(check, subject)
        yield from found
        if number < gates and not all(outcome.passed for outcome in found):
            return


def run_check(check: Check, subject: Any, name: str | None = None) -> list[CheckOutcome]:
    """Run a check. An exception within it is a failed outcome that quotes it; warnings say nothing here."""
    found: list[CheckOutcome] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for outcome in check(subject):
                found.append(outcome)  # noqa: PERF402  (what came before an exception is kept)
        except Exception as error:
            told = name or check.__name__.strip("_").replace("_", " ")
            remedy = f"see to {_raised_in(error) or 'what it is given'}"
            found.append(judged(told, False, f"pass the check {told!r}", quoted(error), remedy))
    return found


def of_part(part: str, outcomes: Iterable[CheckOutcome]) -> Iterator[CheckOutcome]:
    """Outcomes of a part, told of the whole."""
    for outcome in outcomes:
        yield replace(outcome, name=f"{part}: {outcome.name}", sentence=f"its {part} {outcome.sentence}")


def quoted(error: BaseException) -> str:
    """An exception in one line."""
    words = " ".join(str(error).split())
    if len(words) > LONGEST_QUOTE:
        words = f"{words[:LONGEST_QUOTE]} ..."
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _raised_in(error: BaseException) -> str:
    """File and line of the user's that an exception came through last; empty if it came through none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        f"{Path(frame.filename).name}, line {frame.lineno}"
        for frame in frames
        if not any(Path(frame.filename).is_relative_to(folder) for folder in FOREIGN) and frame.filename[0] != "<"
    ]
    return own[-1] if own else ""


def members(component: Any, values: Sequence[str] = (), methods: Sequence[str] = ()) -> CheckOutcome:
    """Outcome on what a component must have: values, and methods that can be called."""
    names = ", ".join((*values, *methods))
    if isinstance(component, type):
        word = component.__name__
        return judged("members", False, "be an object", f"the class {word}", f"write {word}(...), with its settings")
    # Properties are looked up here: one that raises another error than AttributeError is quoted.
    missing = [name for name in (*values, *methods) if not hasattr(component, name)]
    missing += [f"{name}()" for name in methods if name not in missing and not callable(getattr(component, name))]
    came = f"none of the name {', '.join(missing)}" if missing else "all"
    return judged(
        "members", not missing, f"have {names}", f"{came} ({type(component).__name__})", "add what is missing"
    )


def is_count(value: Any, least: int = 1) -> bool:
    """Whether a value is a whole number of at least so much."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= least


def shape_outcome(name: str, what: str, expected: tuple[int, ...], array: Any) -> CheckOutcome:
    """Outcome on the shape of an array, whose numbers must be finite."""
    found = np.shape(array)
    finite = found == expected and bool(np.isfinite(np.asarray(array)).all())
    came = f"shape {found}" + ("" if finite or found != expected else " with nan or inf")
    return judged(name, finite, f"give finite {what} of shape {expected}", came, "keep every axis, none added")
