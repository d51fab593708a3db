"""For every shipped claim the same claim with a planted fault that must turn it: no claim that cannot fail.

A fault is a changed setting or a changed method, and the faulty claim is run and judged like the sound one. It bears
the name of the claim that it must turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from experiments.catalogue.certificates import CertificateCheck
from experiments.catalogue.claims import Claim, Setup, name_of
from experiments.catalogue.lookup import find
from experiments.catalogue.shipped_claims import certificate_checks, sharpened_claims, stated_claims
from experiments.rates import planted_faults
from experiments.rates.energy_claim import EnergyClaim
from experiments.rates.energy_claims import energy_claims
from experiments.rates.exact_claim import ExactClaim
from experiments.rates.floor_claim import FloorClaim
from experiments.rates.floor_claims import floor_claims
from experiments.rates.inversion_claims import inversion_claims
from experiments.rates.sampled_claim import SampledClaim
from experiments.rates.smoothing_claims import DIM, smoothing_claims
from experiments.rates.variance_claims import variance_claims
from theory import SHARPENED_RATE, STATED_RATE, policy_gradient

AnyClaim = Claim | SampledClaim | ExactClaim | CertificateCheck | FloorClaim | EnergyClaim

# Faults are gross, and few replicates show them.
REPLICATES, FLOOR_REPLICATES, ENERGY_REPLICATES = 4, 16, 32


@dataclass(frozen=True)
class FaultyClaim:
    """A shipped claim with a fault.

    Attributes
    ----------
    group : str
        Claims that differ only in the method, the link or the parameters of the estimate, in the table one row.
    fault : str
        In words.
    claim : Claim, SampledClaim, ExactClaim, CertificateCheck, FloorClaim or EnergyClaim
        The claim to be run.
    """

    group: str
    fault: str
    claim: AnyClaim

    @property
    def key(self) -> str:
        """See `key_of`."""
        return key_of(self.claim)


def key_of(claim: AnyClaim) -> str:
    """The name of a claim. Claims on a floor with the same method and the same kind of link share one."""
    if isinstance(claim, FloorClaim):
        return f"floor, {name_of(claim.method)}, {type(claim.where.link).__name__}"
    return claim.name


def faulty_claims() -> list[FaultyClaim]:
    """One faulty claim for every claim that `zpg rates` runs, of both presets."""
    return [
        *(_rate(claim) for claim in (*stated_claims(), *sharpened_claims())),
        *_sampled(),
        *(FaultyClaim("smoothing bias", "factor d dropped", c) for c in smoothing_claims(scale=1 / DIM)),
        *(FaultyClaim("inversion bias", "one rater repeated", c) for c in inversion_claims(repeated=True)),
        *(_certificate(check) for check in certificate_checks()),
        *(_floor(claim) for claim in floor_claims()),
        *(_energy(claim) for claim in energy_claims()),
    ]


# Per axis a fault in words, and what it changes in the setup.
_IN_SETUP: dict[str, tuple[str, Callable[[Setup], Setup]]] = {
    "N": ("step 15 times too large", lambda setup: replace(setup, step_scale=15 * setup.step_scale)),
    "M": ("radius fixed at 0.3", lambda setup: replace(setup, radius=0.3)),
    "eps": ("votes fixed along eps", lambda setup: replace(setup, queries_power=0.0)),
    "d": ("step the same for every d", lambda setup: replace(setup, step_size=0.1)),
}


def _rate(claim: Claim) -> FaultyClaim:
    """Along T a pull back to the start, as strong at distance 1 as the gradient there; otherwise a changed setup.

    Along T a run without noise must not converge. A step too large does not do: with softmax policies it ends where the
    gradient vanishes, and so does a run downhill.
    """
    group = f"{claim.axis} {name_of(claim.instance)}{'' if claim.rate is STATED_RATE else ' sharpened'}"
    # Votes fixed along eps leave a slope that is too small, but not 0. All other faults are gross.
    few = replace(
        claim,
        replicates=claim.replicates if claim.axis == "eps" else REPLICATES,
        two_sided=False,
        promise=claim.setup,
    )
    if claim.axis == "T":
        on, method = find("instance", claim.instance), find("method", claim.method)
        strength = float(np.linalg.norm(policy_gradient(on.mdp, on.policy, on.start)))
        pulled = replace(few, method=planted_faults.pulled_back(method, strength))
        return FaultyClaim(group, "pulled back to the start", pulled)
    if claim.instance == "circular-cloglog" and claim.rate is SHARPENED_RATE:
        return FaultyClaim(group, "one rater repeated", replace(few, setup=replace(few.setup, repeated=True)))
    fault, change = _IN_SETUP[claim.axis]
    return FaultyClaim(group, fault, replace(few, setup=change(few.setup)))


def _sampled() -> list[FaultyClaim]:
    """The variance of one estimate where N, the radius or the factor d does not reach the estimate."""
    faults = {
        "N": ("all but 4 pairs ignored", lambda s: replace(s, n_pairs=4)),
        "radius": ("not divided by the radius", lambda s: replace(s, radius=0.1)),
        # d / mu is then the same for every d.
        "d": ("factor d dropped", lambda s: replace(s, radius=0.025 * len(s.theta))),
    }
    found = []
    for claim in variance_claims():
        fault, change = faults[claim.axis]
        few = replace(claim, settings=tuple(map(change, claim.settings)), replicates=2 * REPLICATES)
        found.append(FaultyClaim(f"simulated {claim.name}", fault, few))
    return found


def _certificate(check: CertificateCheck) -> FaultyClaim:
    """A run without steps, which shows that the bound lies below |grad V|^2 at the start."""
    still = planted_faults.never_moving(find("method", check.method))
    return FaultyClaim(f"certificate {name_of(check.instance)}", "no step", replace(check, method=still, replicates=1))


def _floor(claim: FloorClaim) -> FaultyClaim:
    """Steps that are d times too small."""
    dropped = planted_faults.dropped_dimension(find("method", claim.method))
    few = replace(claim, run_as=dropped, replicates=FLOOR_REPLICATES)
    return FaultyClaim(f"floor {name_of(claim.method)}", "factor d dropped", few)


def _energy(claim: EnergyClaim) -> FaultyClaim:
    """Steps that are d times too small, whatever the instance. `energy_controls` has smaller faults."""
    dropped = planted_faults.dropped_dimension(find("method", claim.method))
    few = replace(claim, run_as=dropped, replicates=ENERGY_REPLICATES)
    return FaultyClaim(f"energy {name_of(claim.instance)}", "factor d dropped", few)
