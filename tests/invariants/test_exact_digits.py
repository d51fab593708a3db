"""Exact routines against 60 digits or fractions on small cases: the worst error, in units in the last place.

A number that is left over when larger ones cancel is measured in units of the largest of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from theory import (
    LINKS,
    HaldaneAnscombe,
    Jackknife,
    Logistic,
    MajoritySign,
    TabularMDP,
    TabularSoftmax,
    Trimmed,
    UntilDisagreement,
    VoteModel,
    bandit,
    certificate,
    kl_regularised_value,
    policy_gradient,
    soft_optimum,
)
from theory.return_law import law_of_mean
from theory.score_moments import gpomdp_moments, reinforce_moments

DIGITS = 60
# Set before any result was seen: a few roundings for each of some tens of operations.
ULPS_ALLOWED = 64.0


def ulps(found: Any, exact: Any, unit: Any = None) -> float:
    """Largest error in units in the last place of each exact number, or of one larger number."""
    worst = 0.0
    for x, y in zip(np.ravel(found).tolist(), np.ravel(np.asarray(exact, dtype=object)).tolist(), strict=True):
        size = abs(float(y)) if unit is None else float(unit)
        if size:
            worst = max(worst, float(abs(Fraction(x) - Fraction(y)) / Fraction(math.ulp(size))))
    return worst


def report(capsys: pytest.CaptureFixture[str], worst: dict[str, float]) -> None:
    with capsys.disabled():
        print("\nunits in the last place: " + ", ".join(f"{name} {error:.1f}" for name, error in worst.items()))
    assert worst
    assert max(worst.values()) < ULPS_ALLOWED, worst


# --- links -----------------------------------------------------------------------------------------------------------


def arctan(z: Decimal) -> Decimal:
    """By halving the angle until the series is short."""
    halved = 0
    while abs(z) > Decimal("0.01"):
        z, halved = z / (1 + (1 + z * z).sqrt()), halved + 1
    return 2**halved * sum(((-1) ** k * z ** (2 * k + 1) / (2 * k + 1) for k in range(25)), Decimal(0))


def normal(z: Decimal) -> Decimal:
    """1/2 + sum of the series of the error function."""
    x, total, term = z / Decimal(2).sqrt(), Decimal(0), Decimal(1)
    for k in range(400):
        total += term / (2 * k + 1)
        term *= -x * x / (k + 1)
    return Decimal("0.5") + x * total / (4 * arctan(Decimal(1))).sqrt()


def cauchit(z: Decimal) -> Decimal:
    return Decimal("0.5") + arctan(z) / (4 * arctan(Decimal(1)))


FORMULAS: dict[str, Callable[[Decimal], Decimal]] = {
    "logistic": lambda z: 1 / (1 + (-z).exp()),
    "probit": normal,
    "cauchit": cauchit,
    "cloglog": lambda z: 1 - (-(Decimal(2).ln() * z.exp())).exp(),
    "linear": lambda z: (1 + z) / 2,
}


@pytest.mark.parametrize("name", FORMULAS)
def test_links(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """sigma and 1 - sigma at powers of two of the scale, so that the argument is exact; slopes by small differences."""
    link, formula, worst = LINKS[name](2.0), FORMULAS[name], dict.fromkeys(("sigma", "1 - sigma", "slope", "bend"), 0.0)
    with localcontext() as context:
        context.prec = 2 * DIGITS
        step = Decimal(10) ** -25
        for z in np.linspace(-0.96875, 0.96875, 63) * (1 if name == "linear" else 4):
            at = Decimal(float(z))
            low, middle, high = (formula(at + k * step) for k in (-1, 0, 1))
            x = 2.0 * float(z)
            worst["sigma"] = max(worst["sigma"], ulps(link.probability(x), middle))
            worst["1 - sigma"] = max(worst["1 - sigma"], ulps(link.survival(x), 1 - middle))
            worst["slope"] = max(worst["slope"], ulps(link.derivative(x), (high - low) / (2 * step) / 2))
            bend, unit = (high + low - 2 * middle) / step**2 / 4, 0.05
            worst["bend"] = max(worst["bend"], ulps(link.second_derivative(x), bend, unit))
    report(capsys, {f"{name} {part}": error for part, error in worst.items()})


# --- votes -----------------------------------------------------------------------------------------------------------

SCALE = Decimal(3)


def share(delta: float) -> Decimal:
    return 1 / (1 + (-Decimal(delta) / SCALE).exp())


def logit(p: Decimal) -> Decimal:
    return SCALE * (p / (1 - p)).ln()


def trimmed(b: int, m: int) -> Decimal:
    return logit(min(max(Decimal(b) / m, share(-2) / 2), 1 - share(-2) / 2))


def haldane(b: int, m: int) -> Decimal:
    return logit((b + Decimal("0.5")) / (m + 1))


def jackknife(b: int, m: int) -> Decimal:
    if m == 1:
        return trimmed(b, m)
    left = (trimmed(b - 1, m - 1) if b else Decimal(0)), (trimmed(b, m - 1) if b < m else Decimal(0))
    return m * trimmed(b, m) - (m - 1) * (b * left[0] + (m - b) * left[1]) / m


def sign(b: int, m: int) -> Decimal:
    return Decimal((2 * b > m) - (2 * b < m))


READINGS: dict[str, tuple[Any, Callable[[int, int], Decimal]]] = {
    "trimmed": (Trimmed(), trimmed),
    "haldane": (HaldaneAnscombe(), haldane),
    "jackknife": (Jackknife(), jackknife),
    "sign": (MajoritySign(), sign),
}


@pytest.mark.parametrize("name", READINGS)
def test_votes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Mean and variance of the reading of M = 1, 2, 3, 8 votes, H = 2."""
    inversion, read = READINGS[name]
    worst = {"mean": 0.0, "variance": 0.0}
    with localcontext() as context:
        context.prec = DIGITS
        for m in (1, 2, 3, 8):
            table = VoteModel(Logistic(3.0), m, inversion).table(bandit([0.5], 2))
            values = [read(b, m) for b in range(m + 1)]
            size = max(map(abs, values))
            for k, delta in enumerate(table.differences.tolist()):
                p = share(delta)
                law = [math.comb(m, b) * p**b * (1 - p) ** (m - b) for b in range(m + 1)]
                mean = sum(f * x for f, x in zip(law, values, strict=True))
                variance = sum(f * (x - mean) ** 2 for f, x in zip(law, values, strict=True))
                worst["mean"] = max(worst["mean"], ulps(table.mean[k], mean, size))
                worst["variance"] = max(worst["variance"], ulps(table.variance[k], variance, size**2))
    report(capsys, {f"{name} {part}": error for part, error in worst.items()})


