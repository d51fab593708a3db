"""A user's folder may hold anything: modules named like ours, modules that draw, modules that break."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

COIN = """
import numpy as np
from experiments import Claim, Instance, Setup
from theory import Logistic, TabularSoftmax, bandit
from theory.rates import STATED_RATE

COIN = Instance("coin", "", bandit([0.2, 0.7]), TabularSoftmax(1, 2), np.zeros(2), Logistic(1.0))

def claim(instance):
    setup = Setup(3, n_queries=5.0)
    return Claim("small", "zbcpg-1", instance, "N", (10.0, 100.0), setup, STATED_RATE, 4, False, "")
"""


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_neighbours_named_like_our_packages_are_passed_over_in_workers_too(jobs, tmp_path, zpg):
    for name in ("experiments/__init__.py", "theory.py", "estimators.py", "paper_figures/__init__.py"):
        write(tmp_path, name, "raise ImportError('the wrong one')")
    write(tmp_path, "mine.py", COIN + "\nfrom other import NUMBER\nCLAIMS = [claim('mine:COIN')]\n")
    write(tmp_path, "other.py", "NUMBER = 3")
    done = zpg("rates", "--claims", "mine:CLAIMS", "--jobs", jobs)
    assert "the wrong one" not in done.stderr
    assert done.returncode in (0, 1), done.stderr
    assert "small" in done.stdout


def test_names_of_our_packages_cannot_be_asked_for(tmp_path, zpg_in_process):
    write(tmp_path, "theory.py", "coin = 3")
    done = zpg_in_process("solve", "theory:coin")
    assert done.returncode == 2
    assert "must not lie in a package of zpg" in done.stderr


def test_an_instance_that_draws_without_a_seed_is_refused(tmp_path, zpg_in_process):
    """Every worker would have another MDP."""
    write(
        tmp_path,
        "mine.py",
        """
        import numpy as np
        from theory import garnet
        def drawn():
            return garnet(4, 2, 2, 3, np.random.default_rng())
        def seeded():
            return garnet(4, 2, 2, 3, np.random.default_rng(0))
        """,
    )
    done = zpg_in_process("solve", "mine:drawn")
    assert done.returncode == 2
    assert "must be the same whenever it is built, got two different ones from two calls" in done.stderr
    assert "np.random.default_rng(0)" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert zpg_in_process("solve", "mine:seeded").returncode == 0


def test_a_module_that_draws_when_it_is_imported_is_refused_by_the_workers(tmp_path, zpg):
    drawn = COIN.replace("[0.2, 0.7]", "np.random.default_rng().random(2).round(2)")
    write(tmp_path, "mine.py", drawn + "\nCLAIMS = [claim('mine:COIN')]\n")
    done = zpg("rates", "--claims", "mine:CLAIMS", "--jobs", "2")
    assert done.returncode == 2
    assert "must be the same in every process, got another one in a worker" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list((tmp_path / "results").glob("*.csv"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import sys\nsys.exit(7)", "cannot import mine (SystemExit: 7)"),
        ("1 / 0", "cannot import mine (ZeroDivisionError: division by zero)"),
        ("def f(:", "cannot import mine (SyntaxError"),
        ("coin = 3", "must be a TabularMDP, an Instance or a function returning one, got int"),
        ("cion = 3", "has no attribute 'coin'; nearest: cion"),
        ("def coin():\n    return [][0]", "calling it without arguments failed (IndexError: list index out of range)"),
    ],
)
def test_a_module_that_breaks_is_one_line(text, words, tmp_path, zpg_in_process):
    write(tmp_path, "mine.py", text)
    done = zpg_in_process("solve", "mine:coin")
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_module_that_was_mended_is_read_again(tmp_path, zpg_in_process):
    write(tmp_path, "mine.py", "1 / 0")
    assert zpg_in_process("solve", "mine:COIN").returncode == 2
    write(tmp_path, "mine.py", COIN)
    assert "value" in zpg_in_process("solve", "mine:COIN").stdout
    write(tmp_path, "mine.py", COIN.replace("[0.2, 0.7]", "[0.2, 0.9]"))
    assert "optimum                              0.9" in zpg_in_process("solve", "mine:COIN").stdout
