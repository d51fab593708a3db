"""The stated claims. Every window was fixed from pilot runs under other seeds, before the runs that are reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from experiments.algorithms import ALGORITHMS
from experiments.certificates import CertificateCheck
from experiments.claims import Claim, Design
from theory.errors import InputError
from theory.rates import STATED_RATE, Axis

Preset = Literal["quick", "paper"]

# Replicates of a claim relative to the quick preset.
REPLICATES: dict[Preset, int] = {"quick": 1, "paper": 8}


@dataclass(frozen=True)
class _Family:
    """What the claims of all algorithms along one axis of one instance share."""

    instance: str
    axis: Axis
    grid: tuple[float, ...]
    design: Design
    replicates: int
    two_sided: bool
    reason: str

    def claim(self, algorithm: str) -> Claim:
        return Claim(
            name=f"{algorithm} {self.axis} {self.instance}",
            algorithm=algorithm,
            instance=self.instance,
            axis=self.axis,
            grid=self.grid,
            design=self.design,
            rate=STATED_RATE,
            replicates=self.replicates,
            two_sided=self.two_sided,
            reason=self.reason,
        )


_FAMILIES = (
    _Family(
        "circular",
        "T",
        tuple(2.0**k for k in range(7, 13)),
        Design(n_iterations=1, radius=0.01),
        replicates=32,
        two_sided=True,
        reason="N and M are infinite, so the transient is all there is; the radius leaves a floor below 1e-7",
    ),
    _Family(
        "circular",
        "N",
        tuple(10.0**k for k in range(3, 9)),
        Design(n_iterations=2000, window=0.5),
        replicates=32,
        two_sided=True,
        reason="M is infinite and the run has reached its noise floor: the tail shows the N term alone",
    ),
    _Family(
        "circular",
        "M",
        tuple(2.0**k for k in range(8, 15)),
        Design(n_iterations=1200, window=0.5),
        replicates=32,
        two_sided=True,
        reason="N is infinite and the tail is stationary: smoothing at mu^2 = 1/sqrt(M) is all there is",
    ),
    _Family(
        "circular",
        "eps",
        tuple(2.0**-k for k in range(5)),
        Design(n_iterations=64, n_pairs=64, n_queries=8),
        replicates=32,
        two_sided=True,
        reason="T = 64/eps, N = 64/eps^2, M = 8/eps^2: all three terms fall together",
    ),
    _Family(
        "circular-frozenlake",
        "N",
        tuple(10.0**k for k in range(7, 12)),
        Design(n_iterations=2000, window=0.5, radius_scale=1.5, step_scale=64),
        replicates=8,
        two_sided=False,
        reason="as on the garnet; the gradients of FrozenLake are a hundred times smaller, hence the step",
    ),
)

_CERTIFIED = ("circular", "garnet", "log-linear", "bandit", "chain", "gridworld", "frozenlake")


def stated_claims(preset: Preset = "quick", algorithm: str = "all", axis: str = "all") -> list[Claim]:
    """The stated claims of a preset, for one algorithm and axis or all of them.

    Parameters
    ----------
    preset : {"quick", "paper"}
        The paper preset runs eight times as many replicates.
    algorithm : str
        A name of `ALGORITHMS`, a prefix of some of them such as ``zbcpg``, or ``all``.
    axis : {"T", "N", "M", "eps", "all"}

    Raises
    ------
    InputError
        If a name is unknown.
    """
    claims = [
        family.claim(name)
        for family in _FAMILIES
        for name in _algorithms(algorithm)
        if _one_of("axis", axis, ("T", "N", "M", "eps", "all")) in (family.axis, "all")
    ]
    return _scaled(claims, preset)


def own_claims(instance: str, preset: Preset = "quick", algorithm: str = "all", axis: str = "all") -> list[Claim]:
    """The designs of the circular claims on another instance, as upper bounds only."""
    claims = stated_claims(preset, algorithm, axis)
    return [
        replace(claim, name=f"{claim.algorithm} {claim.axis} {instance}", instance=instance, two_sided=False)
        for claim in claims
        if claim.instance == "circular"
    ]


def certificate_checks(algorithm: str = "all", instances: Sequence[str] = _CERTIFIED) -> list[CertificateCheck]:
    """Runs on every instance family with a proved smoothness constant and a step of 1 / (4 L d)."""
    return [
        CertificateCheck(name=f"{name} certificate {instance}", algorithm=name, instance=instance)
        for instance in instances
        for name in _algorithms(algorithm)
    ]


def _algorithms(pattern: str) -> list[str]:
    names = [name for name in ALGORITHMS if pattern == "all" or name == pattern or name.startswith(f"{pattern}-")]
    if not names:
        raise InputError(f"algorithm must be one of {', '.join(ALGORITHMS)}, zbcpg or all, got {pattern!r}")
    return names


def _scaled(claims: list[Claim], preset: Preset) -> list[Claim]:
    factor = REPLICATES[_one_of("preset", preset, tuple(REPLICATES))]  # type: ignore[index]
    return [replace(claim, replicates=factor * claim.replicates) for claim in claims]


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InputError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    return value
