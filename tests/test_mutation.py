"""The mutation score puts faults in: each mutant is a program of its own, and there are the usual ones."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from mutants import Mutant, equivalents, mutant, points

ROOT = Path(__file__).parents[1]
SOURCE = '''
@dataclass(frozen=True)
class Pair:
    def f(self, x: Literal[1], y=0.5):
        """Say x + y."""
        require_integer("x", x, 7)
        if x <= 0 and y == 1 and not x in z:
            return -max(x, y) ** 2
        if not z or 3 < x < 4:
            raise InputError(f"x must be {5 + 6}, got {x}")
        z = [u + v for u, v in zip(x.reshape(-1, 7), y, strict=True)]
        return x - y / 3 if flag is True else x
'''
FAULTS = (
    "x < 0", "x <= 1", "x <= -1", "x <= 0 or y", "y != 1", "min(x, y)", "+max(x, y)", "max(x, y) * 2", "x + y / 3",
    "y * 3", "y / 4", "y / 2", "3 <= x < 4", "3 < x <= 4", "if z or", "y=1.5", "y=-0.5", "frozen=False", "pass",
    "flag is not True", "flag is False", "require_integer('x', x, 8)",
    "reshape(-1, 8)", "u - v",
)  # fmt: skip


def found() -> list[Mutant]:
    made = [mutant("m.py", SOURCE, point) for point in points(SOURCE)]
    return [each for each in made if each]


def test_every_mutant_is_another_program_of_one_other_line() -> None:
    plain = ast.unparse(ast.parse(SOURCE))
    texts = [each.source for each in found()]
    assert len(set(texts)) == len(texts)
    assert plain not in texts
    for each in found():
        assert plain.replace(each.before, each.after, 1) == each.source
        for kept in ("Say x + y.", "{5 + 6}", "Literal[1]", "(-1, ", "strict=True"):
            assert kept in each.source or each.after == "pass"


@pytest.mark.parametrize("fault", FAULTS)
def test_the_usual_faults_are_there(fault: str) -> None:
    assert any(fault in each.after for each in found())


def test_a_mutant_is_named_by_its_function_and_its_lines() -> None:
    named = {(each.function, each.before, each.after) for each in found()}
    assert ("Pair.f", "require_integer('x', x, 7)", "pass") in named
    assert ("Pair", "@dataclass(frozen=True)", "@dataclass(frozen=False)") in named


def test_what_is_called_equivalent_still_stands_in_its_module() -> None:
    for (module, function, before, after), reason in equivalents(ROOT / "tests" / "equivalent_mutants.txt").items():
        lines = [line.strip() for line in ast.unparse(ast.parse((ROOT / module).read_text())).splitlines()]
        assert before in lines, (module, before)
        assert not function or any(line.startswith(f"def {function.split('.')[-1]}(") for line in lines), function
        assert after != before
        assert reason
