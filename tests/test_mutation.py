"""The mutation score puts faults in: each mutant is a program of its own, and there are the usual ones."""

from __future__ import annotations

import ast

from mutation import mutants

SOURCE = '''
def f(x, y):
    """Say x + y."""
    if x <= 0 and y == 1:
        return -max(x, y) ** 2
    return x - y / 3 if flag is True else x
'''


def test_every_mutant_is_another_program_and_the_usual_faults_are_there() -> None:
    found = [mutant for _, mutant in mutants(SOURCE)]
    plain = ast.unparse(ast.parse(SOURCE))
    assert len(set(found)) == len(found)
    assert plain not in found
    for mutant in found:
        ast.parse(mutant)
        assert "Say x + y." in mutant
    for fault in ("x < 0", "x <= 1", "x <= 0 or y", "y != 1", "min(x, y)", "+max(x, y)", "x + y / 3", "y * 3", "y / 4"):
        assert any(fault in mutant for mutant in found), fault
