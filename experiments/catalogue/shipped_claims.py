"""The claims that are run. Every window was fixed from pilot runs under other seeds, before the reported runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from experiments.catalogue.certificates import CertificateCheck
from experiments.catalogue.claims import AXIS_TITLES, Claim, Setup, name_of
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import Kind, attribute_of, called, find
from experiments.catalogue.method import Method
from experiments.catalogue.methods import methods_named
from experiments.catalogue.requirements import require_sound
from theory.errors import InputError
from theory.rates import SHARPENED_RATE, STATED_RATE, Axis, Rate

Preset = Literal["quick", "paper"]

# Replicates at the first look relative to the quick preset.
REPLICATES: dict[Preset, int] = {"quick": 1, "paper": 8}

PUBLISHED = ("zpg", "zbcpg-1", "zbcpg-3")


def _powers(base: float, first: int, last: int) -> tuple[float, ...]:
    step = 1 if last >= first else -1
    return tuple(base**k for k in range(first, last + step, step))


@dataclass(frozen=True)
class _Family:
    """Claims of several methods along one axis of one instance, which share the rest."""

    instance: str
    axis: Axis
    grid: tuple[float, ...]
    setup: Setup
    replicates: int
    two_sided: bool
    reason: str
    methods: tuple[str, ...] = PUBLISHED
    rate: Rate = STATED_RATE

    def claims(self, own: str = "") -> list[Claim]:
        """Claims of the methods of the family; `own` is a user's method, run as an upper bound wherever several are."""
        suffix = " sharpened" if self.rate is SHARPENED_RATE else ""
        shared = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "methods"}
        methods = (*self.methods, own) if own and len(self.methods) > 1 else self.methods
        made = [Claim(f"{method} {self.axis} {self.instance}{suffix}", method, **shared) for method in methods]
        return [replace(claim, two_sided=False) if claim.method == own else claim for claim in made]


_EVERY = (*PUBLISHED, "zbcpg-d")
_TAIL = Setup(n_iterations=1200, burn_in=0.5)
_NO_NOISE = Setup(n_iterations=1, radius=0.01)

# A window in T starts at 256 on the circular instance: at 128 one run in a thousand still owes part of its transient,
# and the skewness of that breaks Student's t.
_FAMILIES = (
    _Family("circular", "T", _powers(2, 8, 12), _NO_NOISE, 16, True,
            "N and M are infinite: only the transient is left, and slope -1 says that the run converges", _EVERY),
    _Family("circular", "N", _powers(10, 3, 8), _TAIL, 16, True,
            "M is infinite and the run has reached its noise floor: the tail shows the N term alone", _EVERY),
    _Family("circular", "M", _powers(2, 8, 14), _TAIL, 16, True,
            "N is infinite and the tail stationary: left is the schedule's smoothing, mu^2 = 1/sqrt(M)", _EVERY),
    _Family("circular", "eps", _powers(2, 0, -4), Setup(n_iterations=64, n_pairs=128, n_queries=4), 16, False,
            "T = 64/eps, N = 128/eps^2, M = 4/eps^2: all three terms fall together", _EVERY),
    _Family("circular-frozenlake", "N", _powers(10, 7, 11),
            Setup(n_iterations=1500, burn_in=0.5, radius_scale=1.5, step_scale=64), 8, False,
            "the tail again; the gradients of FrozenLake are a hundred times smaller, hence the step"),
    # The optimum of a softmax policy lies at infinity: only the T claim can be isolated, and it is a bound.
    *(
        _Family(name, "T", grid, replace(_NO_NOISE, step_scale=step), 8, False,
                "softmax: no noise, and the transient is all there is; step about d times 1/(L d)", ("zpg",))
        for name, grid, step in (
            ("bandit", _powers(2, 8, 11), 10.0),
            ("garnet", _powers(2, 8, 11), 3.0),
            ("log-linear", _powers(2, 8, 11), 5.6),
            ("chain", _powers(2, 8, 11), 1.2),
            ("gridworld", _powers(2, 8, 11), 280.0),
            ("frozenlake", _powers(2, 8, 11), 3600.0),
        )
    ),
    _Family("circular-bandits", "d", (4, 8, 16, 32),
            Setup(n_iterations=1500, n_pairs=1e12, burn_in=0.5, step_scale=16), 8, False,
            "d copies of one bandit, M infinite, N fixed, the tail of runs from the optimum: the N term", ("zpg",)),
    # Without noise both schedules are the same, and so is the T claim.
    _Family("circular", "N", _powers(10, 3, 8), _TAIL, 16, True,
            "as the stated claim, under mu^2 = 1/sqrt(N)", _EVERY, SHARPENED_RATE),
    _Family("circular", "M", _powers(2, 6, 12), _TAIL, 16, True,
            "N is infinite: smoothing at mu^2 = 1/M, beside which bad votes would show", _EVERY, SHARPENED_RATE),
)  # fmt: skip

# Long enough for the certificate to fall below the gradient at the start, where a proved L makes that affordable.
_CERTIFIED_RUNS = {"bandit": 2048}
_CERTIFIED = ("circular", "garnet", "log-linear", "bandit", "chain", "gridworld", "frozenlake")


