"""The claims that are run. Every window was fixed from pilot runs under other seeds, before the reported runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from experiments.catalogue.certificates import CertificateCheck
from experiments.catalogue.claims import AXIS_TITLES, Claim, Setup, name_of
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import Kind, attribute_of, called, find
from experiments.catalogue.method import Method
from experiments.catalogue.methods import methods_named
from experiments.catalogue.requirements import require_sound
from theory.errors import InputError
from theory.rates import SHARPENED_RATE, STATED_RATE, UNBIASED_RATE, Axis, Rate

Preset = Literal["quick", "paper"]

# Replicates at the first look relative to the quick preset.
REPLICATES: dict[Preset, int] = {"quick": 1, "paper": 8}

PUBLISHED = ("zpg", "zbcpg-1", "zbcpg-3")


def _powers(base: float, first: int, last: int) -> tuple[float, ...]:
    step = 1 if last >= first else -1
    return tuple(base**k for k in range(first, last + step, step))


def _bound(
    instance: str,
    axis: Axis,
    grid: tuple[float, ...],
    setup: Setup,
    reason: str,
    *,
    rate: Rate = STATED_RATE,
    replicates: int = 8,
    two_sided: bool = False,
    in_family: bool = True,
) -> Claim:
    """A template of claims: the quantity falls at least as fast as the rate says. `_each` makes one a method."""
    return Claim(
        "", PUBLISHED[0], instance, axis, grid, setup, rate, replicates, two_sided, reason, in_family=in_family
    )


def _circular(axis: Axis, grid: tuple[float, ...], setup: Setup, reason: str, *, rate: Rate = STATED_RATE) -> Claim:
    """The same on the circular instance, where the exponents are attained."""
    return _bound("circular", axis, grid, setup, reason, rate=rate, replicates=16, two_sided=True)


def _each(methods: Sequence[str], claim: Claim) -> list[Claim]:
    suffix = "" if claim.rate is STATED_RATE else " sharpened"
    names = [f"{method} {claim.axis} {claim.instance}{suffix}" for method in methods]
    return [replace(claim, name=name, method=method) for name, method in zip(names, methods, strict=True)]


# The algorithms of the paper; K = d is the block size that is best near an optimum.
ALGORITHMS = (*PUBLISHED, "zbcpg-d")
_TAIL = Setup(n_iterations=1200, burn_in=0.5)
_NO_NOISE = Setup(n_iterations=1, radius=0.01)

# On the circular instance a window in T starts at 256. At 128 one run in a thousand is still in its transient, and the
# skewness of these runs breaks Student's t.
_CLAIMS = (
    *_each(ALGORITHMS, _circular(
        "T", _powers(2, 8, 12), _NO_NOISE,
        "N and M are infinite: only the transient is left, and slope -1 says that the run converges")),
    *_each(ALGORITHMS, _circular(
        "N", _powers(10, 3, 8), _TAIL,
        "M is infinite and the run has reached its noise floor: the tail shows the N term alone")),
    *_each(ALGORITHMS, _circular(
        "M", _powers(2, 8, 14), _TAIL,
        "N is infinite, and under a symmetric link the bias of votes is odd and cancels over pairs: "
        "left is the schedule's smoothing, mu^2 = 1/sqrt(M)")),
    *_each(ALGORITHMS, _bound(
        "circular-cloglog", "M", _powers(2, 12, 18), _TAIL,
        "this link is not symmetric: votes on equal policies are read as b, of order 1/M, and b^2/mu^2 falls "
        "faster than smoothing", replicates=16)),
    *_each(ALGORITHMS, _bound(
        "circular", "eps", _powers(2, 0, -4), Setup(n_iterations=64, n_pairs=128, n_queries=4),
        "T = 64/eps, N = 128/eps^2, M = 4/eps^2: all three terms fall together", replicates=32)),
    *_each(PUBLISHED, _bound(
        "circular-frozenlake", "N", _powers(10, 7, 11),
        Setup(n_iterations=1500, burn_in=0.5, radius_scale=1.5, step_scale=64),
        "the tail again; the gradients of FrozenLake are a hundred times smaller, hence the step")),
    # The optimum of a softmax policy lies at infinity: only the T claim can be isolated, and it is a bound.
    *(
        claim
        for name, grid, step, in_family in (
            ("bandit", _powers(2, 8, 11), 10.0, True),
            ("garnet", _powers(2, 8, 11), 3.0, False),
            ("log-linear", _powers(2, 8, 11), 5.6, False),
            ("chain", _powers(2, 8, 11), 1.2, True),
            ("gridworld", _powers(2, 8, 11), 280.0, False),
            ("frozenlake", _powers(2, 8, 11), 3600.0, False),
        )
        for claim in _each(("zpg",), _bound(
            name, "T", grid, replace(_NO_NOISE, step_scale=step),
            "softmax: no noise, and the transient is all there is; step about d times 1/(L d)", in_family=in_family))
    ),
    # At the optimum there the Hessian is -a I, and Var(R1 - R0) = s^2 whatever d. So the floor of the N term is
    # c s^2 a d sqrt(d) / (H sqrt(N) (2 - c a)), the stated order; the radius is small enough to leave it alone.
    *_each(("zpg",), _bound(
        "circular-steps", "d", _powers(2, 0, 4),
        Setup(n_iterations=600, n_pairs=1e12, burn_in=0.5, radius_scale=0.5, step_scale=5),
        "d of 16 steps have an angle each, the law of the return is the same: d^(3/2) is predicted, as stated",
        replicates=32, two_sided=True)),
    # Without noise both schedules are the same, and so is the T claim.
    *_each(ALGORITHMS, _circular(
        "N", _powers(10, 3, 8), _TAIL, "as the stated claim, under mu^2 = 1/sqrt(N)", rate=SHARPENED_RATE)),
    *_each(ALGORITHMS, _circular(
        "M", _powers(2, 6, 12), _TAIL,
        "N is infinite, and under a symmetric link the bias of votes is odd and cancels over pairs: "
        "left is the schedule's smoothing, mu^2 = 1/M", rate=SHARPENED_RATE)),
    *_each(ALGORITHMS, replace(_circular(
        "M", _powers(2, 7, 13), _TAIL,
        "this link is not symmetric: votes on equal policies are read as b, of order 1/M, and b^2/mu^2 is of the "
        "order of smoothing", rate=SHARPENED_RATE), instance="circular-cloglog")),
    # Without a bias of finite M, N is the only term. The windows are those where the law near the optimum is linear.
    *_each(("zpg-until",), _circular(
        "T", _powers(2, 8, 12), _NO_NOISE,
        "infinitely many pairs, about 3 votes each, and no bias: the transient is all there is")),
    *(
        claim
        for rate in (STATED_RATE, UNBIASED_RATE)
        for claim in _each(("zpg-until",), _circular(
            "N", _powers(10, 5, 9), _TAIL, "about 3 votes a pair, read without bias: N alone is left", rate=rate))
    ),
    *_each(("zpg-ordered",), replace(_circular(
        "M", _powers(2, 8, 14), _TAIL,
        "pairs in random order: the offset of this link cancels, and smoothing is left as under a symmetric one"),
        instance="circular-cloglog")),
)  # fmt: skip

# Where d and H are small enough for the certificate to fall below the gradient at the start.
_CERTIFIED_METHODS = (*PUBLISHED, "zpg-until")
_CERTIFIED = ("circular", "circular-bandits-4", "garnet", "log-linear", "bandit", "risky-bandit", "chain")


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
    return _claims((STATED_RATE,), preset, method, axis)


def sharpened_claims(preset: Preset = "quick", method: str = "all", axis: str = "all") -> list[Claim]:
    """Claims under sharper schedules than stated; the arguments are those of `stated_claims`."""
    return _claims((SHARPENED_RATE, UNBIASED_RATE), preset, method, axis)


def controls(preset: Preset = "quick", axis: str = "all") -> list[Claim]:
    """Claims with a planted fault. Each must come out VIOLATED."""
    stated = {claim.axis: claim for claim in stated_claims(preset, "zpg") if claim.instance == "circular"}
    stated |= {claim.axis: claim for claim in stated_claims(preset, "zpg", "d")}
    sharpened = {(claim.instance, claim.axis): claim for claim in sharpened_claims(preset, "zpg")}

    def planted(name: str, sound: Claim, **fault: Any) -> Claim:
        setup = replace(sound.setup, **fault)
        return replace(sound, name=f"control: {name}", setup=setup, promise=sound.setup, two_sided=False)

    every = [
        planted("radius fixed at 0.3", stated["N"], radius=0.3),
        planted("step 15 times too large, N", stated["N"], step_scale=15.0),
        planted("step 15 times too large, T", stated["T"], step_scale=15.0),
        planted("votes fixed along eps", stated["eps"], queries_power=0.0),
        planted("step the same for every d", stated["d"], step_size=0.1),
        # Under a symmetric link this nearly hides behind the schedule's smoothing.
        planted("one rater repeated, M sharpened", sharpened["circular", "M"], repeated=True),
        planted("one rater repeated, cloglog", sharpened["circular-cloglog", "M"], repeated=True),
    ]
    return [claim for claim in every if axis in (claim.axis, "all")]


def claims_in(text: str) -> list[Claim]:
    """Claims that a text names: a built-in claim, or ``module:attribute``.

    The attribute may be one claim, a list of claims, or a function that returns them.

    Raises
    ------
    InputError
        If there are no claims, or two have the same name.
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
    """Runs with a proved smoothness constant and a step below 3 / (4 L d)."""
    names = [name for name in methods_named(method) if name in _CERTIFIED_METHODS] or methods_named(method)
    checks = [
        CertificateCheck(f"{name} certificate {name_of(on)}", name, on)
        for on in instances
        for name in names
        if _fits(name, on)
    ]
    return [check for check in checks if check.possible]


def _fits(method: str | Method, instance: str | Instance) -> bool:
    return find("method", method).fits(find("instance", instance).policy.dim)


def _claims(rates: Sequence[Rate], preset: Preset, method: str, axis: str) -> list[Claim]:
    if preset not in REPLICATES:
        raise InputError(f"preset must be one of {', '.join(REPLICATES)}, got {preset!r}")
    if axis not in (*AXIS_TITLES, "all"):
        raise InputError(f"axis must be one of {', '.join(AXIS_TITLES)} or all, got {axis!r}")
    chosen = methods_named(method)
    # A user's method is run as an upper bound wherever every published one is.
    general = [replace(claim, two_sided=False) for claim in _CLAIMS if claim.method == PUBLISHED[-1]]
    own = [claim for template in general for claim in _each((method,), template)] if ":" in method else []
    return [
        replace(claim, replicates=REPLICATES[preset] * claim.replicates)
        for claim in (*_CLAIMS, *own)
        if claim.rate in rates and claim.method in chosen and axis in (claim.axis, "all")
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
