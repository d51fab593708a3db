"""What components that users write must be, checked in milliseconds before anything is judged with them.

The full contract of a component, with draws, is `experiments.contracts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

from threadpoolctl import threadpool_limits

from experiments.catalogue.required.directions import directions_outcomes
from experiments.catalogue.required.estimator import estimator_outcomes, learner_outcomes
from experiments.catalogue.required.feedback import feedback_outcomes
from experiments.catalogue.required.inversion import inversion_outcomes
from experiments.catalogue.required.link import link_outcomes
from experiments.catalogue.required.method import method_outcomes
from experiments.catalogue.required.outcome import CheckOutcome
from experiments.catalogue.required.policy import policy_outcomes
from experiments.catalogue.required.records import (
    claim_outcomes,
    figure_outcomes,
    instance_outcomes,
    mdp_outcomes,
    rate_outcomes,
)
from theory import InputError, TabularMDP

__all__ = ["KINDS", "CheckOutcome", "Kind", "kind_of", "quick_outcomes", "require_kind_name", "require_sound"]

Kind: TypeAlias = Literal[
    "mdp",
    "policy",
    "link",
    "inversion",
    "directions",
    "feedback",
    "estimator",
    "learner",
    "method",
    "instance",
    "rate",
    "claim",
    "figure",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

# What tells a component by what it has, the more telling first. Whatever else it needs is found missing by its check.
_MARKS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("instance", ("mdp", "policy", "start")),
    ("claim", ("axis", "grid", "rate")),
    ("rate", ("exponents", "schedule")),
    ("figure", ("compute", "draw")),
    ("method", ("title", "build")),
    ("learner", ("begin",)),
    ("estimator", ("estimate",)),
    ("feedback", ("difference",)),
    ("policy", ("score_product",)),
    ("policy", ("probabilities", "n_actions")),
    ("inversion", ("clips",)),
    ("inversion", ("values", "limit")),
    ("link", ("inverse",)),
    ("link", ("probability",)),
    ("directions", ("sample",)),
)

_QUICK: Mapping[Kind, Callable[[Any], Iterator[CheckOutcome]]] = MappingProxyType(
    {
        "mdp": mdp_outcomes,
        "policy": policy_outcomes,
        "link": link_outcomes,
        "inversion": inversion_outcomes,
        "directions": directions_outcomes,
        "feedback": feedback_outcomes,
        "estimator": estimator_outcomes,
        "learner": learner_outcomes,
        "method": method_outcomes,
        "instance": instance_outcomes,
        "rate": rate_outcomes,
        "claim": claim_outcomes,
        "figure": figure_outcomes,
    }
)


def kind_of(component: Any) -> Kind:
    """Kind of a component, told by what it has.

    Raises
    ------
    InputError
        If it is of no known kind, or a class where an object is meant.
    """
    if isinstance(component, TabularMDP):
        return "mdp"
    if isinstance(component, list | tuple) and component and all(_marked(one) == "claim" for one in component):
        return "claim"
    kind = "mdp" if component is TabularMDP else _marked(component)
    if isinstance(component, type):
        meant = f"an object, a {kind} for instance," if kind else "an object"
        word = component.__name__
        raise InputError(f"component must be {meant} got the class {word}; write {word}(...), with its settings")
    if kind is None:
        raise InputError(
            f"component must be one of {', '.join(KINDS)}, got {type(component).__name__}, which has the marks "
            "of none; see the protocols of theory and estimators for what each must have"
        )
    return kind


def quick_outcomes(kind: Kind, component: Any) -> Iterator[CheckOutcome]:
    """Check a component in milliseconds: its shape, its numbers, and what can be seen at a few points.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    component : Any

    Yields
    ------
    CheckOutcome
        In order; where one that the others rest on fails, it is the last.

    Raises
    ------
    InputError
        If there is no such kind.
    """
    return _QUICK[require_kind_name(kind)](component)


def require_sound(kind: Kind, name: str, component: Any) -> None:
    """Refuse a component that a quick check finds at fault.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    name : str
        What the user called it: ``module:attribute``.
    component : Any

    Raises
    ------
    InputError
        At the first fault: component, requirement, what came, remedy.
    """
    # Matrices are small here: threads would cost more than they give.
    with threadpool_limits(limits=1):
        for outcome in quick_outcomes(kind, component):
            if not outcome.passed:
                joint = " " if outcome.sentence.startswith("must") else ": "
                raise InputError(f"{kind} {name}{joint}{outcome.sentence}")


def require_kind_name(kind: str) -> Kind:
    """Name of a kind, checked.

    Raises
    ------
    InputError
        If there is none.
    """
    for known in KINDS:
        if kind == known:
            return known
    raise InputError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")


def _marked(component: Any) -> Kind | None:
    for kind, names in _MARKS:
        if all(hasattr(component, name) for name in names):
            return kind
    return None
