"""What records must hold: MDPs, instances, rates, claims and figures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from experiments.catalogue.required.link import link_outcomes
from experiments.catalogue.required.method import method_outcomes
from experiments.catalogue.required.outcome import CheckOutcome, judged, members, of_part, run_checks
from experiments.catalogue.required.policy import policy_outcomes
from theory import InputError, TabularMDP


def mdp_outcomes(mdp: Any) -> Iterator[CheckOutcome]:
    """Check that this is an MDP: its constructor has checked the rest."""
    yield from run_checks((_is_an_mdp,), mdp)


def _is_an_mdp(mdp: Any) -> Iterator[CheckOutcome]:
    came = mdp.__name__ if isinstance(mdp, type) else f"{type(mdp).__name__}"
    came = f"the class {came}" if isinstance(mdp, type) else repr(mdp) if isinstance(mdp, TabularMDP) else came
    remedy = "write TabularMDP(transitions, rewards, initial, horizon)"
    yield judged("kind", isinstance(mdp, TabularMDP), "be a TabularMDP", came, remedy)


def instance_outcomes(instance: Any) -> Iterator[CheckOutcome]:
    """Check the parts of an instance, and that they fit one another."""
    found = list(run_checks((_instance_members, _instance_mdp, _policy_size, _start), instance, gates=3))
    yield from found
    if not all(outcome.passed for outcome in found):
        return
    start = np.asarray(instance.start, dtype=np.float64)
    yield from of_part("policy", policy_outcomes(instance.policy, instance.mdp, start))
    yield from of_part("link", link_outcomes(instance.link, float(instance.mdp.horizon)))


def _instance_members(instance: Any) -> Iterator[CheckOutcome]:
    yield members(instance, ("name", "summary", "mdp", "policy", "start", "link"))


def _instance_mdp(instance: Any) -> Iterator[CheckOutcome]:
    yield from of_part("mdp", _is_an_mdp(instance.mdp))


def _policy_size(instance: Any) -> Iterator[CheckOutcome]:
    mdp, policy = instance.mdp, instance.policy
    if isinstance(policy, type) or not all(hasattr(policy, name) for name in ("n_states", "n_actions", "horizon")):
        yield from of_part("policy", [members(policy, ("n_states", "n_actions", "horizon"))])
        return
    sizes = policy.n_states, policy.n_actions
    fits = sizes == (mdp.n_states, mdp.n_actions) and policy.horizon in (None, mdp.horizon)
    required = f"have {mdp.n_states} states, {mdp.n_actions} actions and the horizon None or {mdp.horizon} of its MDP"
    came = f"{sizes[0]}, {sizes[1]} and {policy.horizon}"
    yield from of_part("policy", [judged("size", fits, required, came, "build it with the MDP's own numbers")])


def _start(instance: Any) -> Iterator[CheckOutcome]:
    start, dim = np.asarray(instance.start, dtype=np.float64), instance.policy.dim
    passed = start.shape == (dim,) and bool(np.isfinite(start).all())
    came = f"shape {start.shape}{'' if np.isfinite(start).all() else ' with nan or inf'}"
    outcome = judged("shape", passed, f"be {dim} finite numbers", came, "give one for each parameter of the policy")
    yield from of_part("start", [outcome])


def rate_outcomes(rate: Any) -> Iterator[CheckOutcome]:
    """Check a rate: its exponents and the schedule it is stated for."""
    yield from run_checks((_rate_members, _exponents, _schedule), rate)


def _rate_members(rate: Any) -> Iterator[CheckOutcome]:
    yield members(rate, ("exponents",), ("schedule",))


def _exponents(rate: Any) -> Iterator[CheckOutcome]:
    exponents = dict(rate.exponents)
    passed = bool(exponents) and all(math.isfinite(float(power)) for power in exponents.values())
    remedy = "write one signed slope for each axis, such as {'T': -1.0}"
    yield judged("exponents", passed, "have finite exponents by axis", f"{exponents}", remedy)


def _schedule(rate: Any) -> Iterator[CheckOutcome]:
    """Where an axis is isolated the others are infinite; without any noise the radius may be 0."""
    wrong = ""
    # A rate without a term in M has nothing to balance where N is infinite.
    without_pairs = [(math.inf, 1e4)] if "M" in dict(rate.exponents) else []
    for pairs, queries in ((1e4, math.inf), (1e4, 1e2), *without_pairs):
        found = schedule_at(rate, pairs, queries)
        if not wrong and not all(0 < value < math.inf for value in found):
            wrong = f"radius {found[0]:.6g} and step size {found[1]:.6g} for N = {pairs:g} and M = {queries:g}"
    required = "have a schedule of positive, finite radius and step size"
    remedy = "let both be functions of N and M that are positive where one of them is infinite"
    yield judged("schedule", not wrong, required, wrong or "one", remedy)


def schedule_at(rate: Any, pairs: float, queries: float, dim: int = 5, horizon: int = 5, **scales: float) -> Any:
    """Radius and step size for N pairs and M votes."""
    constants = {"radius_scale": 1.0, "step_scale": 1.0} | scales
    found = rate.schedule(dim=dim, horizon=horizon, n_pairs=pairs, n_queries=queries, **constants)
    return float(found.radius), float(found.step_size)


def claim_outcomes(claim: Any) -> Iterator[CheckOutcome]:
    """Check a claim, or every claim of a list."""
    if isinstance(claim, list | tuple):
        if not claim:
            yield judged("claims", False, "hold at least one claim", "none", "add one")
        for one in claim:
            yield from of_part(f"claim {getattr(one, 'name', '?')}", claim_outcomes(one))
        return
    checks = _claim_members, _claim_grid, _claim_axis, _claim_method, _claim_instance, _claim_rate
    yield from run_checks(checks, claim)


def _claim_members(claim: Any) -> Iterator[CheckOutcome]:
    yield members(claim, ("name", "method", "instance", "axis", "grid", "rate", "replicates"))


def _claim_grid(claim: Any) -> Iterator[CheckOutcome]:
    grid = np.asarray(claim.grid, dtype=np.float64).ravel()
    passed = len(grid) >= 2 and len(set(grid)) == len(grid) and bool(((grid > 0) & np.isfinite(grid)).all())
    remedy = "write its window, such as (256, 512, 1024)"
    yield judged(
        "grid", passed, "have at least 2 distinct positive grid points", f"{tuple(grid.tolist())}", remedy, len(grid)
    )


def _claim_axis(claim: Any) -> Iterator[CheckOutcome]:
    axes = ", ".join(claim.rate.exponents)
    passed = claim.axis in claim.rate.exponents
    yield judged("axis", passed, f"have an axis that its rate has, of {axes}", repr(claim.axis), "choose one of them")


def _claim_method(claim: Any) -> Iterator[CheckOutcome]:
    if isinstance(claim.method, str):
        yield _known("method", claim.method)
    else:
        yield from of_part("method", method_outcomes(claim.method))


def _claim_instance(claim: Any) -> Iterator[CheckOutcome]:
    if isinstance(claim.instance, str):
        names = [f"{claim.instance}-{x:g}" for x in claim.grid] if claim.axis == "d" else [claim.instance]
        for name in names:
            outcome = _known("instance", name)
            if not outcome.passed:
                break
        yield outcome
    else:
        yield from of_part("instance", instance_outcomes(claim.instance))


def _claim_rate(claim: Any) -> Iterator[CheckOutcome]:
    yield from of_part("rate", rate_outcomes(claim.rate))


def _known(kind: str, name: str) -> CheckOutcome:
    """Outcome on a name: a user's own is loaded, and built-in ones are only looked for, since building them may cost.

    The one place that asks for names.
    """
    # Late: these modules ask this one about what users wrote.
    from experiments.catalogue.lookup import kind_named

    names = kind_named(kind).names()
    required, remedy = f"name one {kind} that there is", f"choose one of {', '.join(names)}"
    if ":" not in name:
        return judged(kind, name in names, required, repr(name), remedy)
    try:
        kind_named(kind).find(name)
    except InputError as error:
        return judged(kind, False, required, f"{name}, which {error}", "see to it there")
    return judged(kind, True, required, name, remedy)


def figure_outcomes(figure: Any) -> Iterator[CheckOutcome]:
    """Check a figure; nothing is computed and nothing drawn."""
    yield from run_checks((_figure_members, _figure_names), figure)


def _figure_members(figure: Any) -> Iterator[CheckOutcome]:
    yield members(figure, ("name", "title"), ("compute", "draw"))


def _figure_names(figure: Any) -> Iterator[CheckOutcome]:
    passed = all(isinstance(text, str) and text for text in (figure.name, figure.title))
    came = f"{figure.name!r} and {figure.title!r}"
    yield judged("names", passed, "have name and title in words", came, "the name is that of its files")