@pytest.mark.parametrize("cap", [1, 2, 5, None])
def test_votes_until_the_first_disagreement(cap: int | None, capsys: pytest.CaptureFixture[str]) -> None:
    table = UntilDisagreement(Logistic(3.0), cap).table(bandit([0.5], 2))
    worst = {"mean": 0.0, "votes": 0.0}
    with localcontext() as context:
        context.prec = DIGITS
        for k, delta in enumerate(table.differences.tolist()):
            p = share(delta)
            n = cap or 400
            mean = votes = Decimal(0)
            for chance, way in ((p, 1), (1 - p, -1)):
                harmonic = Decimal(0)
                for run in range(1, n + 1):
                    harmonic += SCALE / run
                    ends = chance**run * (1 if run == n else 1 - chance)
                    mean, votes = mean + way * ends * harmonic, votes + ends * (run + (run < n))
            if cap is None:
                assert abs(mean - Decimal(delta)) < Decimal("1e-40")
                mean, votes = Decimal(delta), 1 + p / (1 - p) + (1 - p) / p
            worst["mean"] = max(worst["mean"], ulps(table.mean[k], mean, SCALE))
            worst["votes"] = max(worst["votes"], ulps(table.votes[k], votes))
    report(capsys, {f"cap {cap} {part}": error for part, error in worst.items()})


