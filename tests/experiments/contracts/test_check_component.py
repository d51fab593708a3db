"""What is checked, how components are loaded, and failures that are expected."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estimators import Blocks, Sphere
from experiments.contracts.check_component import check_component
from theory import InputError, Logistic, TabularSoftmax, chain, garnet


class Long(Sphere):
    def sample(self, dim: int, batch: Any, rng: Any) -> Any:
        return 1.1 * super().sample(dim, batch, rng)


def verdicts(component: Any, **options: Any) -> dict[str, tuple[bool, str]]:
    return {outcome.name: (outcome.passed, outcome.sentence) for outcome in check_component(component, **options)}


def test_checks_that_draw_wait_until_the_quick_ones_pass() -> None:
    assert "3 parameters: rank" not in verdicts(Long())
    assert "3 parameters: rank" in verdicts(Sphere())


def test_an_expected_failure_counts_as_passed_with_its_reason_and_the_rest_is_checked() -> None:
    found = verdicts(Long(), expected_failures={"length": "scaled on purpose"})
    passed, sentence = found["length"]
    assert passed
    assert "got lengths that are up to 0.1 off" in sentence
    assert sentence.endswith("(expected: scaled on purpose)")
    assert not found["3 parameters: second moment"][0]


def test_an_expected_failure_that_passes_has_failed() -> None:
    passed, sentence = verdicts(Sphere(), expected_failures={"length": "scaled on purpose"})["length"]
    assert not passed
    assert sentence.startswith("must fail, as expected (scaled on purpose), got a pass: ")


def test_an_expected_failure_of_no_check_is_told_with_the_names_there_are() -> None:
    passed, sentence = verdicts(Sphere(), expected_failures={"lenght": "a slip"})["lenght"]
    assert not passed
    assert "the checks are members, shape of sample, length" in sentence


def test_a_function_is_called_twice_and_must_build_the_same() -> None:
    assert all(passed for passed, _ in verdicts(lambda: chain(3, 4)).values())
    rng = np.random.default_rng(0)
    passed, sentence = verdicts(lambda: garnet(3, 2, 2, 3, rng))["built twice"]
    assert not passed
    assert "seed what it draws" in sentence


def test_what_cannot_be_had_is_refused() -> None:
    def breaks() -> Any:
        return [][1]

    for component, words in (
        (Logistic, "must be an object, a link for instance, got the class Logistic"),
        (3.0, "component must be one of mdp"),
        ("mine", "component must be module:attribute, such as mine:LINK"),
        ("no_such_module:X", "cannot import no_such_module"),
        ("theory:nothing", "must not lie in a package of zpg"),
        (breaks, r"calling it without arguments failed \(IndexError: list index out of range\)"),
    ):
        with pytest.raises(InputError, match=words):
            check_component(component)
    with pytest.raises(InputError, match="kind must be one of"):
        check_component(Sphere(), kind="robot")  # type: ignore[arg-type]


def test_a_kind_may_be_told() -> None:
    passed, sentence = verdicts(TabularSoftmax(3, 2), kind="link")["members"]
    assert not passed
    assert "got none of the name symmetric, probability, inverse" in sentence


class Hostile(Blocks):
    """Raises where the quick checks do not look."""

    def sample(self, dim: int, batch: Any, rng: Any) -> Any:
        if batch and batch[0] > 20:
            raise MemoryError("too many")
        return super().sample(dim, batch, rng)


def test_an_exception_in_the_middle_is_a_failed_outcome() -> None:
    passed, sentence = verdicts(Hostile(2))["contract"]
    assert not passed
    assert "got MemoryError: too many; see to test_check_component.py, line" in sentence


MODULE = """
from dataclasses import replace
import numpy as np
from estimators import Sphere
from theory import Logistic, chain

class Long(Sphere):
    def sample(self, dim, batch, rng):
        return 1.001 * super().sample(dim, batch, rng)

LONG, LINK, CLASS = Long(), Logistic(2.0), Logistic

def mdp():
    return chain(3, 4)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(textwrap.dedent(MODULE))
    return tmp_path


def zpg(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "paper_figures.cli", "check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


@pytest.mark.slow
def test_the_command_prints_a_row_a_check_and_exits_by_what_it_found(folder: Path) -> None:
    sound = zpg(folder, "mine:LINK", "--json", "out.json")
    assert sound.returncode == 0, sound.stderr
    assert "half at zero" in sound.stdout
    assert "PASSED: 13 of 13 checks passed; mine:LINK, seed 0" in sound.stdout
    written = json.loads((folder / "out.json").read_text())
    assert (written["component"], written["failed"], len(written["checks"])) == ("mine:LINK", 0, 13)
    assert set(written["checks"][0]) == {"name", "passed", "sentence", "figure"}
    fault = zpg(folder, "mine:LONG")
    assert fault.returncode == 1
    assert "failed: length: must give directions of length 1, got lengths that are up to 0.001 off" in fault.stdout
    expected = ("--expect", "length=on purpose")
    assert "(expected: on purpose)" in zpg(folder, "mine:LONG", *expected, "--seed", "3").stdout
    assert zpg(folder, "mine:mdp").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mine:nothing",), "has no attribute 'nothing'"),
        (("mine:CLASS",), "component must be an object, a link for instance, got the class Logistic"),
        (("yours:X",), "cannot import yours"),
        (("circular",), "component must be module:attribute"),
        (("mine:LINK", "--kind", "robot"), "kind must be one of mdp"),
        (("mine:LINK", "--expect", "length"), "--expect: must be \"name of a check=reason\", got 'length'"),
        (("mine:LINK", "--json", "none/out.json"), "there is no folder none"),
        ((), "Missing argument"),
    ],
)
def test_what_cannot_be_checked_is_one_line_and_exit_code_2(folder: Path, arguments: Any, words: str) -> None:
    done = zpg(folder, *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