def stated_claims(preset: Preset = "quick", method: str = "all", axis: str = "all") -> list[Claim]:
    """Claims of a preset under the stated schedule, for one method and axis or all of them.

    Parameters
    ----------
    preset : {"quick", "paper"}
        The paper preset starts from eight times as many replicates.
    method : str
        Name of a method, of a family such as ``zbcpg``, or ``all``. ``module:attribute`` runs the claims of ZPG and
        ZBCPG with a method of the user's, as upper bounds.
    axis : {"T", "N", "M", "eps", "d", "all"}

    Raises
    ------
    InputError
        If a name is unknown.
    """
    return _claims(STATED_RATE, preset, method, axis)


def sharpened_claims(preset: Preset = "quick", method: str = "all", axis: str = "all") -> list[Claim]:
    """Claims under the sharpened schedule; the arguments are those of `stated_claims`."""
    return _claims(SHARPENED_RATE, preset, method, axis)


def controls(preset: Preset = "quick", axis: str = "all") -> list[Claim]:
    """Claims with a fault planted in the run: each must come out VIOLATED."""
    stated = {claim.axis: claim for claim in stated_claims(preset, "zpg") if claim.instance == "circular"}
    sharpened = {claim.axis: claim for claim in sharpened_claims(preset, "zpg")}

    def planted(name: str, sound: Claim, **fault: Any) -> Claim:
        return replace(sound, name=f"control: {name}", setup=replace(sound.setup, **fault), two_sided=False)

    every = [
        planted("radius fixed at 0.3", stated["N"], radius=0.3),
        planted("step 15 times too large, N", stated["N"], step_scale=15.0),
        planted("step 15 times too large, T", stated["T"], step_scale=15.0),
        planted("votes fixed along eps", stated["eps"], queries_power=0.0),
        # Under the stated schedule this hides: smoothing of order 1/sqrt(M) covers it.
        planted("one rater repeated, M sharpened", sharpened["M"], repeated=True),
    ]
    return [claim for claim in every if axis in (claim.axis, "all")]


def claims_on(
    instance: str | Instance, preset: Preset = "quick", method: str = "all", axis: str = "all"
) -> list[Claim]:
    """The stated circular claims with another instance in place of theirs, as upper bounds only."""
    return [
        replace(claim, name=f"{claim.method} {claim.axis} {name_of(instance)}", instance=instance, two_sided=False)
        for claim in stated_claims(preset, method, axis)
        if claim.instance == "circular" and claim.axis != "d" and (method != "all" or claim.method in PUBLISHED)
        if _fits(claim.method, instance)
    ]


def claims_in(text: str) -> list[Claim]:
    """Claims that a text names: a built-in one, or what ``module:attribute`` holds: one, several, or their function.

    Raises
    ------
    InputError
        If there are none, or two of the same name.
    """
    if ":" not in text:
        return [find("claim", text)]
    found = attribute_of("claim", text)
    if callable(found) and not isinstance(found, Claim):
        build: Callable[[], object] = found
        found = called("claim", text, build)
    several = found if isinstance(found, list | tuple) else [found]
    claims = [_accepted(text, claim) for claim in several]
    names = [claim.name for claim in claims]
    if not claims or len(set(names)) < len(names):
        raise InputError(f"claim {text!r} must hold one or more claims of different names, got {names}")
    return claims


def certificate_checks(method: str = "all", instances: Sequence[str | Instance] = _CERTIFIED) -> list[CertificateCheck]:
    """Runs on every instance family with a proved smoothness constant and a step of 1 / (4 L d)."""
    names = [name for name in methods_named(method) if name in PUBLISHED] or methods_named(method)
    return [
        CertificateCheck(f"{name} certificate {name_of(on)}", name, on, _CERTIFIED_RUNS.get(name_of(on), 256))
        for on in instances
        for name in names
        if _fits(name, on)
    ]


def _fits(method: str | Method, instance: str | Instance) -> bool:
    return find("method", method).fits(find("instance", instance).policy.dim)


def _claims(rate: Rate, preset: Preset, method: str, axis: str) -> list[Claim]:
    if preset not in REPLICATES:
        raise InputError(f"preset must be one of {', '.join(REPLICATES)}, got {preset!r}")
    if axis not in (*AXIS_TITLES, "all"):
        raise InputError(f"axis must be one of {', '.join(AXIS_TITLES)} or all, got {axis!r}")
    chosen = methods_named(method)
    own = method if ":" in method else ""
    claims = [claim for family in _FAMILIES if family.rate is rate for claim in family.claims(own)]
    return [
        replace(claim, replicates=REPLICATES[preset] * claim.replicates)
        for claim in claims
        if claim.method in chosen and axis in (claim.axis, "all")
    ]


def _accepted(text: str, found: object) -> Claim:
    if not isinstance(found, Claim):
        raise InputError(f"claim {text!r} must be a Claim, got {type(found).__name__}")
    require_sound("claim", text, found)
    return found


def _by_name() -> dict[str, Claim]:
    return {claim.name: claim for claim in (*stated_claims(), *sharpened_claims())}


KIND: Kind[Claim] = Kind(
    "claim", lambda: {n: c.reason for n, c in _by_name().items()}, lambda name: _by_name()[name], _accepted
)