# --- dynamic programming ---------------------------------------------------------------------------------------------


def problem(seed: int) -> tuple[TabularMDP, TabularSoftmax, Any]:
    rng = np.random.default_rng(seed)
    mdp = TabularMDP.from_outcomes(
        rng.dirichlet(np.ones(2), (2, 2)), rng.integers(0, 2, (2, 2, 2)), rng.random((2, 2, 2)), [0.25, 0.75], 3
    )
    return mdp, TabularSoftmax(2, 2), rng.normal(size=4)


def paths(mdp: TabularMDP, pi: Any) -> list[tuple[Fraction, list[Fraction], list[tuple[int, int]]]]:
    """Probability, rewards and (state, action) of every sequence of actions and outcomes, in fractions."""
    found = []
    for start, *moves in product(range(2), *[list(product(range(2), range(2)))] * mdp.horizon):
        chance, state, paid, taken = Fraction(float(mdp.initial[start])), start, [], []
        for action, outcome in moves:
            at = (0, state, action, outcome)
            chance *= Fraction(float(pi[0, state, action])) * Fraction(float(mdp.probabilities[at]))
            paid.append(Fraction(float(mdp.rewards[at])))
            taken.append((state, action))
            state = int(mdp.next_states[at])
        found.append((chance, paid, taken))
    return found


def scores(pi: Any, taken: list[tuple[int, int]]) -> list[list[Fraction]]:
    """Score of each step, in the order of the parameters."""
    return [
        [
            (Fraction(int((s, a) == (t, b))) - Fraction(float(pi[0, t, b])) * (s == t))
            for t in range(2)
            for b in range(2)
        ]
        for s, a in taken
    ]


def test_gradients_and_moments_of_scores(capsys: pytest.CaptureFixture[str]) -> None:
    """4 random problems of 128 sequences; the probabilities of the policy are taken as they are."""
    worst: dict[str, float] = {}
    for seed in range(4):
        mdp, policy, theta = problem(seed)
        pi = policy.probabilities(theta)
        moments, best = reinforce_moments(mdp, policy, theta), np.array([0.5, 0.25, -0.75])
        expected = {name: [Fraction(0)] * 4 for name in ("E S R^0", "E S R", "E S R^2", "E G")}
        norms = [Fraction(0)] * 4
        for chance, paid, taken in paths(mdp, pi):
            steps, total = scores(pi, taken), sum(paid)
            score = [sum(step[k] for step in steps) for k in range(4)]
            rest = [r - Fraction(float(b)) for r, b in zip(paid, best, strict=True)]
            credit = [sum(rest[h] * steps[i][k] for h in range(3) for i in range(h + 1)) for k in range(4)]
            for name, power in (("E S R^0", 0), ("E S R", 1), ("E S R^2", 2)):
                expected[name] = [x + chance * total**power * s for x, s in zip(expected[name], score, strict=True)]
                norms[power] += chance * total**power * sum(s * s for s in score)
            expected["E G"] = [x + chance * c for x, c in zip(expected["E G"], credit, strict=True)]
            norms[3] += chance * sum(c * c for c in credit)
        mean, second = gpomdp_moments(mdp, policy, theta, best)
        found = dict(zip(expected, (*moments.scores, mean), strict=True))
        for name, value in found.items():
            worst[name] = max(worst.get(name, 0.0), ulps(value, expected[name], 1))
        worst["gradient"] = max(
            worst.get("gradient", 0.0), ulps(policy_gradient(mdp, policy, theta), expected["E S R"], 1)
        )
        worst["E S'S R^i, E G'G"] = max(worst.get("E S'S R^i, E G'G", 0.0), ulps([*moments.norms, second], norms))
    report(capsys, worst)


