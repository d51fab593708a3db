"""What an inversion must do: read counts of votes as differences of returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from experiments.catalogue.required.link import hash_outcome
from experiments.catalogue.required.outcome import CheckOutcome, judged, members, run_checks, shape_outcome
from theory import InputError, Jackknife, Link, Logistic
from theory.arrays import FloatArray

# Links that an inversion is tried with, for returns in [0, H]: a large trim needs raters who are uncertain.
HORIZON = 5
LINKS = tuple(Logistic(scale * HORIZON) for scale in (0.5, 5.0, 500.0))
VOTES = (1, 2, 5, 16)
# Counts whose values must have come near the limit, and how near at the last.
MANY, NEAR = (10**3, 10**5), 1e-3


@dataclass(frozen=True, eq=False)
class TriedInversion:
    """An inversion with the links and the numbers of votes that it is tried with."""

    inversion: Any
    links: tuple[Link, ...]
    votes: tuple[int, ...]

    @cached_property
    def refusals(self) -> list[str]:
        """What its own check says of each of the links; empty where it accepts it."""
        return [_refusal(self.inversion, link) for link in self.links]

    @cached_property
    def link(self) -> Link:
        """The first link that it accepts."""
        return self.links[self.refusals.index("")]

    @cached_property
    def x(self) -> FloatArray:
        """Differences of returns, 0 not among them: a sign has a jump there."""
        return np.linspace(-HORIZON, HORIZON, 42)


def inversion_outcomes(
    inversion: Any, votes: tuple[int, ...] = VOTES, links: tuple[Link, ...] = LINKS
) -> Iterator[CheckOutcome]:
    """Check what reads votes.

    A reading that may fall as votes are added says so by an attribute ``monotone = False``.

    Parameters
    ----------
    inversion : Inversion
    votes : tuple of int
        Numbers of votes M to try.
    links : tuple of Link
        The first that it accepts is used.
    """
    yield from run_checks(CHECKS, TriedInversion(inversion, links, votes), gates=2)


def _members(tried: TriedInversion) -> Iterator[CheckOutcome]:
    yield members(tried.inversion, ("consistent",), ("check", "clips", "values", "limit"))


def _usable(tried: TriedInversion) -> Iterator[CheckOutcome]:
    """Its own check must accept some of the links."""
    usable = "" in tried.refusals
    required = "accept a link that is far from saturated"
    yield judged("usable", usable, required, "one" if usable else tried.refusals[-1], "loosen check()")


def _hashable(tried: TriedInversion) -> Iterator[CheckOutcome]:
    yield hash_outcome(tried.inversion)


def _values(tried: TriedInversion) -> Iterator[CheckOutcome]:
    inversion, fall = tried.inversion, 0.0
    for n in tried.votes:
        counts = np.arange(n + 1.0)
        values = inversion.values(tried.link, counts.copy(), n, HORIZON)
        outcome = shape_outcome("values", f"values of {n} votes", counts.shape, values)
        if not outcome.passed:
            break
        fall = max(fall, float(-np.diff(values).min()))
    yield outcome
    if outcome.passed:
        free = not getattr(inversion, "monotone", not isinstance(inversion, Jackknife))
        came = f"a fall of {fall:.3g}" + (", which it is free to do" if free else "")
        remedy = "read b / M by an increasing function, or set monotone = False"
        required = "give values that never fall as votes are added"
        yield judged("monotone", free or fall <= 1e-9 * HORIZON, required, came, remedy, fall)


def _clips(tried: TriedInversion) -> Iterator[CheckOutcome]:
    shares = np.linspace(0, 1, 6).reshape(2, 3)
    clips = np.asarray(tried.inversion.clips(tried.link, shares.copy(), HORIZON))
    came = f"{clips.dtype} of shape {clips.shape}"
    passed = clips.shape == shares.shape and clips.dtype == bool
    yield judged("clips", passed, f"give bool of shape {shares.shape} from clips()", came, "compare entry by entry")


def _limit(tried: TriedInversion) -> Iterator[CheckOutcome]:
    """A consistent reading tends to its limit as votes are added, and with infinitely many gives the difference."""
    x, inversion = tried.x, tried.inversion
    shares = np.asarray(tried.link.probability(x))
    limits = inversion.limit(tried.link, shares.copy(), HORIZON)
    outcome = shape_outcome("limit", "limits", x.shape, limits)
    yield outcome
    if not outcome.passed or not inversion.consistent:
        return
    error = np.abs(limits - x)
    worst = int(np.argmax(error))
    came = f"{limits[worst]:.6g} for a difference of {x[worst]:.6g}"
    required = "be consistent, as it says: limit(sigma(x)) = x"
    yield judged("consistent", error[worst] <= 1e-6 * HORIZON, required, came, "set consistent to False", error[worst])
    gaps = [_gap(tried, np.rint(shares * n), n) for n in MANY]
    came = f"values that are {gaps[0]:.3g} off for {MANY[0]:,} votes and {gaps[1]:.3g} off for {MANY[1]:,}"
    nearer = gaps[1] <= max(gaps[0], 1e-6 * HORIZON)
    required, remedy = "have values() tend to limit()", "mend one of them, or set consistent to False"
    yield judged("many votes", nearer and gaps[1] <= NEAR * HORIZON, required, came, remedy, gaps[1])


def _gap(tried: TriedInversion, counts: FloatArray, n: int) -> float:
    """Largest distance of the values of counts of n votes from the limits of their shares."""
    values = tried.inversion.values(tried.link, counts.copy(), n, HORIZON)
    return float(np.abs(values - tried.inversion.limit(tried.link, counts / n, HORIZON)).max())


CHECKS = (_members, _usable, _hashable, _values, _clips, _limit)


def _refusal(inversion: Any, link: Link) -> str:
    try:
        inversion.check(link, HORIZON)
    except InputError as error:
        return str(error) or "InputError"
    return ""
