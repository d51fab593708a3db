"""Quick checks of components that users write, in milliseconds, before any result rests on them.

The full contract of a component, with draws, is in `experiments.contracts`.
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

# Members by which a kind is recognised; the first match counts. Other members that it needs are found by its check.
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
    """Kind of a component, recognised by its members.

    Raises
    ------
    InputError
        If it is of no known kind, or a class in place of an object.
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
    """Check a component in milliseconds: its members, shapes and numbers, at a few points.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    component : Any

    Yields
    ------
    CheckOutcome
        In order. When a check fails that the later ones need, it is the last.

    Raises
    ------
    InputError
        If there is no such kind.
    """
    return _QUICK[require_kind_name(kind)](component)


def require_sound(kind: Kind, name: str, component: Any) -> None:
    """Refuse a component that fails a quick check.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    name : str
        As the user wrote it: ``module:attribute``.
    component : Any

    Raises
    ------
    InputError
        At the first fault. It names the component, what is required, what came and what to do.
    """
    # The matrices are small, so threads would cost more time than they save.
    with threadpool_limits(limits=1):
        for outcome in quick_outcomes(kind, component):
            if not outcome.passed:
                joint = " " if outcome.sentence.startswith("must") else ": "
                raise InputError(f"{kind} {name}{joint}{outcome.sentence}")


def require_kind_name(kind: str) -> Kind:
    """The name of a kind, checked.

    Raises
    ------
    InputError
        If there is no such kind.
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
