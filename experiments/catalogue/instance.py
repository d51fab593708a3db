"""An instance: an MDP, a policy class, where runs start, and the link of the raters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from experiments.catalogue.digests import content_digest
from theory import InputError, Link, Logistic, Policy, TabularMDP, value_and_gradient
from theory.errors import require_kind, require_text
from theory.validation import finite_array
from theory.values import check_fit

# Members of the protocols, so that a message can name those that are missing.
POLICY_MEMBERS = ("n_states", "n_actions", "horizon", "dim", "score_bounds", "probabilities", "score_product")
LINK_MEMBERS = ("symmetric", "probability", "inverse", "derivative", "second_derivative")


@dataclass(frozen=True, eq=False, repr=False)
class Instance:
    """An MDP with a policy class, a start and a link: what a claim is tested on.

    Attributes
    ----------
    name, summary : str
    mdp : TabularMDP
    policy : Policy
    start : array (dim,)
        Where runs start, theta_1.
    link : Link
        The link of the raters.
    link_is_default : bool, default False
        Whether the link was not chosen by the user. Comparisons then choose a scale at which votes are informative.

    Raises
    ------
    InputError
        If the policy or the link lacks a member of its protocol, or `start` is not `dim` finite numbers.
    """

    name: str
    summary: str
    mdp: TabularMDP
    policy: Policy
    start: NDArray[np.float64]
    link: Link
    link_is_default: bool = False

    def __repr__(self) -> str:
        policy = type(self.policy).__name__
        return f"Instance({self.name!r}, {self.mdp!r}, {policy} of {self.policy.dim} parameters, {self.link!r})"

    def __post_init__(self) -> None:
        require_text("name", self.name, 0)
        require_text(f"summary of instance {self.name}", self.summary, 0)
        require_kind(f"link_is_default of instance {self.name}", self.link_is_default, bool, "True")
        require_kind(f"mdp of instance {self.name}", self.mdp, TabularMDP, "chain(5, 8)")
        _require_members(f"policy of instance {self.name}", self.policy, POLICY_MEMBERS, "TabularSoftmax(5, 2)")
        _require_members(f"link of instance {self.name}", self.link, LINK_MEMBERS, "Logistic(2.0)")
        check_fit(self.mdp, self.policy)
        start = finite_array(f"start of instance {self.name}", self.start)
        if start.shape != (self.policy.dim,):
            raise InputError(
                f"start of instance {self.name} must be {self.policy.dim} finite numbers, got shape {start.shape}"
            )
        object.__setattr__(self, "start", start)


def _require_members(name: str, given: object, members: tuple[str, ...], example: str) -> None:
    missing = [member for member in members if not hasattr(given, member)]
    if isinstance(given, type):
        raise InputError(f"{name} must be an object such as {example}, got the class {given.__name__}")
    if missing:
        raise InputError(
            f"{name} must have {', '.join(members)}, got {type(given).__name__} without {', '.join(missing)}; "
            f"add them, or write {example}"
        )


def default_link(mdp: TabularMDP) -> Logistic:
    """Link of an instance for which none was chosen."""
    return Logistic(scale=mdp.horizon / 2)


def at_optimum(instance: Instance) -> Instance:
    """The same instance, started where exact ascent from its start ends. Runs then begin at their noise floor."""

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, gradient = value_and_gradient(instance.mdp, instance.policy, theta)
        return -float(value), -gradient

    found = minimize(loss, instance.start, jac=True, method="BFGS", options={"gtol": 1e-9})
    return replace(instance, start=found.x)


@lru_cache(maxsize=256)
def content_of(instance: Instance) -> str:
    """Digest of everything in an instance except its name and summary."""
    mdp = instance.mdp
    arrays = (mdp.probabilities, mdp.next_states, mdp.rewards, mdp.initial, mdp.horizon)
    return content_digest((*arrays, instance.policy, instance.start, instance.link))
