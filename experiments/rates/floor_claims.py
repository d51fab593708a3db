"""The claims on constants that are run, and their planted faults. The settings were drawn once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any, TypeVar

import numpy as np

from experiments.catalogue.claims import name_of
from experiments.catalogue.links import matched_link, scaled_link
from experiments.catalogue.lookup import find
from experiments.catalogue.shipped_claims import Preset, sharpened_claims, stated_claims
from experiments.rates import planted_faults
from experiments.rates.floor_claim import FloorClaim
from theory import LINKS, Logistic

T = TypeVar("T")

METHODS = ("zpg", "zbcpg-1", "zbcpg-3", "zbcpg-d")
RANDOM = tuple(f"random-circular-{seed}" for seed in range(24))
# Usual values of N, M, mu and alpha. N and M are not both infinite, since without noise the floor is almost 0.
SETTINGS = tuple(
    setting
    for setting in product((1e4, 1e6, math.inf), (1, 5, 25, math.inf), (0.3, 0.5), (0.2, 0.05))
    if not setting[0] == setting[1] == math.inf
)
# A fixed random order. In the order of the grid radius and step repeat with period four, as the methods do.
_ORDER: tuple[int, ...] = tuple(np.random.default_rng(0).permutation(len(SETTINGS)).tolist())
# Claims on the circular instance, in both presets, and on each of the 24 random garnets, in the paper preset.
CELLS = {"circular": 32, "each garnet": 6}
# Replicates of a claim. The standard error of its ratio is then about 1%.
N_REPLICATES = 256


def floor_claims(preset: Preset = "quick") -> list[FloorClaim]:
    """Claims on the circular instance; for the paper preset also on 24 random garnets, none selected, and on schedules.

    On the garnets every round of claims has its own random order of links, methods and settings, so that none of them
    goes with another.
    """
    names, links = len(METHODS), tuple(LINKS)
    claims = [
        _claim(k, METHODS[k % names], "circular", links[k % len(links)], SETTINGS[_ORDER[k % len(SETTINGS)]])
        for k in range(CELLS["circular"])
    ]
    claims += _on_ways_to_ask()
    return claims if preset == "quick" else [*claims, *_on_garnets(CELLS["circular"]), *_on_schedules()]


def _on_ways_to_ask() -> list[FloorClaim]:
    """Votes until the first disagreement, where M is not used, and pairs in random order."""
    setting = (1e5, 5, 0.3, 0.2)
    where = {"zpg-until": ("circular", "circular-cloglog"), "zpg-ordered": ("circular-cloglog",)}
    return [
        FloorClaim(f"floor {method} {on}", method, on, *setting, replicates=N_REPLICATES)
        for method, instances in where.items()
        for on in instances
    ]


def _on_garnets(first: int) -> list[FloorClaim]:
    n_claims, rng = CELLS["each garnet"] * len(RANDOM), np.random.default_rng(1)

    def shuffled(options: Sequence[T]) -> list[T]:
        rounds = [rng.permutation(len(options)) for _ in range(math.ceil(n_claims / len(options)))]
        return [options[k] for k in np.concatenate(rounds)[:n_claims]]

    drawn = zip(
        shuffled(METHODS), RANDOM * CELLS["each garnet"], shuffled(tuple(LINKS)), shuffled(SETTINGS), strict=True
    )
    return [_claim(first + k, *each) for k, each in enumerate(drawn)]


def _on_schedules() -> list[FloorClaim]:
    """The points of the claims on N and M on the circular instance, under the stated and the sharpened schedule."""
    shipped = [claim for claim in (*stated_claims(), *sharpened_claims()) if claim.instance == "circular"]
    return [
        FloorClaim(
            f"floor {claim.name}, {claim.axis} = {x:g}",
            claim.method,
            claim.instance,
            *(at.point.n_pairs, at.point.n_queries, at.point.radius, at.point.step_size),
            replicates=N_REPLICATES,
        )
        for claim in shipped
        if claim.axis in ("N", "M") and claim.method in METHODS
        for x, at in zip(claim.grid, claim.points(), strict=True)
    ]


def floor_controls() -> list[FloorClaim]:
    """Claims with a fault that slopes do not show. The prediction is without the fault, so the floor differs."""
    method = find("method", "zbcpg-3")
    # The raters are certain enough for another link with the same slope at 0 to differ where returns are far apart.
    link = Logistic(1.0)
    sound = FloorClaim("", "zbcpg-3", "circular", 1e6, 25, 0.3, 0.05, link, N_REPLICATES)
    raters = matched_link("probit", link)
    faults: dict[str, dict[str, Any]] = {
        "raters use probit, as steep at 0": {"run_as": planted_faults.other_raters(method, raters)},
        "factor d dropped": {"run_as": planted_faults.dropped_dimension(method)},
        "block not normalised": {"run_as": planted_faults.long_blocks(method, 3)},
        "trim at 0.2": {"run_as": planted_faults.trimmed_inside(method)},
        "one rater repeated": {"run_at": replace(sound.settings, repeated=True)},
        "step 15 times too large": {"run_at": replace(sound.settings, step_size=0.75)},
        "one direction used again": {"run_as": planted_faults.one_direction(method)},
    }
    controls = [replace(sound, name=f"control: {name}, floor", **fault) for name, fault in faults.items()]
    asked = {(name_of(claim.method), claim.instance): claim for claim in _on_ways_to_ask()}
    votes = {
        "one agreement too few": (
            asked["zpg-until", "circular"],
            planted_faults.one_agreement_short(find("method", "zpg-until")),
        ),
        "swapped pairs not negated": (
            asked["zpg-ordered", "circular-cloglog"],
            planted_faults.not_negated(find("method", "zpg-ordered")),
        ),
    }
    return controls + [
        replace(claim, name=f"control: {name}, floor", run_as=fault) for name, (claim, fault) in votes.items()
    ]


def _claim(number: int, method: str, instance: str, link: str, setting: tuple[float, ...]) -> FloorClaim:
    n_pairs, n_queries, radius, step_size = setting
    name = f"floor {number:03d} {method} {instance} {link}"
    return FloorClaim(
        name, method, instance, n_pairs, n_queries, radius, step_size, scaled_link(link), replicates=N_REPLICATES
    )
