"""The tables of the page on comparisons are written from results, and nothing else of the page changes."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "comparison_tables.py"))
STATEMENTS = (ROOT / "docs" / "statements.md").read_text()
PAGE = (ROOT / "docs" / "comparison.md").read_text()
TEXT = "<!-- rows: gridworld -->\n\n| old |\n\nNext.\n\n<!-- rows: instances -->\n\n| old |\n|---|\n"


@pytest.fixture
def folder(tmp_path: Path, zpg_in_process: Any) -> Path:
    """Two comparisons of the bandit that look as if the usual options had been asked for, with 2 and 3 seeds."""
    where = tmp_path / "results"
    small = ("--instance", "bandit", "--methods", "zpg,exact", "--budget", "60", "--jobs", "1", "--out", str(where))
    for seeds in ("2", "3"):
        done = zpg_in_process("compare", *small, "--seeds", seeds)
        assert done.returncode == 0, done.stderr
    for path in where.glob("*.csv"):
        path.write_text(path.read_text().replace('"zpg, exact"', "").replace(",60,", ",,"))
    return where


def test_the_pages_have_their_tables() -> None:
    assert re.findall(r"<!-- rows: (\w+) -->", STATEMENTS) == ["versus"]
    assert re.findall(r"<!-- rows: (\w+) -->", PAGE) == ["gridworld", "instances"]
    assert SCRIPT["with_tables"](PAGE, {}) == PAGE


@pytest.mark.slow
def test_tables_are_written_from_the_results_with_most_seeds(folder: Path) -> None:
    found = SCRIPT["read"]([folder])
    assert list(found) == ["bandit"]
    assert found["bandit"].finals["seeds"].iloc[0] == 3
    instances = SCRIPT["with_tables"](TEXT, found)
    assert "| old |\n\nNext" in instances, "the table of the gridworld stays without its results"
    lines = instances.partition("instances -->")[2].strip().splitlines()
    assert lines[0] == "| method | bandit |"
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| exact ascent", "| ZPG"]
    both = SCRIPT["with_tables"](TEXT, found | {"stochastic-gridworld": found["bandit"]})
    rows = both.partition("Next")[0].splitlines()[2:]
    assert rows[0] == SCRIPT["ENDS"]
    widths = {line.count("|") for line in rows if line}
    assert widths == {SCRIPT["ENDS"].count("|")}
    assert re.search(r"^\| ZPG \| 0\.\d\d \[0\.\d\d, 0\.\d\d\] \| \d+ x \d+ x \d+", "\n".join(rows), re.MULTILINE)
    assert "Next." in both
    _other_options_are_not_taken(folder)


def _other_options_are_not_taken(folder: Path) -> None:
    other = folder / "other"
    other.mkdir()
    for path in folder.glob("*runs-3*"):
        (other / path.name).write_text(path.read_text())
    (finals,) = other.glob("*_finals.csv")
    header, *lines = finals.read_text().splitlines()
    at = header.split(",").index("pairs")
    planted = [",".join([*line.split(",")[:at], "32", *line.split(",")[at + 1 :]]) for line in lines]
    finals.write_text("\n".join([header, *planted]) + "\n")
    assert SCRIPT["read"]([other]) == {}


def test_zpg_is_above_where_the_odds_of_the_other_method_are_small() -> None:
    """By hand: on one instance the other method is significantly below, on one above, on the rest neither."""
    odds = dict.fromkeys(SCRIPT["OTHERS"], (0.5, False)) | {"chain": (0.1, True), "garnet": (0.9, True)}

    def found(improvement: float, significant: bool) -> Any:
        rows = {
            method: {"improvement": improvement, "significant": significant} for method in SCRIPT["RIVALS"].values()
        }
        return SimpleNamespace(against=pd.DataFrame.from_dict(rows, orient="index"))

    lines = SCRIPT["versus_table"]({name: found(*each) for name, each in odds.items()}).splitlines()
    assert len(lines) == 2 + len(SCRIPT["RIVALS"])
    for line in lines[2:]:
        _, _, above, below, even, _ = line.split("|")
        assert (above.strip(), below.strip()) == ("chain (0.90)", "garnet (0.10)")
        assert even.count("(0.50)") == 3