def test_kl_control(capsys: pytest.CaptureFixture[str]) -> None:
    worst = {"optimum": 0.0, "policy": 0.0, "regularised value": 0.0}
    for seed in range(10):
        mdp, policy, theta = problem(seed)
        reference, other = policy.probabilities(theta)[0], policy.probabilities(-2 * theta)
        with localcontext() as context:
            context.prec = DIGITS
            for beta in (0.125, 4.0):
                price, best, plain = Decimal(beta), [Decimal(0)] * 2, [Decimal(0)] * 2
                table = []
                for _ in range(mdp.horizon):
                    ahead: list[list[list[Decimal]]] = [
                        [[sum((Decimal(float(p)) * (Decimal(float(r)) + value[t]) for p, r, t in zip(
                            mdp.probabilities[0, s, a], mdp.rewards[0, s, a], mdp.next_states[0, s, a], strict=True)),
                            Decimal(0)) for a in range(2)] for s in range(2)]
                        for value in (best, plain)
                    ]  # fmt: skip
                    base = [[Decimal(float(x)) for x in row] for row in reference]
                    best = [
                        price * sum(b * (q / price).exp() for b, q in zip(base[s], ahead[0][s], strict=True)).ln()
                        for s in range(2)
                    ]
                    table.append(
                        [
                            [b * ((q - best[s]) / price).exp() for b, q in zip(base[s], ahead[0][s], strict=True)]
                            for s in range(2)
                        ]
                    )
                    kept = [[Decimal(float(x)) for x in row] for row in other[0]]
                    plain = [
                        sum(
                            pi * (q - price * (pi / b).ln())
                            for pi, b, q in zip(kept[s], base[s], ahead[1][s], strict=True)
                        )
                        for s in range(2)
                    ]
                start = [Decimal(float(x)) for x in mdp.initial]
                soft = soft_optimum(mdp, reference[None], beta)
                found = kl_regularised_value(mdp, other, reference[None], beta)
                exact = sum(x * v for x, v in zip(start, best, strict=True))
                worst["optimum"] = max(worst["optimum"], ulps(soft.value, exact))
                worst["policy"] = max(worst["policy"], ulps(soft.probabilities, table[::-1]))
                exact = sum(x * v for x, v in zip(start, plain, strict=True))
                worst["regularised value"] = max(worst["regularised value"], ulps(found, exact, max(abs(exact), price)))
    report(capsys, worst)


def test_laws_of_means_and_the_certificate(capsys: pytest.CaptureFixture[str]) -> None:
    law = np.random.default_rng(0).dirichlet(np.ones(5))
    worst = {}
    for n in (2, 3, 7):
        exact = [Fraction(1)]
        for _ in range(n):
            grown = [Fraction(0)] * (len(exact) + 4)
            for (i, x), (j, y) in product(enumerate(exact), enumerate(law.tolist())):
                grown[i + j] += x * Fraction(y)
            exact = grown
        worst[f"law of the mean of {n}"] = ulps(law_of_mean(law, n), exact, 1)
    given = {
        "value_gap": 0.75,
        "smoothness": 1.1,
        "step_size": 0.07,
        "radius": 0.3,
        "n_pairs": 12.0,
        "n_iterations": 90.0,
    }
    given |= {"inversion_bias": 0.013, "second_moment": 2.3}
    bound = certificate(dim=7, **given)  # type: ignore[arg-type]
    gap, smooth, step, mu, pairs, n, beta, second = (Fraction(x) for x in given.values())
    c = smooth * step * 7
    rest = Fraction(3, 4) - c
    parts = [
        gap / (step * n) / rest,
        (1 + c) * 7 * (smooth * mu / 2 + beta / mu) ** 2 / rest,
        c * 7 * second / (2 * mu**2 * pairs) / rest,
    ]
    worst["certificate"] = ulps([bound.transient, bound.bias, bound.noise, bound.total], [*parts, sum(parts)])
    report(capsys, worst)
