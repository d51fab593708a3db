"""Small faults of a module, one at a time: another operator, constant, bound, sign or name, or a statement less."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Operators, and names of functions, each with what is put in its place.
OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
NAMES = {"maximum": "minimum", "max": "min", "all": "any", "argmax": "argmin", "floor": "ceil"}
NAMES |= {after: before for before, after in NAMES.items()}


@dataclass(frozen=True)
class Mutant:
    """A module with one fault: the function it stands in, the line before and after as `ast.unparse` writes it."""

    module: str
    function: str
    before: str
    after: str
    source: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What names it whatever the numbers of lines are."""
        return self.module, self.function, self.before, self.after


@dataclass(frozen=True)
class Point:
    """Where a fault can be put: the node by its place in the walk of the tree, and which of its changes."""

    function: str
    number: int
    change: int


def points(source: str) -> list[Point]:
    """Every place of a module for a fault.

    Texts, messages, annotations and what is raised are left alone. So is what only guards the program against itself
    or makes it faster (`strict` of zip, `maxsize` of a cache), and the free axis of a reshape, which any negative
    number stands for.
    """
    tree = ast.parse(source)
    numbers = {node: number for number, node in enumerate(ast.walk(tree))}
    return [
        Point(function, numbers[node], change)
        for node, function in _nodes(tree, "")
        for change in range(len(_changes(node)))
    ]


def _nodes(node: ast.AST, function: str) -> Iterator[tuple[ast.AST, str]]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        function = f"{function}.{node.name}".lstrip(".")
    yield node, function
    if isinstance(node, ast.Raise | ast.JoinedStr):
        return
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_left_alone(node, child):
                    yield from _nodes(child, function)


def _is_left_alone(node: ast.AST, child: ast.AST) -> bool:
    if isinstance(child, ast.keyword):
        return child.arg in ("strict", "maxsize")
    reshapes = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reshape"
    return reshapes and isinstance(child, ast.UnaryOp) and ast.unparse(child) == "-1"


def mutant(module: str, source: str, point: Point) -> Mutant | None:
    """Put a fault at a place. None when it leaves the program as it is."""
    tree = ast.parse(source)
    plain = ast.unparse(tree)
    twin = copy.deepcopy(tree)
    node = next(each for number, each in enumerate(ast.walk(twin)) if number == point.number)
    _changes(node)[point.change]()
    text = ast.unparse(twin)
    # A fault changes one line, since each plain statement is written on one.
    for before, after in zip(plain.splitlines(), text.splitlines(), strict=True):
        if before != after:
            return Mutant(module, point.function, before.strip(), after.strip(), text)
    return None


def _changes(node: ast.AST) -> list[Callable[[], object]]:
    """Ways to put a fault into a node, in place."""
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in OPERATORS:
        return [lambda: setattr(node, "op", OPERATORS[type(node.op)]()), *_lesser(node)]
    if isinstance(node, ast.Compare):
        return [
            lambda k=k, op=op: node.ops.__setitem__(k, OPERATORS[type(op)]())
            for k, op in enumerate(node.ops)
            if type(op) in OPERATORS
        ]
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return [lambda: setattr(node, "value", not node.value)]
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return [lambda: setattr(node, "value", node.value + 1), lambda: setattr(node, "value", node.value - 1)]
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        return [lambda: setattr(node, "attr", NAMES[node.attr])]
    if isinstance(node, ast.Name) and node.id in NAMES:
        return [lambda: setattr(node, "id", NAMES[node.id])]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return [lambda: setattr(node, "op", ast.UAdd())]
    return _lesser(node)


def _lesser(node: ast.AST) -> list[Callable[[], object]]:
    """Leave out a `not`, a call made for its effect, or what is raised."""
    changes: list[Callable[[], object]] = []
    for name, value in ast.iter_fields(node):
        if _is_not(value):
            changes.append(lambda name=name, value=value: setattr(node, name, value.operand))
        for k, each in enumerate(value if isinstance(value, list) else []):
            if _is_not(each):
                changes.append(lambda value=value, k=k, each=each: value.__setitem__(k, each.operand))
            elif name in ("body", "orelse") and _is_for_its_effect(each):
                changes.append(lambda value=value, k=k: value.__setitem__(k, ast.Pass()))
    return changes


def _is_not(node: Any) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _is_for_its_effect(node: Any) -> bool:
    return isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))


def equivalents(path: Path) -> dict[tuple[str, str, str, str], str]:
    """Mutants that no test can tell from the module, by key, with the reason of each.

    An entry is five lines: `module function`, `- before`, `+ after`, `= reason`, and an empty one. `+ *` stands for
    every fault of that line.
    """
    found = {}
    for entry in filter(None, path.read_text().strip().split("\n\n")):
        place, before, after, reason = entry.splitlines()
        module, _, function = place.partition(" ")
        found[module, function, before.removeprefix("- "), after.removeprefix("+ ")] = reason.removeprefix("= ")
    return found
