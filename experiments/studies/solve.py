"""Exact facts of an instance, at the parameters where its runs start."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.catalogue.instance import Instance
from theory import (
    InputError,
    hessian_norm,
    optimal_value,
    return_distribution,
    smoothness_bound,
    value_and_gradient,
)
from theory.links import largest_trim

# With more parameters than this, the exact Hessian of one point takes too long.
LARGEST_HESSIAN = 512
SHOWN_RETURNS = 8


def solve_instance(instance: Instance) -> dict[str, Any]:
    """Exact facts of an instance, by name. Floats have every digit."""
    mdp, policy, start = instance.mdp, instance.policy, instance.start
    value, gradient = value_and_gradient(mdp, policy, start)
    best = optimal_value(mdp)
    facts: dict[str, Any] = {
        "instance": f"{instance.name}: {instance.summary}",
        "states, actions, horizon": f"{mdp.n_states}, {mdp.n_actions}, {mdp.horizon}",
        "policy, parameters": f"{type(policy).__name__}, {policy.dim}",
        "value": float(value),
        "optimum": best,
        "gradient norm": float(np.linalg.norm(gradient)),
    }
    if mdp.reward_range != (0.0, 1.0):
        facts["value, original unit"] = float(mdp.original_return(value))
        facts["optimum, original unit"] = float(mdp.original_return(best))
    facts["smoothness L, proved"] = smoothness_bound(mdp, policy)
    if policy.dim <= LARGEST_HESSIAN:
        facts["Hessian norm here"] = float(hessian_norm(mdp, policy, start))
    return facts | _return_facts(instance) | _assumptions(instance)


def _return_facts(instance: Instance) -> dict[str, Any]:
    lattice = instance.mdp.reward_lattice
    if lattice is None:
        return {"law of the return": "not on a lattice of at most 10,000 steps; use sampler='rollout'"}
    law = return_distribution(instance.mdp, instance.policy, instance.start)
    likely = np.argsort(-law.probabilities, kind="stable")[:SHOWN_RETURNS]
    shown = [
        f"P(R = {law.values[k]:g}) = {law.probabilities[k]:.6g}" for k in sorted(likely) if law.probabilities[k] > 0
    ]
    return {
        "reward lattice": f"multiples of 1/{lattice}",
        "return, standard deviation": float(np.sqrt(law.variance)),
        "law of the return": ", ".join(shown) + (" ..." if len(law.values) > SHOWN_RETURNS else ""),
    }


def _assumptions(instance: Instance) -> dict[str, Any]:
    """The assumptions of the theorems, each with its constant."""
    mdp, link = instance.mdp, instance.link
    live = mdp.rewards[mdp.probabilities > 0]
    low, high = (float(link.probability(x)) for x in (-mdp.horizon, mdp.horizon))
    invertible = "met" if low > 0 and high < 1 else "NOT met"
    try:
        trim = f"met: at most {largest_trim(link, mdp.horizon):.6g}"
    except InputError as error:
        trim = f"NOT met: {error}"
    return {
        "assumption: rewards in [0, 1]": f"met: from {live.min():g} to {live.max():g}",
        "assumption: link invertible": f"{invertible}: {link}, sigma(-H) = {low:.6g}, sigma(H) = {high:.6g}",
        "assumption: trim below sigma(-H)": trim,
        "assumption: V is L-smooth": f"met: L <= {smoothness_bound(mdp, instance.policy):g}",
    }
