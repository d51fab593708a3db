"""Broken components of the user's are refused before anything is judged: one line, exit code 2, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

MODULE = """
from dataclasses import dataclass
import numpy as np
from experiments import Claim, Instance, Setup
from theory import CircularPolicy, Logistic, TabularSoftmax, bandit, chain
from theory.rates import STATED_RATE

def instance(mdp=chain(3, 4), policy=TabularSoftmax(3, 2), link=Logistic(2.0)):
    return Instance("mine", "", mdp, policy, np.zeros(getattr(policy, "dim", 6)), link)

class Decreasing(Logistic):
    def probability(self, x):
        return super().probability(-np.asarray(x))

class Constant(Logistic):
    def probability(self, x):
        return 0.3 + 0 * np.asarray(x)

class Doubled(TabularSoftmax):
    def probabilities(self, theta):
        return 2 * super().probabilities(theta)

class Backwards(TabularSoftmax):
    def score_product(self, theta, probabilities, weights):
        return -super().score_product(theta, probabilities, weights)

class Unbounded(TabularSoftmax):
    score_bounds = (0.0, 0.0)

class Mutating(TabularSoftmax):
    def probabilities(self, theta):
        found = super().probabilities(theta)
        theta *= 0.5
        return found
"""

# What stands for the instance, and the words that name what is wrong with it.
BROKEN = [
    ("instance(link=Decreasing(2.0))", ("link", "strictly increasing")),
    ("instance(link=Constant(2.0))", ("link", "sigma(0) = 1/2", "0.3")),
    ("instance(policy=Doubled(3, 2))", ("policy", "sum to 1", "2")),
    ("instance(policy=Backwards(3, 2))", ("policy", "gradient")),
    ("instance(policy=Unbounded(3, 2))", ("policy", "score_bounds")),
    ("instance(policy=Mutating(3, 2))", ("policy", "theta")),
    ("instance(link=Logistic)", ("link", "Logistic(2.0)")),
    ("instance(mdp=None)", ("mdp", "TabularMDP")),
    ("instance(policy=TabularSoftmax(4, 2))", ("policy",)),
    ("instance(policy=None)", ("policy", "None")),
    ("bandit", ("calling it without arguments failed",)),
]


COMMANDS = (
    ("rates", "--claims", "mine:CLAIMS"),
    ("rates", "--instance", "mine:MINE"),
    ("compare", "--instance", "mine:MINE"),
    ("variance", "--instance", "mine:MINE"),
    ("solve", "mine:MINE"),
)


@pytest.mark.parametrize(("expression", "words"), BROKEN, ids=[expression for expression, _ in BROKEN])
def test_it_is_refused_in_one_line_and_nothing_is_written(
    expression: str, words: tuple[str, ...], tmp_path: Path, zpg_in_process
) -> None:
    claim = "Claim('small', 'zpg', 'mine:MINE', 'N', (10.0, 100.0), Setup(3), STATED_RATE, 4, False, '')"
    (tmp_path / "mine.py").write_text(f"{MODULE}\nMINE = lambda: {expression}\nCLAIMS = [{claim}]\n")
    if expression == "bandit":
        (tmp_path / "mine.py").write_text(f"{MODULE}\nMINE = {expression}\nCLAIMS = [{claim}]\n")
    for command in (
        ("rates", "--claims", "mine:CLAIMS"),
        ("compare", "--instance", "mine:MINE"),
        ("solve", "mine:MINE"),
    ):
        done = zpg_in_process(*command, "--out", "results") if command[0] != "solve" else zpg_in_process(*command)
        assert done.returncode == 2, (command, done.stdout, done.stderr)
        assert len(done.stderr.strip().splitlines()) == 1
        for word in ("mine:MINE", *words):
            assert word in done.stderr, done.stderr
    assert not (tmp_path / "results").exists(), "nothing is written"


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("method='sgd'", "must name one method that there is, got 'sgd'"),
        ("method=3", "method"),
        ("axis='Q'", "axis of claim 'small' must be one that its rate has an exponent for"),
        ("grid=(10.0,)", "grid of claim 'small' must be at least 2 distinct positive numbers"),
        ("setup=Setup(2.5)", "T of claim 'small' must be a whole number of at least 1, got 2.5"),
        ("replicates=1", "replicates of claim 'small' must be an integer of at least 2, got 1"),
    ],
)
def test_a_broken_claim_is_refused(field: str, words: str, tmp_path: Path, zpg_in_process) -> None:
    fields = {"name": "'small'", "method": "'zpg'", "instance": "'bandit'", "axis": "'N'", "grid": "(10.0, 100.0)"}
    fields |= {"setup": "Setup(3)", "rate": "STATED_RATE", "replicates": "4", "two_sided": "False", "reason": "''"}
    name, _, value = field.partition("=")
    given = ", ".join(f"{key}={text}" for key, text in (fields | {name: value}).items())
    (tmp_path / "mine.py").write_text(f"{MODULE}\ndef CLAIMS():\n    return [Claim({given})]\n")
    done = zpg_in_process("rates", "--claims", "mine:CLAIMS")
    assert done.returncode == 2, done.stdout
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
