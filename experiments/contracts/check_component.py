"""Check everything that can be checked of a component that somebody wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias

from threadpoolctl import threadpool_limits

from experiments.catalogue.lookup import attribute_of, called
from experiments.catalogue.required.outcome import CheckOutcome, judged, run_check
from experiments.catalogue.requirements import Kind, kind_of, quick_outcomes, require_kind_name
from experiments.contracts.common import same_content
from experiments.contracts.directions import directions_contract
from experiments.contracts.estimators import estimator_contract
from experiments.contracts.feedbacks import feedback_contract
from experiments.contracts.learners import learner_contract
from experiments.contracts.links import fine_link_outcomes, inversion_contract, link_contract
from experiments.contracts.methods import method_contract
from experiments.contracts.policies import policy_contract
from experiments.contracts.records import claim_contract, instance_contract, mdp_contract, rate_contract
from theory import InputError
from theory.errors import require_integer, require_kind

# A contract beyond the quick checks, from a component and a seed.
Contract: TypeAlias = Callable[[Any, int], Iterator[CheckOutcome]]

_CONTRACTS: Mapping[Kind, Contract] = MappingProxyType(
    {
        "mdp": mdp_contract,
        "policy": policy_contract,
        "link": link_contract,
        "inversion": inversion_contract,
        "directions": directions_contract,
        "feedback": feedback_contract,
        "estimator": estimator_contract,
        "learner": learner_contract,
        "method": method_contract,
        "instance": instance_contract,
        "rate": rate_contract,
        "claim": claim_contract,
    }
)


def check_component(
    component: Any,
    *,
    kind: Kind | None = None,
    seed: int = 0,
    expected_failures: Mapping[str, str] | None = None,
    figure_contract: Contract | None = None,
) -> list[CheckOutcome]:
    """Check a component: first what the quick checks ask, then, if it passes, what takes draws and seconds.

    Parameters
    ----------
    component : object or str
        The component, a function without arguments that builds it, a list of claims, or the ``module:attribute`` of any
        of these.
    kind : str, optional
        One of `experiments.catalogue.requirements.KINDS`; by default told by what the component has.
    seed : int
        Of all draws.
    expected_failures : mapping from the name of a check to a reason, optional
        These must fail: then they count as passed, and as failed otherwise.
    figure_contract : function of (figure, seed), optional
        What is asked of figures beyond the quick checks: nothing by default, since they compute at length.

    Returns
    -------
    list of CheckOutcome
        The draws fail a sound component at a rate of at most 1e-6; see the contract of its kind.

    Raises
    ------
    InputError
        If it cannot be loaded, or is of no known kind.
    """
    if kind is not None:
        require_kind_name(kind)
    require_integer("seed", seed, 0)
    if expected_failures is not None:
        require_kind("expected_failures", expected_failures, Mapping, "{'name of a check': 'reason'}")
    name = component if isinstance(component, str) else f"of type {type(component).__name__}"
    found = _loaded(component) if isinstance(component, str) else component
    # Matrices are small here: threads would cost more than they give, and move the last digits.
    with threadpool_limits(limits=1):
        outcomes, complete = _outcomes(name, found, kind, seed, expected_failures or {}, figure_contract)
    return list(_with_expectations(outcomes, expected_failures or {}, complete))


def _outcomes(
    name: str,
    found: Any,
    kind: Kind | None,
    seed: int,
    expected: Mapping[str, str],
    figure_contract: Contract | None,
) -> tuple[list[CheckOutcome], bool]:
    """Outcomes, and whether all checks were run."""
    outcomes: list[CheckOutcome] = []
    component = found
    if _is_builder(found):
        component = called("component", name, found)
        outcomes += run_check(partial(_same_twice, name, found), component, "built twice")
    told = kind or kind_of(component)
    quick = fine_link_outcomes if told == "link" else partial(quick_outcomes, told)
    outcomes += quick(component)
    if any(not outcome.passed and outcome.name not in expected for outcome in outcomes):
        return outcomes, False
    contract = figure_contract if told == "figure" else _CONTRACTS[told]
    if contract is not None:
        outcomes += run_check(lambda subject: contract(subject, seed), component, "contract")
    return outcomes, True


def _loaded(text: str) -> Any:
    """What a user's module holds under a name."""
    module, colon, attribute = text.partition(":")
    if not (colon and module and attribute):
        raise InputError(f"component must be module:attribute, such as mine:LINK for LINK of mine.py, got {text!r}")
    return attribute_of("component", text)


def _is_builder(found: Any) -> bool:
    """Whether this is a function that builds a component, and not itself one."""
    if isinstance(found, type) or not callable(found):
        return False
    try:
        kind_of(found)
    except InputError:
        return True
    return False


def _same_twice(name: str, builder: Callable[[], Any], component: Any) -> Iterator[CheckOutcome]:
    """Workers build it again: they must get the same."""
    same = same_content(component, called("component", name, builder))
    required, remedy = "be the same whenever it is built", "seed what it draws: np.random.default_rng(0)"
    yield judged("built twice", same, required, "the same" if same else "two that differ", remedy)


def _with_expectations(
    outcomes: list[CheckOutcome], expected: Mapping[str, str], complete: bool
) -> Iterator[CheckOutcome]:
    for outcome in outcomes:
        reason = expected.get(outcome.name)
        if reason is None:
            yield outcome
        elif outcome.passed:
            sentence = f"must fail, as expected ({reason}), got a pass: {outcome.sentence}; drop the expectation"
            yield replace(outcome, passed=False, sentence=sentence)
        else:
            yield replace(outcome, passed=True, sentence=f"{outcome.sentence} (expected: {reason})")
    names = [outcome.name for outcome in outcomes]
    for name in expected:
        if complete and name not in names:
            sentence = f"must be a check that is expected to fail, got no such name; the checks are {', '.join(names)}"
            yield CheckOutcome(name, False, sentence)
