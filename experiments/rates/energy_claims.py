"""The claims on the energy balance that are run, and their planted faults."""

from __future__ import annotations

from dataclasses import replace

from experiments.catalogue.claims import name_of
from experiments.catalogue.lookup import find
from experiments.catalogue.methods import methods_named
from experiments.catalogue.shipped_claims import REPLICATES, Preset, stated_claims
from experiments.rates import planted_faults
from experiments.rates.energy_claim import EnergyClaim

# With noise: usual values of N, M and mu. The mean of the estimate is there 6% above the gradient.
NOISY = (1e6, 25, 0.3)


def energy_claims(preset: Preset = "quick", method: str = "all") -> list[EnergyClaim]:
    """One for every claim along T, without noise as there; and with noise on the circular instance.

    Parameters
    ----------
    preset : {"quick", "paper"}
    method : str
        Name of a method or of a family, or ``all``. A user's method has no such claim: its mean need not be grad V.
    """
    chosen = methods_named(method)
    plain = [
        EnergyClaim(f"energy {claim.name}", claim.method, claim.instance, claim.points()[0].point.step_size)
        for claim in stated_claims(preset, axis="T")
        if claim.method in chosen
    ]
    n_pairs, n_queries, radius = NOISY
    noisy = [
        replace(claim, name=f"{claim.name}, noise", n_pairs=n_pairs, n_queries=n_queries, radius=radius)
        for claim in plain
        if name_of(claim.instance) == "circular"
    ]
    return [replace(claim, replicates=REPLICATES[preset] * claim.replicates) for claim in (*plain, *noisy)]


def energy_controls() -> list[EnergyClaim]:
    """Claims with a fault. The first three leave the slopes along T as they were."""
    claims = {claim.name: claim for claim in energy_claims(method="zpg")}
    circular, bandit = claims["energy zpg T circular"], claims["energy zpg T bandit"]
    noisy, method = claims["energy zpg T circular, noise"], find("method", "zpg")
    faults = {
        "factor d dropped": replace(circular, run_as=planted_faults.dropped_dimension(method)),
        "step 15% too large": replace(circular, run_as=planted_faults.rescaled(method, 1.15)),
        "downhill": replace(bandit, run_as=planted_faults.rescaled(method, -1.0)),
        "sign of one coordinate flipped": replace(circular, run_as=planted_faults.one_sign_flipped(method)),
        "one rater repeated": replace(noisy, repeated=True),
    }
    return [replace(claim, name=f"control: {name}, energy") for name, claim in faults.items()]
